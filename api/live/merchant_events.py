"""The sessions' events of merchants, and the session right after each of them.

Events of a session do not name its merchant, so the first event of the session is looked at, and
what it says is remembered. States are remembered too: an event that follows the remembered version
costs no read. Both memories are bounded, whatever the number of a merchant's sessions. Everything
here may read the log, so it is called in threads, never on the event loop.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import islice
from threading import Lock
from typing import Any, Final, NamedTuple, Protocol, TypeVar
from uuid import UUID

from api.live.protocol import TOPICS
from application.command import copy_for_decision
from application.consumer import PagedLog
from application.event_log import LOAD_EVENTS_MAX, EventLog, Recorded, fold, history
from application.restriction import is_restricted
from domain.sessions.payment_session import PaymentSession
from domain.sessions.restriction import without_text

OWNERS_MAX: Final = 65_536
"""Sessions whose merchant is remembered; about 200 bytes each."""
STATES_MAX: Final = 8192
"""Sessions whose state is remembered; about 2 KB each."""
LOAD_STREAMS_MAX: Final = 100
"""Sessions whose events are read at once."""
PAGE_POSITIONS: Final = 500

K = TypeVar("K")
V = TypeVar("V")
_log = logging.getLogger(__name__)


class LiveLog(EventLog, PagedLog, Protocol):
    """The log, as streams and as pages."""


class Heard(NamedTuple):
    """An event of a merchant's session."""

    merchant_id: str
    recorded: Recorded
    session: PaymentSession | None
    """The session after it; None if this program cannot read the session."""


class Standing(NamedTuple):
    """A session as it stood at some position of the log."""

    created_position: int
    position: int
    """Of its last event until then."""
    session: PaymentSession


