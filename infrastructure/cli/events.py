"""`events tail`: the log, event by event, as it is recorded."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from threading import Event
from typing import Any, Final
from uuid import UUID

import rich_click as click

from application.consumer import LogCorrupt
from application.errors import LogUnavailable
from application.event_document import event_document
from application.event_log import EventLog, Recorded
from domain import ids
from infrastructure import logs
from infrastructure.cli import _following, _support
from infrastructure.database import open_database
from infrastructure.event_store import registry
from infrastructure.opening import make_log
from infrastructure.postgres.connections import DatabaseRole

PAGE_EVENTS: Final = 200
"""Events that are read at a time."""
DATA_CHARS_MAX: Final = 200
"""What a line shows of an event's data; --json shows everything."""


@click.group()
def events() -> None:
    """The events of the log."""


@events.command()
@click.option("--type", "types", multiple=True, help="Only events of this type; may be repeated.")
@click.option("--session", help="Only events of this session (ps_…).")
@click.option("--after", help="Begin after this position, 0 for the whole log. Default: its end.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def tail(*, types: tuple[str, ...], session: str | None, after: str | None, as_json: bool) -> None:
    """Print events as they are recorded, without a gap, until Ctrl-C."""
    settings = _support.settings()
    logs.configure(logging.WARNING)
    wanted = None if after is None else _support.whole_number("--after", after)
    takes = _filter(types, session)
    with (
        _support.report_errors(),
        _following.quiet_pipe(),
        open_database(settings) as url,
    ):
        log = make_log(url, DatabaseRole.READER, size_max=1)
        begin = log.head() if wanted is None else wanted
        tailing = Tail(log, takes, _json if as_json else _line)

        def work(stopped: Event) -> None:
            _following.follow(url, begin, stopped, lambda at: tailing.step(at, stopped))

        try:
            _following.run_until_interrupted(work)
        except LogCorrupt as error:
            _support.fail(str(error), _support.EXIT_FAILED)
        finally:
            log.close()


class Tail:
    """Prints the log, page by page."""

    def __init__(
        self, log: EventLog, takes: Callable[[Recorded], bool], show: Callable[[Recorded], str]
    ) -> None:
        self._log = log
        self._takes = takes
        self._show = show
        self._colour = _following.in_colour()
        self._away = False
        """Whether the log could not be read the last time."""

    def step(self, after: int, stopped: Event) -> tuple[int, bool]:
        """Print the next page; returns its last position, and whether there may be more.

        Raises:
            LogCorrupt: a position is missing.
        """
        try:
            page = self._log.read(after, PAGE_EVENTS)
        except LogUnavailable as error:
            if not self._away:
                click.echo(f"{error.detail} It is tried again.", err=True)
            self._away = True
            return after, False
        self._away = False
        _check_gapless(page, after)
        for recorded in page:
            if stopped.is_set():
                break
            if self._takes(recorded):
                click.echo(self._show(recorded), color=self._colour)
            after = recorded.position
        return after, len(page) == PAGE_EVENTS


def _check_gapless(page: Sequence[Recorded], after: int) -> None:
    for expected, recorded in enumerate(page, after + 1):
        if recorded.position != expected:
            msg = f"position {expected} of the log is missing"
            raise LogCorrupt(msg)


def _filter(types: Sequence[str], session: str | None) -> Callable[[Recorded], bool]:
    """Whether an event is asked for; what cannot be asked for ends the program."""
    for name in types:
        if name not in registry.EVENTS:
            _support.fail(f"--type: no event has the type {name[:80]!r}")
    stream_id: UUID | None = None
    if session is not None:
        try:
            stream_id = ids.decode("ps", session)
        except ValueError:
            _support.fail(f"{session[:80]!r} is not a session's id, such as ps_…")
    wanted = frozenset(types)

    def takes(recorded: Recorded) -> bool:
        if wanted and recorded.topic not in wanted:
            return False
        return stream_id is None or recorded.stream_id == stream_id

    return takes


def _json(recorded: Recorded) -> str:
    return json.dumps(event_document(recorded))


def _line(recorded: Recorded) -> str:
    document: dict[str, Any] = event_document(recorded)
    data = json.dumps(document["data"])
    shown = data if len(data) <= DATA_CHARS_MAX else f"{data[:DATA_CHARS_MAX]}…"
    return "  ".join(
        [
            click.style(str(recorded.position), bold=True),
            click.style(document["recorded_at"], dim=True),
            click.style(recorded.topic, fg="cyan"),
            document["subject"],
            f"version {recorded.version}",
            shown,
        ]
    )
