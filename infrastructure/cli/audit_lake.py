"""`audit parquet`: the log as Parquet files, a file for each month."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

import rich_click as click

from application.consumer import LogCorrupt
from infrastructure.cli import _support
from infrastructure.cli.books import progress
from infrastructure.database import open_database
from infrastructure.exports.output import OutputError
from infrastructure.opening import make_log
from infrastructure.postgres.connections import DatabaseRole

NEEDS: Final = "audit parquet needs the extra: pip install 'qrledger[lake]'"


@click.command("parquet")
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), help="The folder to write to."
)
@click.option("--from", "first", metavar="MONTH", help="From this month on, such as 2026-01.")
@click.option("--to", "end", metavar="MONTH", help="Before this month.")
@click.option("--without-text", is_flag=True, help="Leave out text that somebody made up.")
def write_parquet(*, output: Path, first: str | None, end: str | None, without_text: bool) -> None:
    """Write the events as Parquet, a file for each month of `recorded_at` in UTC.

    Files appear whole. Run again, it keeps those that are complete and writes the others, among
    them the present month's. DuckDB queries: docs/howto/query-with-duckdb.md.
    """
    if find_spec("pyarrow") is None:
        _support.fail(NEEDS)
    from infrastructure.lake.export import export  # noqa: PLC0415 - an extra

    settings = _support.settings()
    with _support.report_errors(), open_database(settings) as url:
        log = make_log(url, DatabaseRole.READER, size_max=1)
        try:
            with progress("parquet", log.head()) as on_page:
                done = export(
                    log, output, first=first, end=end, without_text=without_text, on_page=on_page
                )
        except OutputError as error:
            _support.fail(str(error))
        except LogCorrupt as error:
            _support.fail(str(error), _support.EXIT_FAILED)
        finally:
            log.close()
    click.echo(f"{output}: {done.events} events in {done.written} files written, {done.kept} kept")
