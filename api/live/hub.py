"""Listeners by session, and the messages each of them gets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final, Protocol, TypeVar
from uuid import UUID

from api.live.protocol import CLOSE_RESTART, CLOSE_SLOW, SessionFeed
from application.event_log import Recorded
from application.reader import LedgerClock
from domain.clock import Clock

BUFFER_BYTES_MAX: Final = 65_536
"""A listener with more unsent bytes than this is too slow and is disconnected."""
SOCKETS_PER_SESSION_MAX: Final = 8
"""With the merchant's token; watchers are counted apart and cannot take these places."""
WATCHERS_PER_SESSION_MAX: Final = 8
"""With the public token, which anybody who saw the code can get."""
LISTENERS_PER_STEP: Final = 250

_log = logging.getLogger(__name__)


class Socket(Protocol):
    """What the hub needs of a connection."""

    def buffered_bytes(self) -> int:
        """Bytes written that the kernel has not accepted yet."""
        ...

    def send(self, text: str) -> None:
        """Buffer a message; never waits."""
        ...

    def disconnect(self, code: int, reason: str) -> None:
        """Close within a deadline, then abort."""
        ...


class Listening(Protocol):
    """What every listener has, whatever it listens to."""

    @property
    def socket(self) -> Socket:
        """Where its messages go."""
        ...

    @property
    def subject(self) -> str:
        """Names it in logs."""
        ...


L = TypeVar("L", bound=Listening)


@dataclass(eq=False, slots=True)
class Listener:
    """A socket that follows one session."""

    socket: Socket
    session_id: UUID
    public_only: bool = False
    """A watcher: sees only the public part of the session, without order or return URL."""
    stays: bool = False
    """Whether it follows a paid session for some time, because refunds may follow."""
    backlog: list[Recorded] | None = field(default_factory=list)
    """Events received before the initial messages were sent; None from then on."""
    feed: SessionFeed | None = None
    ended_at: float | None = None
    """When the end of the session was noticed, by the monotonic clock."""

    @property
    def subject(self) -> str:
        """Names it in logs."""
        return f"session {self.session_id}"

    def seconds_since_end(self, now: float) -> float:
        """How long ago the session's end was first noticed here; 0 while it goes on.

        Args:
            now: the monotonic clock's time.
        """
        if self.feed is None or not self.feed.ended:
            return 0.0
        self.ended_at = self.ended_at or now
        return now - self.ended_at

    def send(self, text: str) -> None:
        """Send a message, or disconnect if the listener is too slow."""
        if self.socket.buffered_bytes() > BUFFER_BYTES_MAX:
            self.socket.disconnect(CLOSE_SLOW, "slow reader")
        else:
            self.socket.send(text)


class Hub:
    """The listeners of every session. Lives in one event loop and never waits for a reader."""

    def __init__(self, now: Callable[[], datetime], *, livemode: bool) -> None:
        self._now = now
        self._livemode = livemode
        self._by_session: dict[UUID, set[Listener]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nobody listens. The only member that may be used in another thread."""
        return not self._by_session

    def listeners(self) -> list[Listener]:
        """All listeners, in a new list."""
        return [listener for group in self._by_session.values() for listener in group]

    def count(self, session_id: UUID, *, public_only: bool) -> int:
        """The number of watchers of one session, or of its other listeners."""
        group = self._by_session.get(session_id, ())
        return sum(listener.public_only is public_only for listener in group)

    def is_full(self, session_id: UUID, *, public_only: bool) -> bool:
        """Whether the session has no place for one more listener of the kind."""
        return self.count(session_id, public_only=public_only) >= self.places(
            public_only=public_only
        )

    @staticmethod
    def places(*, public_only: bool) -> int:
        """How many listeners of the kind a session may have."""
        return WATCHERS_PER_SESSION_MAX if public_only else SOCKETS_PER_SESSION_MAX

    def register(self, listener: Listener) -> None:
        """Keep events for a listener from now on; call this before reading its history."""
        self._by_session.setdefault(listener.session_id, set()).add(listener)

    def unregister(self, listener: Listener) -> None:
        """Forget a listener; does nothing if it is not registered."""
        group = self._by_session.get(listener.session_id, set())
        group.discard(listener)
        if not group:
            self._by_session.pop(listener.session_id, None)

    def start(self, listener: Listener, history: Sequence[Recorded], after: int | None) -> None:
        """Send the initial messages, then the events received while the history was read."""
        feed = SessionFeed(history, livemode=self._livemode, public_only=listener.public_only)
        known = feed.seq
        now = self._now()
        for text in feed.initial_messages(after, now):
            listener.send(text)
        listener.feed = feed
        backlog, listener.backlog = listener.backlog or [], None
        self._send_events(listener, [late for late in backlog if late.version > known], now)

    def dispatch(self, page: Sequence[Recorded]) -> None:
        """Send events to the listeners of their sessions, in order.

        A listener that cannot be served (an unknown event, a gap) is closed and may resume with
        `after`. The others are not affected.
        """
        now = self._now()
        for recorded in page:
            send = partial(self._send_events, events=[recorded], now=now)
            for listener in list(self._by_session.get(recorded.stream_id, ())):
                if listener.backlog is not None:
                    listener.backlog.append(recorded)
                elif not call_or_close(listener, send):
                    self.unregister(listener)

    async def take_in(self, events: Sequence[Recorded], clock: LedgerClock) -> None:
        """Send events to their listeners; an advance of the test clock shows each session anew.

        Args:
            events: of sessions and of the clock, at least one.
            clock: learns the ledger's time from them.
        """
        clock.reached(events[-1].recorded_at)
        self.dispatch(events)
        if any(one.topic == Clock.Advanced.TOPIC for one in events):
            await for_each(self.listeners(), self._tell_time)

    def _tell_time(self, listener: Listener) -> None:
        """Send the session as it is shown at the ledger's time, without a new event."""
        if listener.feed is not None:
            listener.send(listener.feed.snapshot(self._now()))

    @staticmethod
    def _send_events(listener: Listener, events: Collection[Recorded], now: datetime) -> None:
        if listener.feed is None:
            return
        for recorded in events:
            if listener.feed.apply(recorded):
                listener.send(listener.feed.event(recorded.version, now))


def call_or_close(listener: L, action: Callable[[L], None]) -> bool:
    """Call an action for one listener and close it on any error. Returns whether it succeeded."""
    try:
        action(listener)
    except Exception:  # noqa: BLE001 - one listener's error must not affect the others
        _log.exception("closing a listener of %s", listener.subject)
        with suppress(Exception):  # it is forgotten in any case
            listener.socket.disconnect(CLOSE_RESTART, "reconnect")
        return False
    return True


async def for_each(listeners: Sequence[L], action: Callable[[L], None]) -> None:
    """Call an action for every listener, in steps that let the event loop run in between."""
    for start in range(0, len(listeners), LISTENERS_PER_STEP):
        for listener in listeners[start : start + LISTENERS_PER_STEP]:
            call_or_close(listener, action)
        await asyncio.sleep(0)