class MerchantEvents:
    """Finds whose the events are. Thread-safe."""

    def __init__(
        self, log: LiveLog, *, owners_max: int = OWNERS_MAX, states_max: int = STATES_MAX
    ) -> None:
        self._event_log = log
        self._owners_max = owners_max
        self._states_max = states_max
        self._lock = Lock()
        self._owners: OrderedDict[UUID, str] = OrderedDict()
        self._states: OrderedDict[UUID, tuple[int, PaymentSession]] = OrderedDict()
        """Version and state by session."""

    def page(self, after: int, up_to: int, merchant_id: str) -> tuple[list[Heard], int]:
        """The events of a merchant's sessions on the page after a position, and its last position.

        Raises:
            LogUnavailable: nothing could be read.
        """
        page = self._event_log.page(after, min(PAGE_POSITIONS, up_to - after), TOPICS)
        heard = self.of_merchants(page.events, lambda owner: owner == merchant_id)
        return self._as_shown(heard), page.last

    def of_merchants(
        self, events: Sequence[Recorded], wanted: Callable[[str], bool]
    ) -> list[Heard]:
        """The events of the merchants that are wanted, in order.

        Raises:
            LogUnavailable: what is not remembered could not be read.
        """
        for recorded in events:
            if recorded.version == 1:
                first: Any = recorded.event
                self._keep(self._owners, recorded.stream_id, first.merchant_id, self._owners_max)
        loaded: dict[UUID, list[Recorded]] = {}
        owners = self._find_owners(events, loaded)
        own = [recorded for recorded in events if wanted(owners[recorded.stream_id])]
        states = self._find_states(own, loaded)
        heard = []
        for recorded in own:
            before = states.get(recorded.stream_id)
            after = _apply(before, recorded)
            if after is not None:
                states[recorded.stream_id] = after
                self._remember(recorded.stream_id, after)
            heard.append(Heard(owners[recorded.stream_id], recorded, after and after[1]))
        return heard

    def _as_shown(self, heard: list[Heard]) -> list[Heard]:
        """The same without the texts of sessions that have been restricted since."""
        sessions = dict.fromkeys(one.recorded.stream_id for one in heard)
        restricted = {
            session
            for session, events in self._load(list(sessions)).items()
            if is_restricted(events)
        }
        return [
            one._replace(session=one.session and without_text(one.session))
            if one.recorded.stream_id in restricted
            else one
            for one in heard
        ]

    def at(self, sessions: Sequence[UUID], position: int) -> list[Standing]:
        """Sessions as they stood at a position; those that began later are left out.

        Raises (checked in this order):
            LogUnavailable: nothing could be read.
            UnknownEvent: a newer version of the program wrote one of the events.
        """
        found = []
        for loaded in self._load(sessions).values():
            events = [recorded for recorded in loaded if recorded.position <= position]
            if events:
                found.append(Standing(events[0].position, events[-1].position, fold(events)))
        return found

    def _find_owners(
        self, events: Sequence[Recorded], loaded: dict[UUID, list[Recorded]]
    ) -> dict[UUID, str]:
        """The merchant of every session; what had to be read is added to `loaded`."""
        streams = dict.fromkeys(recorded.stream_id for recorded in events)
        with self._lock:
            known = {one: self._owners[one] for one in streams if one in self._owners}
        # The memory may be smaller than a page, so the page itself is looked at as well.
        known |= {one.stream_id: _owner(one) for one in events if one.version == 1}
        loaded.update(self._load([one for one in streams if one not in known]))
        for stream_id, found in loaded.items():
            known[stream_id] = _owner(found[0])
            self._keep(self._owners, stream_id, known[stream_id], self._owners_max)
        return known

    def _find_states(
        self, events: Sequence[Recorded], loaded: dict[UUID, list[Recorded]]
    ) -> dict[UUID, tuple[int, PaymentSession]]:
        """The sessions as they stood before the first of these events of theirs."""
        first = {recorded.stream_id: recorded for recorded in reversed(events)}
        with self._lock:
            known = {one: self._states[one] for one in first if one in self._states}
        before = {one: known[one] for one in known if known[one][0] == first[one].version - 1}
        missing = [
            one for one, recorded in first.items() if one not in before and recorded.version > 1
        ]
        loaded.update(self._load([one for one in missing if one not in loaded]))
        for stream_id in missing:
            state: tuple[int, PaymentSession] | None = None
            for recorded in islice(loaded[stream_id], first[stream_id].version - 1):
                state = _apply(state, recorded)
                if state is None:
                    break
            if state is not None:
                before[stream_id] = state
        return before

    def _load(self, sessions: Sequence[UUID]) -> dict[UUID, list[Recorded]]:
        """All events of sessions, by session."""
        found: dict[UUID, list[Recorded]] = {}
        for start in range(0, len(sessions), LOAD_STREAMS_MAX):
            part = sessions[start : start + LOAD_STREAMS_MAX]
            for recorded in self._event_log.load(dict.fromkeys(part, 0), ()).events:
                found.setdefault(recorded.stream_id, []).append(recorded)
        for stream_id, events in found.items():
            if len(events) > LOAD_EVENTS_MAX:
                found[stream_id] = history(self._event_log, stream_id)
        return found

    def _remember(self, stream_id: UUID, state: tuple[int, PaymentSession]) -> None:
        """Remember a state, unless a later one is: histories are read beside the feed."""
        with self._lock:
            known = self._states.get(stream_id)
        if known is None or known[0] < state[0]:
            self._keep(self._states, stream_id, state, self._states_max)

    def _keep(self, memory: OrderedDict[K, V], key: K, value: V, size_max: int) -> None:
        """Remember, in place of what was remembered longest ago if there is too much."""
        with self._lock:
            memory[key] = value
            memory.move_to_end(key)
            while len(memory) > size_max:
                memory.popitem(last=False)


def _owner(first: Recorded) -> str:
    event: Any = first.event
    return str(event.merchant_id)


def _apply(
    before: tuple[int, PaymentSession] | None, recorded: Recorded
) -> tuple[int, PaymentSession] | None:
    """The version and the session after an event; None if it does not follow, or is not known."""
    version = before[0] if before else 0
    if recorded.version != version + 1:
        return None
    state: Any = copy_for_decision(before[1]) if before else None
    try:
        after: Any = recorded.event.mutate(state)
    except Exception:  # noqa: BLE001 - one session must not affect the others
        _log.exception("session %s cannot be read at version %d", recorded.stream_id, version + 1)
        return None
    return recorded.version, after
