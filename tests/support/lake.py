"""An exported ledger, and the questions of the page on DuckDB."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import duckdb

PAGE: Final = Path(__file__).parents[2] / "docs" / "howto" / "query-with-duckdb.md"
VIEW: Final = "create view events as"


def questions() -> dict[str, str]:
    """The statements of the page, by the heading above each."""
    found = re.findall(
        r"^### ([^\n]+)\n(?:(?!^#).)*?```sql\n(.*?)```", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    return dict(found)


def opening() -> str:
    """The statements that the page begins with."""
    first: str = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]
    assert VIEW in first
    return first


def ask(folder: Path, statement: str) -> list[tuple[Any, ...]]:
    """The answer to a statement about the files in `folder`, which stands for the page's `lake`."""
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    try:
        connection.execute(opening().replace("'lake/", f"'{folder}/"))
        return list(connection.execute(statement).fetchall())
    finally:
        connection.close()
