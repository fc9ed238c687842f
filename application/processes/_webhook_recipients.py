"""Whether anybody may have to be told of an event: decided by positions, from what is remembered.

A session with a callback address has a recipient. So has whatever is a merchant's whose webhook
endpoints were opened at an earlier position. As positions decide, the answer for an event is the
same whenever it is asked. It is remembered: of a session or payout whose first event has passed,
and of a merchant since it was met, so that the events of merchants without endpoints cost neither
a task nor a read. What was forgotten costs one read of one event.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

from application.event_log import EventLog, Recorded
from application.processes._webhook_streams import endpoints_stream

SUBJECTS_MAX: Final = 32_768
"""Sessions and payouts that are remembered; the oldest ones are forgotten."""
MERCHANTS_MAX: Final = 32_768
"""With the sessions about 13 MB."""

K = TypeVar("K")
V = TypeVar("V")


class _Subject(NamedTuple):
    """What the first event of a session or payout says about its recipients."""

    merchant_id: str
    has_callback: bool


class Recipients:
    """Remembers whose the sessions are, and since when merchants have endpoints.

    Valid as long as every event of the log's endpoints passes `opened` in order from the first
    question on; otherwise `forget`.
    """

    def __init__(
        self,
        log: EventLog,
        *,
        subjects_max: int = SUBJECTS_MAX,
        merchants_max: int = MERCHANTS_MAX,
    ) -> None:
        self._log = log
        self._subjects_max = subjects_max
        self._merchants_max = merchants_max
        self._subjects: dict[UUID, _Subject] = {}
        self._opened: dict[str, int | None] = {}
        """The position at which a merchant's endpoints were opened; None: not yet."""

    def may_exist(self, recorded: Recorded) -> bool:
        """Whether the event of a session or payout may have a recipient.

        Raises:
            LogUnavailable: what is not remembered could not be read.
        """
        subject = self._subject(recorded)
        if subject.has_callback:
            return True
        opened = self._opened_at(subject.merchant_id)
        return opened is not None and opened < recorded.position

    def opened(self, recorded: Recorded) -> None:
        """Take in that a merchant's endpoints were opened."""
        event: Any = recorded.event
        _keep(self._opened, event.merchant_id, recorded.position, self._merchants_max)

    def forget(self) -> None:
        """Forget everything: endpoints may have been opened that did not pass."""
        self._subjects.clear()
        self._opened.clear()

    def _subject(self, recorded: Recorded) -> _Subject:
        subject = self._subjects.get(recorded.stream_id)
        if subject is None:
            first: Any = recorded.event
            if recorded.version > 1:
                [one] = self._log.stream(recorded.stream_id, up_to=1)
                first = one.event
            subject = _Subject(first.merchant_id, bool(getattr(first, "callback_url", None)))
            _keep(self._subjects, recorded.stream_id, subject, self._subjects_max)
        return subject

    def _opened_at(self, merchant_id: str) -> int | None:
        if merchant_id not in self._opened:
            first = self._log.stream(endpoints_stream(merchant_id), up_to=1)
            opened = first[0].position if first else None
            _keep(self._opened, merchant_id, opened, self._merchants_max)
        return self._opened[merchant_id]


def _keep(memory: dict[K, V], key: K, value: V, size_max: int) -> None:
    """Remember, in place of the oldest if there are too many."""
    if key not in memory and len(memory) >= size_max:
        del memory[next(iter(memory))]
    memory[key] = value
