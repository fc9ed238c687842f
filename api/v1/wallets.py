"""Wallets: apps open them, money comes in, payers look at them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from api import blocking
from api.context import Services
from api.http.authentication import Caller
from api.http.messages import HttpResponse
from api.http.operation import Call, Idempotency, Operation
from api.http.parsing import (
    Body,
    CurrencyCode,
    Limit,
    MoneyBody,
    Position,
    Query,
    ShortText,
    given,
    path_id,
)
from api.v1.responses import Page, caught_up, command_response, json_response, page_of, read_cursor
from api.v1.views import MerchantView, Time, Views, WalletPaymentView, WalletView, money_view
from application.commands.open_wallet import OpenWallet
from application.commands.top_up_wallet import TopUpWallet
from application.errors import Forbidden, NotFound
from application.reader import Current
from domain import ids, times
from domain.money.money import currency_in_use
from domain.wallets.wallet import Wallet


class OpenWalletBody(Body):
    """The one currency the wallet will hold."""

    currency: CurrencyCode


class TopUpBody(Body):
    """Money that came in, under the sender's own reference (not personal data)."""

    amount: MoneyBody
    reference: ShortText


class WalletPaymentsQuery(Query):
    """Where to go on in a wallet's payments."""

    limit: Limit = 20
    cursor: str | UnsetType = UNSET
    at_least: Position | UnsetType = UNSET


class PageTokenView(Struct, frozen=True):
    """A token that a browser page may hold: it reads, scans and pays with this one wallet."""

    token: str
    wallet_id: str
    expires_at: Time


class WalletRoutes:
    """The operations on wallets."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._views = Views(services.config, services.tokens)

    def operations(self) -> list[Operation]:
        """Every route of this file."""
        one = "/v1/wallets/{id:str}"
        readers = frozenset({Caller.WALLET, Caller.PAGE, Caller.AUDITOR, Caller.OPERATOR})
        return [
            Operation(
                name="openWallet", method="POST", path="/v1/wallets",
                summary="Open an empty wallet in one currency",
                callers=frozenset({Caller.WALLET}), body=OpenWalletBody,
                responses={201: WalletView}, idempotency=Idempotency.OPTIONAL, handler=self.open,
            ),
            Operation(
                name="getWallet", method="GET", path=one,
                summary="A wallet, read from the log: always current",
                callers=readers, responses={200: WalletView}, problems=("not-found",),
                handler=self.get,
            ),
            Operation(
                name="topUpWallet", method="POST", path=f"{one}/top-ups",
                summary="Put money into a wallet (its app: in a test ledger only)",
                callers=frozenset({Caller.OPERATOR, Caller.WALLET}), body=TopUpBody,
                responses={201: WalletView}, idempotency=Idempotency.REQUIRED, handler=self.top_up,
                problems=(
                    "not-found", "reference-used", "wallet-currency-mismatch", "balance-limit",
                ),
            ),
            Operation(
                name="listWalletPayments", method="GET", path=f"{one}/payments",
                summary="What the wallet paid, newest first",
                callers=readers, query=WalletPaymentsQuery,
                responses={200: Page[WalletPaymentView]},
                problems=("not-found", "not-caught-up"), handler=self.payments,
            ),
            Operation(
                name="mintPageToken", method="POST", path=f"{one}/tokens",
                summary="A token of 15 minutes with which a browser page acts for this wallet",
                description=(
                    "It ends with the key that minted it, within a second. Nothing is recorded and "
                    "no token is kept: every call mints one. It takes no `Idempotency-Key`; one "
                    "that is sent is ignored."
                ),
                callers=frozenset({Caller.WALLET}), responses={201: PageTokenView},
                problems=("not-found",), handler=self.token,
            ),
        ]  # fmt: skip

    async def open(self, call: Call) -> HttpResponse:
        """Open a wallet."""
        body: OpenWalletBody = call.body
        command = OpenWallet(
            wallet_id=self._services.new_id(),
            wallet_app_id=call.identity.holder,
            currency=currency_in_use(body.currency),
        )
        outcome = await call.send(command)
        view = self._views.wallet(outcome.subject, outcome.position)
        return command_response(outcome, view, status=201)

    async def get(self, call: Call) -> HttpResponse:
        """A wallet as it stands."""
        current = await self._visible(call, path_id("wal", call.path))
        return json_response(self._views.wallet(current.state, current.position))

    async def top_up(self, call: Call) -> HttpResponse:
        """Take money in."""
        body: TopUpBody = call.body
        app = call.identity.holder if call.identity.caller is Caller.WALLET else None
        if app is not None and self._services.config.mode != "test":
            raise Forbidden(reason="Only in a test ledger may a wallet app top up its wallets")
        command = TopUpWallet(
            wallet_id=path_id("wal", call.path),
            amount=body.amount.to_money(),
            reference=body.reference,
            wallet_app_id=app,
        )
        outcome = await call.send(command)
        view = self._views.wallet(outcome.subject, outcome.position)
        return command_response(outcome, view, status=201)

    async def payments(self, call: Call) -> HttpResponse:
        """What the wallet paid."""
        query: WalletPaymentsQuery = call.query
        current = await self._visible(call, path_id("wal", call.path))
        model = self._services.read_models.wallet_payments
        await caught_up(call, model.name, given(query.at_least))
        rows = await blocking.read(
            model.of_wallet,
            current.state.public_id,
            before=read_cursor(self._services.tokens, given(query.cursor)),
            limit=query.limit + 1,
        )
        page = page_of(call, rows, query.limit, _payment_view, lambda row: row.position)
        return json_response(page)

    async def token(self, call: Call) -> HttpResponse:
        """Mint a page token."""
        wallet_id = path_id("wal", call.path)
        current = await self._visible(call, wallet_id)
        key_id = ids.decode("key", call.identity.actor)
        token, until = self._services.tokens.for_page(wallet_id, key_id, current.now)
        view = PageTokenView(token, current.state.public_id, times.to_text(until))
        return json_response(view, status=201)

    async def _visible(self, call: Call, wallet_id: UUID) -> Current[Wallet]:
        """The wallet, if the caller may see it; another app's is not found."""
        get = self._services.reader.get
        current = await blocking.read(get, Wallet, wallet_id, "wallet")
        identity = call.identity
        seen = {
            Caller.WALLET: current.state.wallet_app_id == identity.holder,
            Caller.PAGE: wallet_id == identity.wallet_id,
            Caller.AUDITOR: True,
            Caller.OPERATOR: True,
        }
        if not seen.get(identity.caller, False):
            raise NotFound(thing="wallet")
        return current


def _payment_view(row: Any) -> WalletPaymentView:
    return WalletPaymentView(
        session_id=row.session_id,
        merchant=MerchantView(row.merchant_id, row.merchant_name),
        amount=money_view(row.amount),
        paid_at=times.to_text(row.paid_at),
        position=row.position,
    )
