"""Wallets: wallet apps open and top them up, payers see their balance and payments."""

from __future__ import annotations

from typing import Final

from msgspec import UnsetType
from msgspec.structs import replace

from api import blocking
from api.context import Services
from api.http.fields import CurrencyCode, ShortText
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call, Idempotency, Operation
from api.http.parsing import Body, MoneyBody, WalletPathId, none_if_unset, path_id
from api.v1.access import readable_wallet
from api.v1.accounts import AT, AtQuery, at_response, only_auditors, read_moment
from api.v1.lists import ListQuery, Page, caught_up, page_of, read_cursor
from api.v1.responses import command_response, json_response
from api.views.wallets import (
    PageTokenView,
    WalletPaymentView,
    WalletView,
    wallet_payment_view,
    wallet_view,
)
from application.commands.open_wallet import OpenWallet
from application.commands.top_up_wallet import TopUpWallet
from application.errors import Forbidden
from domain import ids, times
from domain.money.money import currency_in_use
from domain.wallets.wallet import Wallet
from projections.wallet_payments import WalletPayments

APPS: Final = frozenset({CallerRole.WALLET})
READERS: Final = frozenset(
    {CallerRole.WALLET, CallerRole.PAGE, CallerRole.AUDITOR, CallerRole.OPERATOR}
)


class OpenWalletBody(Body):
    """The wallet's only currency."""

    currency: CurrencyCode


class TopUpBody(Body):
    """The amount of a top-up and the sender's reference (no personal data)."""

    amount: MoneyBody
    reference: ShortText


class WalletPaymentsQuery(ListQuery):
    """A page of a wallet's payments."""


class WalletRoutes:
    """The operations on wallets."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        wallet = "/v1/wallets/{id:str}"
        return [
            Operation(
                name="openWallet", method="POST", path="/v1/wallets",
                summary="Open an empty wallet in one currency",
                callers=APPS, responses={201: WalletView},
                idempotency=Idempotency.OPTIONAL, handler=self.open,
            ),
            Operation(
                name="getWallet", method="GET", path=wallet,
                summary="Get one wallet, read from the log: always current",
                description=f"Auditors may ask for the past: {AT}",
                callers=READERS, responses={200: WalletView}, problems=("not-found",),
                handler=self.get,
            ),
            Operation(
                name="topUpWallet", method="POST", path=f"{wallet}/top-ups",
                summary="Top up a wallet (wallet apps: only in a test ledger)",
                callers=APPS | {CallerRole.OPERATOR}, responses={201: WalletView},
                idempotency=Idempotency.REQUIRED, handler=self.top_up,
                problems=(
                    "not-found", "reference-used", "wallet-currency-mismatch", "balance-limit",
                ),
            ),
            Operation(
                name="listWalletPayments", method="GET", path=f"{wallet}/payments",
                summary="List the wallet's payments, newest first",
                callers=READERS, responses={200: Page[WalletPaymentView]},
                problems=("not-found", "not-caught-up"), handler=self.payments,
            ),
            Operation(
                name="mintPageToken", method="POST", path=f"{wallet}/tokens",
                summary="Create a page token: a browser page acts for this wallet for 15 minutes",
                description=(
                    "Revoking the API key that created the token also ends the token, within a "
                    "second. Tokens are not stored: every call creates a new one. The "
                    "operation takes no `Idempotency-Key` and ignores the header."
                ),
                callers=APPS, responses={201: PageTokenView}, problems=("not-found",),
                handler=self.token,
            ),
        ]  # fmt: skip

    async def open(self, call: Call, body: OpenWalletBody) -> HttpResponse:
        """Open a wallet."""
        command = OpenWallet(
            wallet_id=self._services.new_id(),
            wallet_app_id=call.identity.holder,
            currency=currency_in_use(body.currency),
        )
        outcome = await call.send(command)
        view = wallet_view(outcome.subject, outcome.position)
        return command_response(outcome, view, status=201)

    async def get(self, call: Call, query: AtQuery, id: WalletPathId) -> HttpResponse:
        """One wallet."""
        if not isinstance(query.at, UnsetType):
            moment = await read_moment(call, only_auditors(call, query.at))
            then = await blocking.read(self._services.reader.at, Wallet, id, moment, "wallet")
            view = wallet_view(then.state, then.position)
            return at_response(replace(view, at=moment.position), moment)
        current = await readable_wallet(call, id)
        return json_response(wallet_view(current.state, current.position))

    async def top_up(self, call: Call, body: TopUpBody, id: str) -> HttpResponse:
        """Top up a wallet."""
        app = call.identity.holder if call.identity.role is CallerRole.WALLET else None
        if app is not None and self._services.config.mode != "test":
            raise Forbidden(reason="Wallet apps may top up their wallets only in a test ledger")
        command = TopUpWallet(
            wallet_id=path_id("wal", id),  # after the check of the mode, which has precedence
            amount=body.amount.to_money(),
            reference=body.reference,
            wallet_app_id=app,
        )
        outcome = await call.send(command)
        view = wallet_view(outcome.subject, outcome.position)
        return command_response(outcome, view, status=201)

    async def payments(
        self, call: Call, query: WalletPaymentsQuery, id: WalletPathId
    ) -> HttpResponse:
        """A page of a wallet's payments."""
        current = await readable_wallet(call, id)
        await caught_up(call, WalletPayments, none_if_unset(query.at_least))
        rows = await blocking.read(
            self._services.read_models[WalletPayments].of_wallet,
            current.state.public_id,
            before=read_cursor(self._services.tokens, none_if_unset(query.cursor)),
            limit=query.limit + 1,
        )
        page = page_of(call, rows, query.limit, wallet_payment_view, lambda row: row.position)
        return json_response(page)

    async def token(self, call: Call, id: WalletPathId) -> HttpResponse:
        """Create a page token."""
        current = await readable_wallet(call, id)
        key_id = ids.decode("key", call.identity.actor)
        token, expires_at = self._services.tokens.for_page(id, key_id, current.now)
        view = PageTokenView(token, current.state.public_id, times.to_text(expires_at))
        return json_response(view, status=201)
