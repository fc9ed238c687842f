"""CSV (RFC 4180) that spreadsheets read as data and never as formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Final

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


class Number(str):
    """The text of a number, which may begin with a minus."""

    __slots__ = ()


def csv_text(rows: Iterable[Iterable[str]]) -> str:
    """Rows of cells, each with CRLF after it.

    A text that a spreadsheet would take for a formula gets an apostrophe before it (CWE-1236);
    numbers are written as they are.
    """
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(map(_safe, rows))
    return out.getvalue()


def _safe(row: Iterable[str]) -> list[str]:
    return [
        f"'{cell}" if cell.startswith(FORMULA_STARTS) and not isinstance(cell, Number) else cell
        for cell in row
    ]
