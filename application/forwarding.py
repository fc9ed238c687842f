"""The events of one merchant, told to a developer's server as webhooks would tell them.

    log ──▶ page by page ──▶ the merchant's events, with their bodies ──▶ calls, one after the other

The calls are made in the log's order, so each session's events arrive in order. A call that fails
is made again a few times, under the same id; then it is given up, and the next event follows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from application.errors import LogUnavailable
from application.event_log import Recorded
from application.ports.webhook_sender import Sent, WebhookSender
from application.ports.webhooks import WebhookBodies
from application.processes._webhook_call import signed_call
from application.processes._webhook_fanout import WebhookLog
from application.processes._webhook_rules import Verdict, judge
from application.processes._webhook_streams import Streams
from domain import ids
from domain.merchants.standard_webhooks import Signer

PAGE_POSITIONS: Final = 100
"""Positions that are read at a time."""
WAITS_SECONDS: Final = (0.5, 2.0, 5.0)
"""Before the second, third and fourth attempt; then an event is given up."""
ATTEMPTS_MAX: Final = len(WAITS_SECONDS) + 1
UNAVAILABLE_SECONDS: Final = 1.0
"""How long a log that cannot be read is left alone."""


class Notice(NamedTuple):
    """One event that is to be told."""

    recorded: Recorded
    id: str
    """The `webhook-id`."""
    subject: str
    """The session's or payout's id."""
    body: bytes


class Attempt(NamedTuple):
    """One call that was made."""

    notice: Notice
    number: int
    """From 1."""
    sent: Sent
    verdict: Verdict
    again_seconds: float | None
    """The wait before the next attempt; None: there is none."""


class MerchantEvents:
    """The events of one merchant that webhooks tell of."""

    def __init__(
        self, log: WebhookLog, bodies: WebhookBodies, merchant_id: str, topics: Collection[str]
    ) -> None:
        self._log = log
        self._bodies = bodies
        self._merchant_id = merchant_id
        self._topics = topics

    def page(self, after: int) -> tuple[Sequence[Notice], int]:
        """The merchant's events of the next positions, and the last of these positions.

        Raises (checked in this order):
            LogUnavailable: nothing could be read.
            LogCorrupt: a position is missing.
        """
        page = self._log.page(after, PAGE_POSITIONS, self._topics)
        if not page.events:
            return (), page.last
        streams = Streams(self._log, {recorded.stream_id for recorded in page.events})
        return [
            self._notice(recorded, streams)
            for recorded in page.events
            if streams.at_version(recorded.stream_id, 1)[1].merchant_id == self._merchant_id
        ], page.last

    def _notice(self, recorded: Recorded, streams: Streams) -> Notice:
        stored, subject = streams.at_version(recorded.stream_id, recorded.version)
        return Notice(
            recorded,
            ids.encode("evt", recorded.event_id),
            ids.subject(recorded.topic, recorded.stream_id),
            self._bodies.body(stored, subject),
        )


class Report(Protocol):
    """Is told what happens."""

    def attempted(self, attempt: Attempt) -> None:
        """A call was made."""
        ...

    def unavailable(self, error: LogUnavailable) -> None:
        """The log cannot be read; that is tried again until it can."""
        ...


class Forwarder:
    """Calls one URL for each event."""

    def __init__(
        self,
        events: MerchantEvents,
        sender: WebhookSender,
        signer: Signer,
        url: str,
        *,
        wall_clock: Callable[[], datetime],
        report: Report,
        remember: Callable[[int], None],
        pause: Callable[[float], bool],
    ) -> None:
        """Forward events.

        Args:
            events: what is told.
            sender: makes the calls.
            signer: signs them.
            url: where they go.
            wall_clock: real time, which the receiver compares with its own.
            report: is told of each attempt.
            remember: keeps the position up to which everything was told or given up.
            pause: waits at most so many seconds; true: stop now.
        """
        self._events = events
        self._sender = sender
        self._signer = signer
        self._url = url
        self._wall_clock = wall_clock
        self._report = report
        self._remember = remember
        self._pause = pause
        self._away = False
        """Whether the log could not be read the last time."""

    def forward(self, after: int) -> tuple[int, bool]:
        """Tell the events of the next page; returns the position, and whether to go on at once."""
        try:
            notices, last = self._events.page(after)
        except LogUnavailable as error:
            if not self._away:
                self._report.unavailable(error)
            self._away = True
            self._pause(UNAVAILABLE_SECONDS)
            return after, False
        self._away, position = False, after
        for notice in notices:
            if not self._tell(notice):
                return position, False
            position = notice.recorded.position
            self._remember(position)
        if last > position:
            self._remember(last)
        return last, last > after

    def _tell(self, notice: Notice) -> bool:
        """Call until it succeeds or is given up; false: stopped before that."""
        for number, wait in enumerate((*WAITS_SECONDS, None), 1):
            call = signed_call(
                self._url,
                signers=[self._signer],
                webhook_id=notice.id,
                at=self._wall_clock(),
                body=notice.body,
            )
            [sent] = self._sender.send([call])
            verdict = judge(sent)
            again = None if verdict.delivered else wait
            self._report.attempted(Attempt(notice, number, sent, verdict, again))
            if again is None:
                return True
            if self._pause(again):
                return False
        raise AssertionError  # the last wait is None
