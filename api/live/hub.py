"""Who listens to what: channels of sessions, sockets that may be slow, words that go out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final, Protocol
from uuid import UUID

from api.live.protocol import CLOSE_RESTART, CLOSE_SLOW, SessionFeed
from application.event_log import Recorded

BUFFER_BYTES_MAX: Final = 65_536
"""More than this unsent, and the reader is too slow to be kept."""
SOCKETS_PER_SESSION_MAX: Final = 8
"""With the till's or the checkout screen's token; they never compete with watchers."""
WATCHERS_PER_SESSION_MAX: Final = 8
"""With the public token, which whoever saw the code can have."""
STEP_LISTENERS: Final = 250

_log = logging.getLogger(__name__)


class Socket(Protocol):
    """What the hub needs of a connection."""

    def buffered(self) -> int:
        """Bytes written that the kernel has not taken yet."""
        ...

    def send_soon(self, text: str) -> None:
        """Put a message in the buffer; never waits."""
        ...

    def disconnect(self, code: int, reason: str) -> None:
        """Close, under a deadline, then abort."""
        ...


@dataclass(eq=False, slots=True)
class Listener:
    """A socket on one session. Until it has heard its opening, events wait in `waiting`."""

    socket: Socket
    session_id: UUID
    public_only: bool = False
    """Hears what the session's id alone may show: no order, no way back."""
    waiting: list[Recorded] | None = field(default_factory=list)
    feed: SessionFeed | None = None
    ended_at: float | None = None

    def send(self, text: str) -> None:
        """Send, unless the reader is too slow to be kept."""
        if self.socket.buffered() > BUFFER_BYTES_MAX:
            self.socket.disconnect(CLOSE_SLOW, "slow reader")
        else:
            self.socket.send_soon(text)


class Hub:
    """Channels by session. Lives in one event loop; nothing here waits for a reader."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._channels: dict[UUID, set[Listener]] = {}
        self.count = 0

    def listeners(self) -> list[Listener]:
        """Everybody, as a list of its own."""
        return [listener for channel in self._channels.values() for listener in channel]

    def on_session(self, session_id: UUID, *, public_only: bool) -> int:
        """Listeners of one session: watchers, or those with the till's token."""
        channel = self._channels.get(session_id, ())
        return sum(listener.public_only is public_only for listener in channel)

    def full(self, session_id: UUID, *, public_only: bool) -> bool:
        """Whether one more of the kind would be too many."""
        most = WATCHERS_PER_SESSION_MAX if public_only else SOCKETS_PER_SESSION_MAX
        return self.on_session(session_id, public_only=public_only) >= most

    def register(self, listener: Listener) -> None:
        """Begin to keep events for a listener; do this before its history is read."""
        self._channels.setdefault(listener.session_id, set()).add(listener)
        self.count += 1

    def leave(self, listener: Listener) -> None:
        """Forget a listener."""
        channel = self._channels.get(listener.session_id)
        if channel is None or listener not in channel:
            return
        channel.remove(listener)
        if not channel:
            del self._channels[listener.session_id]
        self.count -= 1

    def open(self, listener: Listener, history: Sequence[Recorded], after: int | None) -> None:
        """Say the opening, then what came in while the history was read."""
        feed = SessionFeed(history, public_only=listener.public_only)
        known = feed.seq
        now = self._now()
        for text in feed.opening(after, now):
            listener.send(text)
        listener.feed = feed
        waiting, listener.waiting = listener.waiting or [], None
        self._tell(listener, [one for one in waiting if one.version > known], now)

    def dispatch(self, page: Sequence[Recorded]) -> None:
        """Tell the listeners of each session what happened, in order.

        Whoever cannot be told (an event this program does not know, a gap) is closed, and may come
        back with `after`; the others hear everything.
        """
        now = self._now()
        for recorded in page:
            for listener in list(self._channels.get(recorded.stream_id, ())):
                if listener.waiting is not None:
                    listener.waiting.append(recorded)
                elif not attempt(listener, partial(self._tell, events=[recorded], now=now)):
                    self.leave(listener)

    def wanted(self, sessions: Iterable[UUID]) -> bool:
        """Whether anybody listens to any of these."""
        return any(session in self._channels for session in sessions)

    @staticmethod
    def _tell(listener: Listener, events: Collection[Recorded], now: datetime) -> None:
        if listener.feed is None:
            return
        for recorded in events:
            if listener.feed.apply(recorded):
                listener.send(listener.feed.event(recorded.version, now))


def attempt(listener: Listener, act: Callable[[Listener], None]) -> bool:
    """Do something to one listener; its failure closes it, and only it. True if it went well."""
    try:
        act(listener)
    except Exception:  # noqa: BLE001 - one listener's failure is no other's
        _log.exception("a listener of session %s is closed", listener.session_id)
        with suppress(Exception):  # it is beyond help, and forgotten all the same
            listener.socket.disconnect(CLOSE_RESTART, "come again")
        return False
    return True


async def in_steps(listeners: Sequence[Listener], act: Callable[[Listener], None]) -> None:
    """Do something to everybody without holding the loop; whoever it fails for is closed."""
    for start in range(0, len(listeners), STEP_LISTENERS):
        for listener in listeners[start : start + STEP_LISTENERS]:
            attempt(listener, act)
        await asyncio.sleep(0)
