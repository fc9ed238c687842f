"""The live protocol, without a network: which messages a listener gets, and in which order.

`seq` is the session's version. It rises by one, so a client can detect a gap. A client that
reconnects with `after` gets exactly the events it missed, in order, or a snapshot marked
`"recovered": false`; never only some of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from api.views.sessions import public_session_view
from application.command import copy_for_decision
from application.event_log import Recorded
from application.restriction import shown
from domain import times
from domain.clock import Clock
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import OPEN, Status

MISSED_EVENTS_MAX: Final = 100
"""A client that missed more than this gets a snapshot."""
TOPICS: Final = frozenset(event.TOPIC for event in PaymentSession.events())
"""Of a session's stream, its refunds included."""
FOLLOWED: Final = TOPICS | {Clock.Advanced.TOPIC}
"""What the notifier follows: also the advances of a test clock, which show sessions anew."""
PUBLIC_PREFIX: Final = "payment_session."
"""Of the topics that are named to watchers; refunds are for key holders."""

CLOSE_DONE: Final = 1000
CLOSE_POLICY: Final = 1008
CLOSE_RESTART: Final = 1012
CLOSE_TRY_LATER: Final = 1013
CLOSE_BAD_TOKEN: Final = 4001
CLOSE_SLOW: Final = 4008


class SessionFeed:
    """One session as its listeners see it: its state after each event, as messages."""

    def __init__(
        self, history: Sequence[Recorded], *, livemode: bool, public_only: bool = False
    ) -> None:
        self._livemode = livemode
        self._public_only = public_only
        self._history: list[Recorded] = []
        self._states: list[PaymentSession] = []
        for recorded in history:
            self.apply(recorded)

    @property
    def seq(self) -> int:
        """The version of the last event applied."""
        return len(self._states)

    @property
    def state(self) -> PaymentSession:
        """The session after the last event applied."""
        return self._states[-1]

    @property
    def ended(self) -> bool:
        """Whether no further event is expected, but refunds. What is processing has not ended."""
        going_on = {*OPEN, Status.PROCESSING}
        return bool(self._states) and self.state.status not in going_on

    @property
    def paid(self) -> bool:
        """Whether refunds may follow."""
        return bool(self._states) and self.state.status is Status.PAID

    def apply(self, recorded: Recorded) -> bool:
        """Apply the next event; returns False if it was applied before.

        Raises:
            ValueError: it is not the next event; read the history again.
        """
        if recorded.version <= self.seq:
            return False
        if recorded.version != self.seq + 1:
            msg = f"version {recorded.version} after {self.seq}"
            raise ValueError(msg)
        before: Any = copy_for_decision(self._states[-1]) if self._states else None
        after: Any = recorded.event.mutate(before)
        self._states.append(after)
        self._history.append(recorded)
        return True

    def initial_messages(self, after: int | None, now: datetime) -> list[str]:
        """What a client gets when it connects: a snapshot, or the events it missed.

        Args:
            after: the last `seq` the client has; None if it has none.
            now: the ledger's time.
        """
        if after is None:
            return [self.snapshot(now)]
        if after > self.seq or self.seq - after > MISSED_EVENTS_MAX:
            return [self.snapshot(now, recovered=False)]
        return [self.event(seq, now) for seq in range(after + 1, self.seq + 1)]

    def snapshot(self, now: datetime, *, recovered: bool | None = None) -> str:
        """The session after the last event applied."""
        extra = {} if recovered is None else {"recovered": recovered}
        return self._message("snapshot", self.seq, now, extra)

    def event(self, seq: int, now: datetime) -> str:
        """The event of version `seq`, and the session right after it.

        A watcher is not told that there was a refund: it gets a snapshot, which moves its `seq`.
        """
        topic = self._history[seq - 1].topic
        if self._public_only and not topic.startswith(PUBLIC_PREFIX):
            return self._message("snapshot", seq, now, {})
        return self._message("event", seq, now, {"event": topic})

    def _message(self, kind: str, seq: int, now: datetime, extra: Mapping[str, Any]) -> str:
        message = {
            "type": kind,
            **extra,
            "seq": seq,
            "position": self._history[seq - 1].position,
            "server_time": times.to_text(now),
            "session": public_session_view(
                shown(self._states[seq - 1], self._history[seq:]),
                now,
                livemode=self._livemode,
                with_token=not self._public_only,
            ),
        }
        return msgspec.json.encode(message).decode()


def heartbeat(now: datetime) -> str:
    """Shows that the connection is alive: browsers do not expose WebSocket pings."""
    message = {"type": "heartbeat", "server_time": times.to_text(now)}
    return msgspec.json.encode(message).decode()
