"""CSV: RFC 4180, and no formulas."""

from __future__ import annotations

import csv
import io

import pytest

from application.csv_text import Number, csv_text


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_that_a_spreadsheet_takes_for_a_formula_is_neutralised(cell: str) -> None:
    [[found]] = csv.reader(io.StringIO(csv_text([[cell]]), newline=""))

    assert found == f"'{cell}"


def test_numbers_and_other_texts_stay_as_they_are() -> None:
    row = [Number("-12.05"), "a=b", "", 'a "b"', "a,b", "a\nb"]

    text = csv_text([row, ["x"]])

    assert text == '-12.05,a=b,,"a ""b""","a,b","a\nb"\r\nx\r\n'
    assert next(iter(csv.reader(io.StringIO(text, newline="")))) == row
