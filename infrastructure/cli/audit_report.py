"""`audit report`: who did what only privileged people may do, and when."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import rich_click as click

from application.consumer import LogCorrupt
from application.privileged_acts import Line, Report
from domain import ids, times
from domain.text import REPLACEMENT
from infrastructure.cli import _support
from infrastructure.database import open_database
from infrastructure.exports.export import read_range
from infrastructure.opening import make_log
from infrastructure.postgres.connections import DatabaseRole

ACTOR_CHARS_MAX: Final = 500
WIDTH: Final = 100
"""Characters of a printed line; facts continue on the next one."""
INDENT: Final = "    "


@click.command("report")
@click.option("--from", "first", metavar="BOUND", help="From here on (default: the first event).")
@click.option("--to", "end", metavar="BOUND", help="Before this (default: after the last event).")
@click.option("--actor", metavar="ACTOR", help="Only the acts of this one, such as cli:anna.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def report(first: str | None, end: str | None, actor: str | None, *, as_json: bool) -> None:
    """List the privileged acts of a period, with who did them, and count them by actor.

    A BOUND is a position of the log, a day (its first instant in UTC) or an RFC 3339 time. An actor
    is a user of the command line (cli:…), an API key (key_…) or a part of this program.
    """
    if actor is not None and not 1 <= len(actor) <= ACTOR_CHARS_MAX:
        _support.fail(f"--actor must have 1 to {ACTOR_CHARS_MAX} characters")
    settings = _support.settings()
    with _support.report_errors(), open_database(settings) as url:
        log = make_log(url, DatabaseRole.READER, size_max=1)
        try:
            positions = read_range(log, first, end)
            found = Report(log)
            lines = found.lines(positions.first, positions.end, actor=actor)
            facts = {
                "from": first, "to": end, "actor": actor,
                "first_position": positions.first, "last_position": positions.end - 1,
            }  # fmt: skip
            for text in _as_json(found, lines, facts) if as_json else _as_text(found, lines, facts):
                click.echo(text)
        except LogCorrupt as error:
            _support.fail(str(error), _support.EXIT_FAILED)
        finally:
            log.close()


def _as_json(found: Report, lines: Iterable[Line], facts: dict[str, Any]) -> Iterable[str]:
    """One JSON object, written act by act."""
    yield f'{json.dumps(facts)[:-1]}, "data": ['
    separator = ""
    for line in lines:
        yield separator + json.dumps(_document(line))
        separator = ","
    yield f'], "acts_by_actor": {json.dumps(found.counts)}}}'


def _document(line: Line) -> dict[str, Any]:
    recorded = line.recorded
    return {
        "position": recorded.position,
        "recorded_at": times.to_text(recorded.recorded_at),
        "actor": recorded.actor,
        "actor_name": line.actor,
        "type": recorded.topic,
        "act": line.act.says,
        "subject": ids.subject(recorded.topic, recorded.stream_id),
        "command_id": str(recorded.command_id),
        "facts": dict(line.facts),
    }


def _as_text(found: Report, lines: Iterable[Line], facts: dict[str, Any]) -> Iterable[str]:
    """Lines that fit a sheet."""
    period = f"from {facts['from'] or 'the first event'} to {facts['to'] or 'the last event'}"
    whom = f", by {facts['actor']}" if facts["actor"] else ""
    positions = f"positions {facts['first_position']} to {facts['last_position']}"
    yield _printable(f"Privileged acts {period}{whom}: {positions}, times in UTC")
    yield ""
    for line in lines:
        recorded = line.recorded
        subject = ids.subject(recorded.topic, recorded.stream_id)
        yield _printable(
            f"{recorded.position:>9}  {times.to_text(recorded.recorded_at)}  {line.actor}"
        )
        yield from _wrapped(f"{line.act.says}: {subject}", line.facts)
    yield "Acts by actor" if found.counts else "No privileged acts."
    for actor, count in sorted(found.counts.items()):
        yield _printable(f"{count:>9}  {actor}")


def _wrapped(head: str, facts: Mapping[str, Any]) -> Iterable[str]:
    """The act and its facts, in lines of at most `WIDTH` characters unless one fact is longer."""
    text = INDENT + head
    for name, value in facts.items():
        part = f"{name}={json.dumps(value, ensure_ascii=False)}"
        if len(text) + 2 + len(part) > WIDTH:
            yield _printable(text)
            text = INDENT * 2 + part
        else:
            text = f"{text}  {part}"
    yield _printable(text)


def _printable(text: str) -> str:
    """The text without characters that move the cursor or turn the direction of writing."""
    return "".join(one if one.isprintable() else REPLACEMENT for one in text)
