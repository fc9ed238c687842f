"""Admission of merchants' sockets: check the ticket, take a place, use the ticket, then catch up.

A forged or late ticket costs no read, and one that finds no place is not used up. The place is
taken before anything is read, so no event is missed in between: what is recorded later waits in the
listener's backlog. A client that resumes gets exactly the events after its position, or a snapshot
marked `"recovered": false`; never only some of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs, urlsplit

from api import blocking
from api.context import ApiConfig
from api.live import protocol
from api.live.admission import Refusal
from api.live.hub import BUFFER_BYTES_MAX, Socket
from api.live.merchant_events import Heard, LiveLog, MerchantEvents
from api.live.merchant_hub import MerchantHub, MerchantListener
from api.live.merchant_messages import MerchantMessages
from api.live.open_sessions import OPEN_SESSIONS_MAX, UNDER_WAY, OpenSessions, open_sessions
from api.tokens import BadToken, Ticket, Tokens
from api.views.sessions import SessionViews
from application.errors import LogUnavailable
from application.event_log import fold, load_history
from application.ports.live_tickets import LiveTickets
from application.reader import LedgerClock
from domain import ids
from domain.merchants.api_key import ApiKey
from projections._read_model import ReadModels

POSITION_DIGITS_MAX: Final = 18
MISSED_EVENTS_MAX: Final = 1000
"""A client that missed more of its own events than this gets a snapshot."""
MISSED_POSITIONS_MAX: Final = 20_000
"""A client that is this far behind the log gets a snapshot: this much is read for it."""
MESSAGES_PER_STEP: Final = 50
READ_WAIT_SECONDS: Final = 10.0
"""How long a client may take to read what fills its buffer while it catches up."""
_POLL_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class MerchantServices:
    """What merchants' sockets need beyond those of sessions."""

    tickets: LiveTickets
    open_sessions: OpenSessions
    messages: MerchantMessages

    @classmethod
    def make(
        cls, config: ApiConfig, tokens: Tokens, tickets: LiveTickets, read_models: ReadModels
    ) -> MerchantServices:
        """With the read models of an installation and its addresses."""
        return cls(
            tickets=tickets,
            open_sessions=open_sessions(read_models),
            messages=MerchantMessages(SessionViews(config, tokens)),
        )


