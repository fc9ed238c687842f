"""Wallets: wallet apps open and top them up, payers see their balance and payments."""

from __future__ import annotations

from functools import partial
from typing import Final

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from api import blocking
from api.context import Services
from api.http.fields import CurrencyCode, KnownCurrencyCode, ShortText
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
from application.errors import Forbidden, NotFound
from domain import ids, times
from domain.money.money import currency_in_use
from domain.wallets.wallet import Wallet
from projections.wallet_payments import WalletPayments
from projections.wallets import WalletRow, Wallets

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


class WalletsQuery(ListQuery):
    """Filters of the list."""

    currency: KnownCurrencyCode | UnsetType = UNSET


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
                name="listWallets", method="GET", path="/v1/wallets",
                summary="List the wallets that the app has opened, newest first",
                description="The list may lag; the balances in it are read from the log.",
                callers=APPS, responses={200: Page[WalletView]}, problems=("not-caught-up",),
                handler=self.list,
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
                summary="Top up a wallet (wallet apps and pages: only in a test ledger)",
                callers=APPS | {CallerRole.PAGE, CallerRole.OPERATOR}, responses={201: WalletView},
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
        view = self._view(outcome.subject, outcome.position)
        location = f"{self._services.config.public_url}/v1/wallets/{view.id}"
        return command_response(outcome, view, status=201, location=location)

    async def list(self, call: Call, query: WalletsQuery) -> HttpResponse:
        """A page of the app's wallets."""
        await caught_up(call, Wallets, none_if_unset(query.at_least))
        rows = await blocking.read(
            self._services.read_models[Wallets].of_app,
            call.identity.holder,
            currency=none_if_unset(query.currency),
            before=read_cursor(self._services.tokens, none_if_unset(query.cursor)),
            limit=query.limit + 1,
        )
        wanted = [row.wallet_id for row in rows[: query.limit]]
        many = self._services.reader.many
        found = await blocking.read(many, Wallet, wanted, "wallet") if wanted else []
        current = dict(zip(wanted, found, strict=True))

        def view(row: WalletRow) -> WalletView:
            wallet = current[row.wallet_id]
            return self._view(wallet.state, wallet.position)

        return json_response(
            page_of(call, rows, query.limit, view, lambda row: row.created_position)
        )

    async def get(self, call: Call, query: AtQuery, id: WalletPathId) -> HttpResponse:
        """One wallet."""
        if not isinstance(query.at, UnsetType):
            moment = await read_moment(call, only_auditors(call, query.at))
            then = await blocking.read(self._services.reader.at, Wallet, id, moment, "wallet")
            view = self._view(then.state, then.position)
            return at_response(replace(view, at=moment.position), moment)
        current = await readable_wallet(call, id)
        return json_response(self._view(current.state, current.position))

    async def top_up(self, call: Call, body: TopUpBody, id: str) -> HttpResponse:
        """Top up a wallet."""
        operator = call.identity.role is CallerRole.OPERATOR
        if not operator and self._services.config.mode != "test":
            raise Forbidden(reason="Wallet apps may top up their wallets only in a test ledger")
        wallet_id = path_id("wal", id)  # after the check of the mode, which has precedence
        if call.identity.wallet_id not in {None, wallet_id}:
            raise NotFound(thing="wallet")
        command = TopUpWallet(
            wallet_id=wallet_id,
            amount=body.amount.to_money(),
            reference=body.reference,
            wallet_app_id=None if operator else call.identity.wallet_app_id,
        )
        outcome = await call.send(command)
        view = self._view(outcome.subject, outcome.position)
        location = f"{self._services.config.public_url}/v1/wallets/{view.id}"
        return command_response(outcome, view, status=201, location=location)

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
        view = partial(wallet_payment_view, livemode=self._services.config.livemode)
        page = page_of(call, rows, query.limit, view, lambda row: row.position)
        return json_response(page)

    async def token(self, call: Call, id: WalletPathId) -> HttpResponse:
        """Create a page token."""
        current = await readable_wallet(call, id)
        key_id = ids.decode("key", call.identity.actor)
        token, expires_at = self._services.tokens.for_page(id, key_id, current.now)
        view = PageTokenView(
            livemode=self._services.config.livemode,
            token=token,
            wallet_id=current.state.public_id,
            expires_at=times.to_text(expires_at),
        )
        return json_response(view, status=201)

    def _view(self, wallet: Wallet, position: int) -> WalletView:
        return wallet_view(wallet, position, livemode=self._services.config.livemode)
