"""The live protocol without a network: what is said, in which order, to whom.

`seq` is the session's version: it rises by one, so a client can prove a gap. A client that comes
back with `after` gets exactly what it missed, in order, or a snapshot that says so; never a part.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from api.views.sessions import public_session_view
from application.command import copy_for_decision
from application.event_log import Recorded
from domain import times
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import OPEN

MISSED_MAX: Final = 100
"""More than this is told as a snapshot."""
TOPIC_PREFIX: Final = "payment_session."

CLOSE_DONE: Final = 1000
CLOSE_RESTART: Final = 1012
CLOSE_TRY_LATER: Final = 1013
CLOSE_POLICY: Final = 1008
CLOSE_BAD_TOKEN: Final = 4001
CLOSE_SLOW: Final = 4008


class SessionFeed:
    """One session as listeners see it: its state after each event, and the words for it."""

    def __init__(self, history: Sequence[Recorded], *, public_only: bool = False) -> None:
        self._public_only = public_only
        self._history: list[Recorded] = []
        self._states: list[PaymentSession] = []
        for recorded in history:
            self.apply(recorded)

    @property
    def seq(self) -> int:
        """The version listeners can know."""
        return len(self._states)

    @property
    def state(self) -> PaymentSession:
        """The session as it stands."""
        return self._states[-1]

    @property
    def ended(self) -> bool:
        """Nothing more is to be expected."""
        return bool(self._states) and self.state.status not in OPEN

    def apply(self, recorded: Recorded) -> bool:
        """Take the next event in; False if it is known already.

        Raises:
            ValueError: it is not the next one; read the history again.
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

    def opening(self, after: int | None, now: datetime) -> list[str]:
        """What a client hears first: a snapshot, or what it missed since `after`."""
        if after is None:
            return [self.snapshot(now)]
        if after > self.seq or self.seq - after > MISSED_MAX:
            return [self.snapshot(now, recovered=False)]
        return [self.event(seq, now) for seq in range(after + 1, self.seq + 1)]

    def snapshot(self, now: datetime, *, recovered: bool | None = None) -> str:
        """The session as it stands."""
        extra = {} if recovered is None else {"recovered": recovered}
        return self._write("snapshot", self.seq, now, extra)

    def event(self, seq: int, now: datetime) -> str:
        """The event that made version `seq`, and the session right after it."""
        return self._write("event", seq, now, {"event": self._history[seq - 1].topic})

    def _write(self, kind: str, seq: int, now: datetime, extra: dict[str, Any]) -> str:
        told = {
            "type": kind,
            **extra,
            "seq": seq,
            "position": self._history[seq - 1].position,
            "server_time": times.to_text(now),
            "session": public_session_view(
                self._states[seq - 1], now, with_token=not self._public_only
            ),
        }
        return msgspec.json.encode(told).decode()


def heartbeat(now: datetime) -> str:
    """Still here; browsers cannot see protocol pings."""
    told = {"type": "heartbeat", "server_time": times.to_text(now)}
    return msgspec.json.encode(told).decode()