class MerchantAdmission:
    """Admits sockets to the merchants' hub."""

    def __init__(
        self,
        log: LiveLog,
        tokens: Tokens,
        clock: LedgerClock,
        hub: MerchantHub,
        events: MerchantEvents,
        resume_feed: Callable[[], object],
        services: MerchantServices,
    ) -> None:
        self._event_log = log
        self._tokens = tokens
        self._clock = clock
        self._hub = hub
        self._events = events
        self._resume_feed = resume_feed
        self._services = services
        self._messages = services.messages

    async def admit(self, path: str, socket: Socket) -> MerchantListener:
        """Check and use the ticket, register, and send the first messages.

        Args:
            path: the request's path and query.
            socket: receives the messages.

        Raises:
            Refusal: the socket gets no messages, or not all of the first ones.
        """
        try:
            text, after = parameters(path)
        except ValueError:
            raise Refusal(protocol.CLOSE_BAD_TOKEN, "invalid address") from None
        try:
            ticket = await self._check(text)
            merchant_id = ids.encode("mer", ticket.merchant_id)
            if self._hub.is_full(merchant_id):
                raise Refusal(protocol.CLOSE_TRY_LATER, "too many listeners")
            listener = MerchantListener(socket, merchant_id, ticket.key_id)
            self._hub.register(listener)
            try:
                head, now = await blocking.read(self._use, ticket)
                self._clock.learn(now)
                await self._catch_up(listener, after, head)
            except BaseException:
                self._hub.unregister(listener)
                raise
        except BadToken:
            raise Refusal(protocol.CLOSE_BAD_TOKEN, "invalid ticket") from None
        except LogUnavailable:
            raise Refusal(protocol.CLOSE_TRY_LATER, "the ledger is unavailable") from None
        return listener

    async def _check(self, text: str) -> Ticket:
        """The ticket, if it is one of ours that has not expired.

        Reads the ledger's time only for a ticket of ours that seems to be late.

        Raises (checked in this order):
            BadToken: it is not one of ours.
            LogUnavailable: the ledger's time cannot be read.
            Refusal: it is late.
        """
        ticket = self._tokens.check_ticket(text)
        if self._clock.estimate() >= ticket.expires_at:
            self._clock.learn(await blocking.read(self._event_log.now))
            if self._clock.estimate() >= ticket.expires_at:
                raise Refusal(protocol.CLOSE_BAD_TOKEN, "the ticket has expired")
        return ticket

    def _use(self, ticket: Ticket) -> tuple[int, datetime]:
        """Use the ticket; returns the head of the log, up to which the client catches up.

        Raises (checked in this order):
            LogUnavailable: the database does not answer.
            Refusal: the ticket was used or has expired, or its key was revoked.
        """
        if not self._services.tickets.take(ticket.id):
            raise Refusal(protocol.CLOSE_BAD_TOKEN, "the ticket was used or has expired")
        self._resume_feed()
        events, now = load_history(self._event_log, ticket.key_id)
        key = fold(events)
        if not isinstance(key, ApiKey) or key.revoked:
            raise Refusal(protocol.CLOSE_BAD_TOKEN, "the key was revoked")
        return self._event_log.head(), now

    async def _catch_up(self, listener: MerchantListener, after: int | None, head: int) -> None:
        """Send the first messages, then what was recorded meanwhile, as fast as the client reads.

        Raises (checked in this order):
            LogUnavailable: what was missed cannot be read.
            Refusal: a session cannot be read, or the client reads too slowly.
        """
        missed = None if after is None else await self._missed(listener.merchant_id, after, head)
        if missed is None:
            recovered = None if after is None else False
            text, head = await self._snapshot(listener.merchant_id, recovered=recovered)
            listener.socket.send(text)
            await _until_read(listener.socket)
        for start in range(0, len(missed or ()), MESSAGES_PER_STEP):
            now = self._clock.estimate()
            for heard in (missed or [])[start : start + MESSAGES_PER_STEP]:
                text = self._messages.event(heard, now).text
                if not text:
                    raise Refusal(protocol.CLOSE_TRY_LATER, "a session cannot be read")
                listener.socket.send(text)
            await _until_read(listener.socket)
        listener.position = head
        while backlog := listener.backlog:
            listener.backlog = backlog[MESSAGES_PER_STEP:]
            for message in backlog[:MESSAGES_PER_STEP]:
                if message.position > listener.position:
                    listener.position = message.position
                    if not message.text:
                        raise Refusal(protocol.CLOSE_TRY_LATER, "a session cannot be read")
                    listener.socket.send(message.text)
            await _until_read(listener.socket)
        listener.backlog = None

    async def _missed(self, merchant_id: str, after: int, head: int) -> list[Heard] | None:
        """Every event of the merchant's sessions after a position; None if that is too much."""
        if after > head or head - after > MISSED_POSITIONS_MAX:
            return None
        missed: list[Heard] = []
        while after < head:
            heard, last = await blocking.read(self._events.page, after, head, merchant_id)
            missed += heard
            if len(missed) > MISSED_EVENTS_MAX:
                return None
            if last <= after:
                raise LogUnavailable(reason="the log ends before its head")
            after = last
        return missed

    async def _snapshot(self, merchant_id: str, *, recovered: bool | None) -> tuple[str, int]:
        """The sessions that are under way at the head of the log, the newest ones; and the head.

        The read model names candidates and may lag; the log says how they stand at the head. The
        head is read after them: whatever has ended for the read model has ended at the head.
        """
        now = self._clock.estimate()
        position, candidates, has_more = await blocking.read(
            self._services.open_sessions, merchant_id, now
        )
        head = await blocking.read(self._event_log.head)
        if head - position > MISSED_POSITIONS_MAX:
            raise Refusal(protocol.CLOSE_TRY_LATER, "the list of sessions is behind")
        created = []
        while position < head:
            heard, last = await blocking.read(self._events.page, position, head, merchant_id)
            created += [one.recorded.stream_id for one in heard if one.recorded.version == 1]
            if last <= position:
                raise LogUnavailable(reason="the log ends before its head")
            position = last
        has_more = has_more or len(created) > OPEN_SESSIONS_MAX
        named = dict.fromkeys([*created[-OPEN_SESSIONS_MAX:], *candidates])
        standing = await blocking.read(self._events.at, list(named), head)
        open_now = [one for one in standing if one.session.status_at(now) in UNDER_WAY]
        open_now.sort(key=lambda one: one.created_position, reverse=True)
        text = self._messages.snapshot(
            open_now[:OPEN_SESSIONS_MAX],
            head,
            now,
            has_more=has_more or len(open_now) > OPEN_SESSIONS_MAX,
            recovered=recovered,
        )
        return text, head


async def _until_read(socket: Socket) -> None:
    """Wait until the buffer is small again.

    Raises:
        Refusal: the client takes too long.
    """
    try:
        async with asyncio.timeout(READ_WAIT_SECONDS):
            while socket.buffered_bytes() > BUFFER_BYTES_MAX:  # noqa: ASYNC110 - as the kernel takes it
                await asyncio.sleep(_POLL_SECONDS)
            await asyncio.sleep(0)
    except TimeoutError:
        raise Refusal(protocol.CLOSE_SLOW, "slow reader") from None


def has_ticket(path: str) -> bool:
    """Whether an address is one for all sessions of a merchant."""
    return "ticket=" in urlsplit(path).query


def parameters(path: str) -> tuple[str, int | None]:
    """Ticket and `after` of a live address.

    Raises:
        ValueError: one of them is missing, repeated, or malformed, or there is another one.
    """
    query = parse_qs(urlsplit(path).query, keep_blank_values=True, max_num_fields=8)
    unknown = query.keys() - {"ticket", "after"}
    if unknown or any(len(values) != 1 for values in query.values()):
        msg = "a parameter is repeated or unknown"
        raise ValueError(msg)
    ticket, after = query["ticket"][0], query.get("after")
    if after is None:
        return ticket, None
    text = after[0]
    if not (text.isascii() and text.isdigit() and len(text) <= POSITION_DIGITS_MAX):
        msg = "after is not a position"
        raise ValueError(msg)
    return ticket, int(text)
