"""Payment sessions: merchants open and cancel them, wallets scan and pay them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from api import blocking
from api.context import Services
from api.http.authentication import Caller, Identity
from api.http.messages import HttpResponse
from api.http.operation import Call, Idempotency, Operation
from api.http.parsing import (
    Body,
    Description,
    KnownCurrencyCode,
    Limit,
    Metadata,
    MoneyBody,
    OrderId,
    Position,
    Query,
    TimeText,
    Url,
    free_text,
    given,
    id_text,
    path_id,
)
from api.v1.responses import (
    Page,
    caught_up,
    command_response,
    conditional_response,
    json_response,
    page_of,
    read_cursor,
)
from api.v1.views import EventView, SessionStatus, SessionView, Views, etag, event_view
from application.command import Command, Outcome
from application.commands.cancel_session import CancelSession
from application.commands.create_session import CreateSession
from application.commands.pay_session import PaySession
from application.commands.release_claim import ReleaseClaim
from application.commands.scan_session import ScanSession
from application.errors import NotFound
from application.event_log import history
from application.reader import Current
from domain import ids, times
from domain.errors import InvalidRequest
from domain.qr.dynamic_url import PAYLOAD_CHARS_MAX
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import (
    LIFETIME_SECONDS_DEFAULT,
    LIFETIME_SECONDS_MAX,
    LIFETIME_SECONDS_MIN,
)

_RFC_3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
WALLETS = frozenset({Caller.WALLET, Caller.PAGE})
RACE = ("session-expired", "session-not-payable", "session-claimed", "claim-required")


class CreateSessionBody(Body):
    """What a till sends. Free texts are not for personal data."""

    order_id: OrderId
    amount: MoneyBody
    description: Description = ""
    expires_in_seconds: Annotated[int, Meta(ge=LIFETIME_SECONDS_MIN, le=LIFETIME_SECONDS_MAX)] = (
        LIFETIME_SECONDS_DEFAULT
    )
    return_url: Url | None = None
    metadata: Metadata = {}  # noqa: RUF012 - msgspec copies it
    checkout_may_cancel: bool = False


class ScanBody(Body):
    """What a wallet's camera read, and which wallet read it."""

    payload: free_text(1, PAYLOAD_CHARS_MAX)  # type: ignore[valid-type]
    wallet_id: id_text("wal")  # type: ignore[valid-type]


class PayBody(Body):
    """The claim that the scan answered with, and the amount the payer saw."""

    claim_id: id_text("clm")  # type: ignore[valid-type]
    wallet_id: id_text("wal")  # type: ignore[valid-type]
    amount: MoneyBody


class SessionsQuery(Query):
    """Filters of the merchant's list. Times are RFC 3339; the range is half open."""

    status: SessionStatus | UnsetType = UNSET
    order_id: OrderId | UnsetType = UNSET
    currency: KnownCurrencyCode | UnsetType = UNSET
    created_from: TimeText | UnsetType = UNSET
    created_to: TimeText | UnsetType = UNSET
    limit: Limit = 20
    cursor: str | UnsetType = UNSET
    at_least: Position | UnsetType = UNSET


class EventsOfSessionQuery(Query):
    """Where to go on in a session's history."""

    limit: Limit = 100
    cursor: str | UnsetType = UNSET


