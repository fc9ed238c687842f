"""Exchange quotes: what a wallet pays for a session in another currency."""

from __future__ import annotations

from datetime import date
from typing import Final

from api import blocking
from api.context import Services
from api.http.fields import SessionId, WalletId
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call, Idempotency, Operation
from api.http.parsing import Body
from api.v1.access import acting_wallet, readable_wallet
from api.v1.responses import command_response
from api.views.fx_quotes import FxQuoteView, fx_quote_view
from application.commands.make_fx_quote import MakeFxQuote
from domain import ids
from domain.sessions.payment_session import PaymentSession

WALLETS: Final = frozenset({CallerRole.WALLET, CallerRole.PAGE})


class FxQuoteBody(Body):
    """The wallet that would pay, and the session."""

    wallet_id: WalletId
    session_id: SessionId


class FxQuoteRoutes:
    """The operation on exchange quotes."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        return [
            Operation(
                name="makeFxQuote", method="POST", path="/v1/fx-quotes",
                summary="Quote the price of a session in the currency of a wallet",
                description=(
                    "The quote holds for 60 seconds, at most until the session expires, and for "
                    "one payment: `pay` names it in `quote_id`. `from` is everything that the "
                    "payer pays. A live ledger refuses rates that are too old."
                ),
                callers=WALLETS, responses={201: FxQuoteView},
                idempotency=Idempotency.OPTIONAL, handler=self.make,
                problems=(
                    "not-found", "session-expired", "session-not-payable", "rate-unavailable",
                    "insufficient-funds", "quotes-exhausted",
                ),
            ),
        ]  # fmt: skip

    async def make(self, call: Call, body: FxQuoteBody) -> HttpResponse:
        """Make a quote.

        The currencies of a wallet and of a session never change, so the rate is looked up before
        the command; the command decides by the ledger's day whether it is young enough.
        """
        config, quote_id = self._services.config, self._services.new_id()
        wallet_id = acting_wallet(call.identity, body.wallet_id)
        session_id = ids.decode("ps", body.session_id)
        wallet = (await readable_wallet(call, wallet_id)).state
        get = self._services.reader.get
        session = await blocking.read(get, PaymentSession, session_id, "payment session")
        live = config.mode == "live"
        rate = await blocking.read(
            self._services.rates.between,
            wallet.currency,
            session.state.amount.currency,
            session.now.date() if live else date.max,
        )
        command = MakeFxQuote(
            quote_id=quote_id,
            wallet_id=wallet_id,
            wallet_app_id=call.identity.wallet_app_id,
            session_id=session_id,
            rate=rate,
            rate_days_max=config.fx_rate_days_max if live else None,
            spread_basis_points=config.fx_spread_basis_points,
        )
        outcome = await call.send(command)
        quotes = outcome.subject
        *_, quote = quotes.quotes.values()  # of a replay too: the quotes at that version
        view = fx_quote_view(
            quotes,
            quote,
            position=outcome.position,
            now=outcome.recorded_at,
            livemode=config.livemode,
        )
        return command_response(outcome, view, status=201)
