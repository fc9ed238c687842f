"""Who may listen: the token first, then a place, then the history; in this order.

The token needs the session's id and the time, not the database, so a bad one costs nothing and
takes no place. A place is taken before the history is read, so whoever is being admitted counts.
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from api import blocking
from api.live import protocol
from api.live.hub import Hub, Listener, Socket
from api.tokens import BadToken, ExpiredToken, Tokens, Use
from application.errors import LogUnavailable
from application.event_log import EventLog, Recorded, load_history
from application.reader import LedgerClock
from domain import ids


class Refusal(Exception):
    """A socket that is closed instead of admitted."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Admission:
    """Lets sockets into the hub."""

    def __init__(self, log: EventLog, tokens: Tokens, clock: LedgerClock, hub: Hub) -> None:
        self._event_log = log
        self._tokens = tokens
        self._clock = clock
        self._hub = hub

    async def admit(self, path: str, socket: Socket) -> Listener:
        """Check the token, register, read the history, say the opening.

        Args:
            path: what the socket was asked for, with its query.
            socket: where the opening goes.

        Raises:
            Refusal: this socket will hear nothing.
        """
        try:
            session_id, token, after = parameters(path)
        except ValueError:
            raise Refusal(protocol.CLOSE_BAD_TOKEN, "not a live address") from None
        try:
            public_only = await self._use(token, session_id) is Use.WATCH
            if self._hub.full(session_id, public_only=public_only):
                raise Refusal(protocol.CLOSE_TRY_LATER, "too many listeners")
            listener = Listener(socket, session_id, public_only)
            self._hub.register(listener)  # at once: who is being admitted has a place already
            try:
                self._hub.open(listener, await self._history(token, session_id), after)
            except BaseException:
                self._hub.leave(listener)
                raise
        except BadToken:
            raise Refusal(protocol.CLOSE_BAD_TOKEN, "token") from None
        except LogUnavailable:
            raise Refusal(protocol.CLOSE_TRY_LATER, "the ledger is away") from None
        return listener

    async def _history(self, token: str, session_id: UUID) -> list[Recorded]:
        """The session's events, for a token that is still good by the ledger's time.

        Raises (checked in this order):
            LogUnavailable: it cannot be read.
            BadToken: the token is over, or there is no such session.
        """
        events, now = await blocking.read(load_history, self._event_log, session_id)
        self._clock.learn(now)
        self._check(token, session_id, now)
        found = [e for e in events if e.topic.startswith(protocol.TOPIC_PREFIX)]
        if not found:
            raise BadToken
        return found

    async def _use(self, token: str, session_id: UUID) -> Use:
        """What the token is good for, before it takes a place; the database is not asked.

        Only a token of ours that seems to be over is worth a question: our idea of the ledger's
        time may be wrong.

        Raises (checked in this order):
            LogUnavailable: the question cannot be answered.
            BadToken: nothing here.
        """
        try:
            return self._check(token, session_id, self._clock.estimate())
        except ExpiredToken:
            self._clock.learn(await blocking.read(self._event_log.now))
        return self._check(token, session_id, self._clock.estimate())

    def _check(self, token: str, session_id: UUID, now: datetime) -> Use:
        """What the token is good for at a time.

        Raises:
            BadToken: nothing here; `ExpiredToken` if it was good before.
        """
        try:
            self._tokens.check_session(Use.LIVE, token, session_id, now)
        except ExpiredToken:
            raise
        except BadToken:
            self._tokens.check_session(Use.WATCH, token, session_id, now)
            return Use.WATCH
        return Use.LIVE


def parameters(path: str) -> tuple[UUID, str, int | None]:
    """Session, token and `after` of a live address.

    Raises:
        ValueError: one is missing, twice, or not what it should be.
    """
    found = parse_qs(urlsplit(path).query, keep_blank_values=True, max_num_fields=8)
    if any(len(values) != 1 for values in found.values()):
        msg = "a parameter is given twice"
        raise ValueError(msg)
    session_id = ids.decode("ps", found.get("session", [""])[0])
    token = found.get("token", [""])[0]
    after = found.get("after")
    return session_id, token, None if after is None else _seq(after[0])


def _seq(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004
        msg = "after is not a version"
        raise ValueError(msg)
    return int(text)