class SessionRoutes:
    """The operations on payment sessions."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._views = Views(services.config, services.tokens)

    def operations(self) -> list[Operation]:
        """Every route of this file."""
        key = Idempotency
        one = "/v1/payment-sessions/{id:str}"
        return [
            Operation(
                name="createPaymentSession", method="POST", path="/v1/payment-sessions",
                summary="Ask to be paid; the answer carries the QR code",
                callers=frozenset({Caller.MERCHANT}), body=CreateSessionBody,
                responses={201: SessionView}, idempotency=key.OPTIONAL, handler=self.create,
                problems=("order-open", "order-paid", "not-found"),
            ),
            Operation(
                name="listPaymentSessions", method="GET", path="/v1/payment-sessions",
                summary="The merchant's sessions, newest first",
                callers=frozenset({Caller.MERCHANT}), query=SessionsQuery,
                responses={200: Page[SessionView]}, problems=("not-caught-up",), handler=self.list,
            ),
            Operation(
                name="scan", method="POST", path="/v1/scans",
                summary="Scan a code: claim its session for a while",
                callers=WALLETS, body=ScanBody, responses={200: SessionView},
                idempotency=key.OPTIONAL, handler=self.scan,
                problems=("invalid-qr", "not-found", *RACE, "claims-exhausted"),
            ),
            Operation(
                name="payPaymentSession", method="POST", path=f"{one}/pay",
                summary="Pay a claimed session in full",
                callers=WALLETS, body=PayBody, responses={200: SessionView},
                idempotency=key.REQUIRED, handler=self.pay,
                problems=(
                    "not-found", *RACE, "amount-mismatch", "wallet-currency-mismatch",
                    "insufficient-funds",
                ),
            ),
            Operation(
                name="cancelPaymentSession", method="POST", path=f"{one}/cancel",
                summary="Withdraw a session that has not ended",
                callers=frozenset({Caller.MERCHANT}), responses={200: SessionView},
                idempotency=key.OPTIONAL, handler=self.cancel,
                problems=("not-found", "session-not-payable"),
            ),
            Operation(
                name="releaseClaim", method="DELETE", path=f"{one}/claim",
                summary="Give a claim back before its lease is over",
                callers=WALLETS, responses={200: SessionView}, handler=self.release,
                problems=("not-found", *RACE),
            ),
            Operation(
                name="getPaymentSession", method="GET", path=one,
                summary="One session, read from the log: always current",
                description="Wallet apps see `claim` and `paid` of their own wallets only.",
                callers=WALLETS | {Caller.MERCHANT, Caller.AUDITOR},
                responses={200: SessionView, 304: None}, problems=("not-found",), handler=self.get,
            ),
            Operation(
                name="listPaymentSessionEvents", method="GET", path=f"{one}/events",
                summary="A session's history, oldest first",
                callers=frozenset({Caller.MERCHANT, Caller.AUDITOR}), query=EventsOfSessionQuery,
                responses={200: Page[EventView]}, problems=("not-found",), handler=self.events,
            ),
        ]  # fmt: skip

    async def create(self, call: Call) -> HttpResponse:
        """Open a session."""
        body: CreateSessionBody = call.body
        outcome = await call.send(
            CreateSession(
                session_id=self._services.new_id(),
                merchant_id=call.identity.stream,
                order_id=body.order_id,
                amount=body.amount.to_money(),
                description=body.description,
                expires_in_seconds=body.expires_in_seconds,
                return_url=body.return_url,
                metadata=body.metadata,
                checkout_may_cancel=body.checkout_may_cancel,
            )
        )
        return self._answer(call, outcome, status=201)

    async def scan(self, call: Call) -> HttpResponse:
        """Claim the session that the code names."""
        body: ScanBody = call.body
        command = ScanSession(
            payload=body.payload,
            wallet_id=_acting_wallet(call.identity, body.wallet_id),
            wallet_app_id=call.identity.wallet_app_id,
            claim_id=self._services.new_id(),
            public_url=self._services.config.public_url,
            lease_seconds=self._services.config.claim_seconds,
        )
        return self._answer(call, await call.send(command), scanned=True)

    async def pay(self, call: Call) -> HttpResponse:
        """Pay."""
        body: PayBody = call.body
        command = PaySession(
            session_id=path_id("ps", call.path),
            wallet_id=_acting_wallet(call.identity, body.wallet_id),
            wallet_app_id=call.identity.wallet_app_id,
            claim_id=body.claim_id,
            amount=body.amount.to_money(),
        )
        return self._answer(call, await call.send(command))

    async def cancel(self, call: Call) -> HttpResponse:
        """Withdraw."""
        command: Command = CancelSession(
            session_id=path_id("ps", call.path), merchant_id=call.identity.holder
        )
        return self._answer(call, await call.send(command))

    async def release(self, call: Call) -> HttpResponse:
        """Give the claim back."""
        session_id = path_id("ps", call.path)
        await self._visible(call, session_id)
        page_wallet = (
            ids.encode("wal", call.identity.wallet_id) if call.identity.wallet_id else None
        )
        command = ReleaseClaim(
            session_id=session_id, wallet_app_id=call.identity.wallet_app_id, wallet_id=page_wallet
        )
        return self._answer(call, await call.send(command))

    async def get(self, call: Call) -> HttpResponse:
        """One session as it stands."""
        current = await self._visible(call, path_id("ps", call.path))
        view = self._views.session(
            current.state, position=current.position, now=current.now, identity=call.identity
        )
        return conditional_response(call, view, etag(current.state, current.now))

    async def events(self, call: Call) -> HttpResponse:
        """A session's history."""
        query: EventsOfSessionQuery = call.query
        current = await self._visible(call, path_id("ps", call.path))
        after = read_cursor(self._services.tokens, given(query.cursor)) or 0
        recorded = await blocking.read(history, self._services.log, current.state.id)
        rows = [one for one in recorded if one.position > after]
        return json_response(page_of(call, rows, query.limit, event_view, lambda row: row.position))

    async def list(self, call: Call) -> HttpResponse:
        """The merchant's sessions."""
        query: SessionsQuery = call.query
        sessions = self._services.read_models.sessions
        await caught_up(call, sessions.name, given(query.at_least))
        ask = partial(
            sessions.of_merchant,
            call.identity.holder,
            status=given(query.status),
            order_id=given(query.order_id),
            currency=given(query.currency),
            created_from=_time("created_from", given(query.created_from)),
            created_to=_time("created_to", given(query.created_to)),
            before=read_cursor(self._services.tokens, given(query.cursor)),
            limit=query.limit + 1,
        )

        def rows_and_time() -> tuple[Sequence[Any], datetime]:
            at = self._services.log.now()
            return ask(now=at), at

        rows, now = await blocking.read(rows_and_time)

        def view(row: Any) -> SessionView:
            return self._views.session(row, position=row.position, now=now, identity=call.identity)

        return json_response(
            page_of(call, rows, query.limit, view, lambda row: row.created_position)
        )

    def _answer(
        self, call: Call, outcome: Outcome, *, status: int = 200, scanned: bool = False
    ) -> HttpResponse:
        view = self._views.session(
            outcome.subject,
            position=outcome.position,
            now=outcome.recorded_at,
            identity=call.identity,
            scanned=scanned,
        )
        return command_response(outcome, view, status=status)

    async def _visible(self, call: Call, session_id: UUID) -> Current[PaymentSession]:
        """The session, if the caller may see it; another tenant's is not found.

        An app or a page may see what a wallet of its own ever claimed, whoever holds it now.
        """
        get = self._services.reader.get
        current = await blocking.read(get, PaymentSession, session_id, "payment session")
        session, identity = current.state, call.identity
        seen = {
            Caller.MERCHANT: session.merchant_id == identity.holder,
            Caller.WALLET: identity.holder in session.claims_by_app,
            Caller.PAGE: identity.holder in session.claims_by_wallet,
            Caller.AUDITOR: True,
        }
        if not seen.get(identity.caller, False):
            raise NotFound(thing="payment session")
        return current


def _acting_wallet(identity: Identity, wallet_id: str) -> UUID:
    """The wallet a call names; a page acts for its own only."""
    wallet = ids.decode("wal", wallet_id)
    if identity.wallet_id not in {None, wallet}:
        raise NotFound(thing="wallet")
    return wallet


def _time(name: str, text: str | None) -> Any:
    if text is None:
        return None
    try:
        if _RFC_3339.fullmatch(text):
            return times.from_text(text.upper())
    except ValueError:
        pass
    raise InvalidRequest.of(name, "is not an RFC 3339 time with an offset")
