"""Admission of listeners: check the token, take a place, read the history; in this order.

Checking the token takes the session's id and the time, but no database: a bad token costs nothing
and takes no place. The place is taken before the history is read, so listeners that are still
being admitted count as well. If nobody has listened before, the feed rested: it is resumed after
the place is taken and before the history is read, so that no event is missed in between.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final
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

SEQ_DIGITS_MAX: Final = 9


class Refusal(Exception):
    """The socket is closed instead of admitted."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Full(Refusal):
    """The session has as many listeners as it may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(protocol.CLOSE_TRY_LATER, "too many listeners")
        self.limit = limit


class Admission:
    """Admits sockets to the hub."""

    def __init__(
        self,
        log: EventLog,
        tokens: Tokens,
        clock: LedgerClock,
        hub: Hub,
        resume_feed: Callable[[], object],
    ) -> None:
        self._event_log = log
        self._resume_feed = resume_feed
        self._tokens = tokens
        self._clock = clock
        self._hub = hub

    async def admit(self, path: str, socket: Socket) -> Listener:
        """Check the token, register, read the history, and send the initial messages.

        Args:
            path: the request's path and query.
            socket: receives the messages.

        Raises:
            Refusal: the socket gets no messages.
        """
        try:
            session_id, token, after, stays = parameters(path)
        except ValueError:
            raise Refusal(protocol.CLOSE_BAD_TOKEN, "invalid address") from None
        try:
            return await self.listen(session_id, token, after, socket, stays=stays)
        except BadToken:
            raise Refusal(protocol.CLOSE_BAD_TOKEN, "invalid token") from None
        except LogUnavailable:
            raise Refusal(protocol.CLOSE_TRY_LATER, "the ledger is unavailable") from None

    async def listen(
        self, session_id: UUID, token: str, after: int | None, socket: Socket, *, stays: bool
    ) -> Listener:
        """Check the token, register, read the history, and send the initial messages.

        Args:
            session_id: the session.
            token: a token of the session.
            after: the last `seq` the client has; None if it has none.
            socket: receives the messages.
            stays: whether it follows a paid session for some time.

        Raises (checked in this order):
            BadToken: the token is not valid for the session.
            Full: the session has no place for one more listener.
            LogUnavailable: the events cannot be read.
        """
        public_only = await self._use(token, session_id) is Use.WATCH
        if self._hub.is_full(session_id, public_only=public_only):
            raise Full(self._hub.places(public_only=public_only))
        listener = Listener(socket, session_id, public_only, stays=stays)
        self._hub.register(listener)
        try:
            self._hub.start(listener, await self._history(token, session_id), after)
        except BaseException:
            self._hub.unregister(listener)
            raise
        return listener

    async def _history(self, token: str, session_id: UUID) -> list[Recorded]:
        """The session's events, if the token is still valid by the ledger's time.

        Raises (checked in this order):
            LogUnavailable: the events cannot be read.
            BadToken: the token has expired, or there is no such session.
        """
        events, now = await blocking.read(self._read_history, session_id)
        self._clock.learn(now)
        self._check(token, session_id, now)
        of_session = [event for event in events if event.topic in protocol.TOPICS]
        if not of_session:
            raise BadToken
        return of_session

    def _read_history(self, session_id: UUID) -> tuple[list[Recorded], datetime]:
        """The session's events; what is recorded later reaches the listener through the feed."""
        self._resume_feed()
        return load_history(self._event_log, session_id)

    async def _use(self, token: str, session_id: UUID) -> Use:
        """What the token may be used for.

        Reads the ledger's time only if one of our tokens seems to have expired, since this
        process's estimate of that time may be wrong.

        Raises (checked in this order):
            LogUnavailable: the ledger's time cannot be read.
            BadToken: the token is not valid here.
        """
        try:
            return self._check(token, session_id, self._clock.estimate())
        except ExpiredToken:
            self._clock.learn(await blocking.read(self._event_log.now))
        return self._check(token, session_id, self._clock.estimate())

    def _check(self, token: str, session_id: UUID, now: datetime) -> Use:
        """What the token may be used for at a given time.

        Raises:
            BadToken: nothing here; `ExpiredToken` if it was valid before.
        """
        try:
            self._tokens.check_session(Use.LIVE, token, session_id, now)
        except ExpiredToken:
            raise
        except BadToken:
            self._tokens.check_session(Use.WATCH, token, session_id, now)
            return Use.WATCH
        return Use.LIVE


def parameters(path: str) -> tuple[UUID, str, int | None, bool]:
    """Session, token and `after` of a live address, and whether it stays for refunds.

    Raises:
        ValueError: one of them is missing, repeated, or malformed.
    """
    query = parse_qs(urlsplit(path).query, keep_blank_values=True, max_num_fields=8)
    if any(len(values) != 1 for values in query.values()):
        msg = "a parameter is repeated"
        raise ValueError(msg)
    session_id = ids.decode("ps", query.get("session", [""])[0])
    token = query.get("token", [""])[0]
    after = query.get("after")
    stays = query.get("stay") == ["true"]
    return session_id, token, None if after is None else _seq(after[0]), stays


def _seq(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= SEQ_DIGITS_MAX):
        msg = "after is not a version"
        raise ValueError(msg)
    return int(text)
