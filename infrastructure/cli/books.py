"""`books export`: the books as a file for an accounting program."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import rich_click as click

from application.consumer import LogCorrupt
from infrastructure.cli import _support
from infrastructure.database import open_database
from infrastructure.exports.export import read_range, write_books
from infrastructure.exports.formats import FORMATS
from infrastructure.exports.output import OutputError, written_whole
from infrastructure.opening import make_log
from infrastructure.postgres.connections import DatabaseRole


@click.group()
def books() -> None:
    """Double-entry books, derived from the log."""


@books.command("export")
@click.option(
    "--format", "form", required=True, metavar="|".join(FORMATS), help="The file's format."
)
@click.option("--from", "first", metavar="BOUND", help="From here on (default: the first event).")
@click.option("--to", "end", metavar="BOUND", help="Before this (default: after the last event).")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The file to write.")
def export(form: str, first: str | None, end: str | None, output: Path) -> None:
    """Write the journal entries of a range, exact to the minor unit.

    A BOUND is a position of the log, a day (its first instant in UTC) or an RFC 3339 time. The file
    is written whole or not at all, and replaces an existing one.
    """
    if form not in FORMATS:
        _support.fail(f"no format {form!r:.40}; the formats are {', '.join(FORMATS)}")
    settings = _support.settings()
    with _support.report_errors():
        try:
            with written_whole(output) as file, open_database(settings) as url:
                log = make_log(url, DatabaseRole.READER, size_max=1)
                positions = read_range(log, first, end)
                with progress("books", positions.end - 1) as on_page:
                    entries = write_books(log, positions, FORMATS[form](), file, on_page=on_page)
                log.close()
        except OutputError as error:
            _support.fail(str(error))
        except LogCorrupt as error:
            _support.fail(str(error), _support.EXIT_FAILED)
    last = positions.end - 1
    click.echo(f"{output}: {entries} entries, positions {positions.first} to {last}")


@contextmanager
def progress(label: str, length: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, told the positions that were reached; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _position: None
        return
    with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
        yield lambda position: bar.update(position - bar.pos)
