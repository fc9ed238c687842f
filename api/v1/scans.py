"""Scans: one operation for whatever a wallet's camera has read."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from api import blocking
from api.context import Services
from api.http.fields import WalletId, text_length
from api.http.messages import HttpResponse
from api.http.operation import Call, Idempotency, Operation
from api.http.parsing import Body, MoneyBody
from api.v1.access import acting_wallet, readable_wallet
from api.v1.payment_sessions import CLAIM_PROBLEMS, WALLETS
from api.v1.responses import command_response, json_response
from api.views.sessions import SessionView, SessionViews
from api.views.static_codes import OpenAmountView, open_amount_view
from application.command import Command
from application.commands.refuse_scan import RefuseScan
from application.commands.scan_session import ScanSession
from application.commands.scan_static_code import ScanStaticCode
from application.errors import NotFound
from application.scanning import (
    SCANNED_CHARS_MAX,
    SessionCode,
    VerifiedCode,
    cause_of,
    read_payload,
)
from domain.errors import LedgerError
from domain.qr.errors import InvalidQr, InvalidSignature
from domain.static_codes.static_code import StaticCode


class ScanBody(Body):
    """The text of the scanned code, and the wallet that scanned it.

    `amount` is what the payer entered for a static code without one. If the code has an amount, it
    must be the same.
    """

    payload: Annotated[str, text_length(1, SCANNED_CHARS_MAX)]
    wallet_id: WalletId
    amount: MoneyBody | None = None


class ScanRoutes:
    """The operation of scanning."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._views = SessionViews(services.config, services.tokens)

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        return [
            Operation(
                name="scan", method="POST", path="/v1/scans",
                summary="Scan a code: claim its session for a limited time",
                description=(
                    "A static code opens a session of its own for each wallet, one at a time. If "
                    "the payer has to enter the amount and there is none, the response is the "
                    "payee with its limits, and nothing is stored."
                ),
                callers=WALLETS, responses={200: SessionView | OpenAmountView},
                idempotency=Idempotency.OPTIONAL, handler=self.scan,
                problems=(
                    "invalid-qr", "invalid-signature", "not-found", *CLAIM_PROBLEMS,
                    "claims-exhausted", "amount-mismatch", "amount-outside-limits",
                    "signing-unavailable",
                ),
            )
        ]  # fmt: skip

    async def scan(self, call: Call, body: ScanBody) -> HttpResponse:
        """Claim the session of a scanned code, or answer with the limits of an open amount."""
        try:
            return await self._scan(call, body)
        except LedgerError as refusal:
            if cause := cause_of(refusal):
                self._services.metrics.scan_refused(cause=cause)
            raise

    async def _scan(self, call: Call, body: ScanBody) -> HttpResponse:
        wallet_id = acting_wallet(call.identity, body.wallet_id)
        services = self._services
        read: SessionCode | VerifiedCode | LedgerError
        try:
            read = read_payload(body.payload, services.config.public_url, services.code_keys.verify)
        except (InvalidQr, InvalidSignature) as refusal:
            read = refusal
        if isinstance(read, VerifiedCode) and body.amount is None:
            code = await self._open_amount(read)
            if code is not None:
                await readable_wallet(call, wallet_id)
                return json_response(open_amount_view(code, livemode=services.config.livemode))
        outcome = await call.send(self._command(call, body, wallet_id, read))
        view = self._views.view(
            outcome.subject,
            position=outcome.position,
            now=outcome.recorded_at,
            identity=call.identity,
            scanned=True,
        )
        return command_response(outcome, view)

    def _command(
        self,
        call: Call,
        body: ScanBody,
        wallet_id: UUID,
        read: SessionCode | VerifiedCode | LedgerError,
    ) -> Command:
        if isinstance(read, LedgerError):
            return RefuseScan(refusal=read)
        amount = body.amount.to_money() if body.amount else None
        if isinstance(read, SessionCode):
            return ScanSession(
                amount=amount,
                session_id=read.session_id,
                wallet_id=wallet_id,
                wallet_app_id=call.identity.wallet_app_id,
                claim_id=self._services.new_id(),
                lease_seconds=self._services.config.claim_seconds,
            )
        return ScanStaticCode(
            code=read,
            wallet_id=wallet_id,
            wallet_app_id=call.identity.wallet_app_id,
            amount=amount,
            session_id=self._services.new_id(),
            claim_id=self._services.new_id(),
            lease_seconds=self._services.config.claim_seconds,
        )

    async def _open_amount(self, verified: VerifiedCode) -> StaticCode | None:
        """The code if the payer enters the amount; the command decides about every other one."""
        get = self._services.reader.get
        try:
            current = await blocking.read(get, StaticCode, verified.code_id, "static code")
        except NotFound:
            return None
        code = current.state
        return code if code.terms.is_open and code.revoked_at is None else None
