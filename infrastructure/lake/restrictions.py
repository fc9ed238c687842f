"""Which events have no text in exported files, because their session or wallet is restricted."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID

from application.consumer import PagedLog
from application.event_log import PAGE_EVENTS_MAX, EventLog, Recorded, UnknownEvent, history
from domain import ids
from domain.personal_data import WITH_SESSION, WITH_WALLET
from domain.sessions.restriction import Restricted
from domain.wallets.wallet import Wallet

TOPICS: Final = (Restricted.TOPIC, Wallet.Restricted.TOPIC)


class LakeLog(EventLog, PagedLog, Protocol):
    """The log, as streams and as pages."""


class _Subject(NamedTuple):
    """A restricted session or wallet: the positions of its first event and of its restriction."""

    first: int
    restricted: int


class Restrictions:
    """The restricted sessions and wallets of a log; about 200 bytes each."""

    def __init__(self, log: LakeLog, up_to: int) -> None:
        """Read the restrictions up to a position.

        Raises (checked in this order):
            LogUnavailable: nothing could be read.
            LogCorrupt: a position is missing.
        """
        self._names: set[str] = set()
        """`ps_…` and `wal_…`."""
        self._streams: set[UUID] = set()
        self._subjects: list[_Subject] = []
        after = 0
        while after < up_to:
            page = log.page(after, min(PAGE_EVENTS_MAX, up_to - after), TOPICS)
            if page.last == after:
                break
            after = page.last
            for recorded in page.events:
                self._add(log, recorded)

    def last_that_changes(self, first: int, end: int) -> int:
        """The last restriction that a file of these positions has to follow, 0 if there is none.

        Those before `first` were known whenever the file was written.
        """
        return max(
            (
                one.restricted
                for one in self._subjects
                if one.first < end and one.restricted >= first
            ),
            default=0,
        )

    def covers(self, recorded: Recorded) -> bool:
        """Whether an event is one of a restricted session or wallet, and has texts."""
        if not self._streams or recorded.topic not in WITH_SESSION | WITH_WALLET:
            return False
        if recorded.stream_id in self._streams:
            return True
        try:
            event: Any = recorded.event
        except UnknownEvent:
            return False
        named = "session_id" if recorded.topic in WITH_SESSION else "wallet_id"
        return getattr(event, named, None) in self._names

    def _add(self, log: LakeLog, restriction: Recorded) -> None:
        stream_id = restriction.stream_id
        self._names.add(ids.subject(restriction.topic, stream_id))
        self._streams.add(stream_id)
        if restriction.topic == Wallet.Restricted.TOPIC:
            events = list(log.stream(stream_id, up_to=1))
        else:
            events = history(log, stream_id)
            found: set[Any] = {getattr(one.event, "suspense_id", None) for one in events}
            self._streams |= {ids.decode("sus", one) for one in found if one}
        self._subjects.append(_Subject(events[0].position, restriction.position))
