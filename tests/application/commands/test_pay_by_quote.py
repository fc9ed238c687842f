"""PaySession by an exchange quote: quotes, wallet and session record it together or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest

from application.command import Command
from application.commands.pay_session import PaySession
from application.ports.rates import Rate
from domain import ids
from domain.money.currencies import CURRENCIES
from domain.money.money import Money
from domain.sessions.payment_session import PaymentSession
from domain.wallets.fx_quotes import FxQuotes
from domain.wallets.wallet import Wallet
from tests.application.commands.test_make_fx_quote import MAKE, QUOTE, QUOTES_ID, READY
from tests.support.given import (
    CANCEL,
    CLAIM,
    CREATE,
    HOLDERS,
    MERCHANT,
    OPEN,
    OPEN_OTHER,
    OTHER_WALLET_ID,
    PAY,
    SCAN,
    SESSION,
    SESSION_ID,
    TOP_UP,
    WALLET,
    WALLET_ID,
    Elapsed,
    event,
    given,
    refused,
)

OTHER_SESSION_ID = UUID("01890a5d-ac96-774b-bcce-b30200000200")
FUNDS = replace(TOP_UP, amount=Money(928, "EUR"))
CLAIMED = (*READY, FUNDS, MAKE, SCAN)
PAY_BY_QUOTE = replace(PAY, quote_id=QUOTE)
MISMATCH = refused("quote-mismatch", quote_id=QUOTE)


def test_the_payer_pays_what_the_quote_states_and_the_merchant_gets_the_amount() -> None:
    scenario = given(*CLAIMED).when(PAY_BY_QUOTE)

    scenario.then(
        event(FxQuotes.Used, QUOTES_ID, quote_id=QUOTE),
        event(
            Wallet.Captured,
            WALLET_ID,
            session_id=SESSION,
            source="available",
            merchant_id=MERCHANT,
            merchant_name="Cafe",
            amount_minor=928,
            currency="EUR",
            exponent=2,
        ),
        event(
            PaymentSession.Paid,
            SESSION_ID,
            funding="wallet",
            source="available",
            wallet_id=WALLET,
            claim_id=CLAIM,
            attempt_id=None,
            processor=None,
            amount_minor=1000,
            currency="USD",
            exponent=2,
            fee_minor=0,
            payer_amount_minor=928,
            payer_currency="EUR",
            payer_exponent=2,
            spread_minor=5,
            quote_id=QUOTE,
            merchant_id=MERCHANT,
            merchant_name="Cafe",
        ),
    )


def test_paying_again_by_the_same_quote_returns_the_first_payment() -> None:
    given(*CLAIMED, PAY_BY_QUOTE, Elapsed(5000)).when(PAY_BY_QUOTE).then()


@pytest.mark.parametrize(
    ("steps", "command", "code"),
    [
        ((*CLAIMED, CANCEL), PAY_BY_QUOTE, "session-not-payable"),
        ((*CLAIMED, Elapsed(900)), PAY_BY_QUOTE, "session-expired"),
        ((*READY, FUNDS, MAKE), PAY_BY_QUOTE, "claim-required"),
        (CLAIMED, replace(PAY_BY_QUOTE, amount=Money(928, "EUR")), "amount-mismatch"),
        (CLAIMED, replace(PAY_BY_QUOTE, amount=Money(999, "USD")), "amount-mismatch"),
        (CLAIMED, PAY, "wallet-currency-mismatch"),
        ((*READY, FUNDS, SCAN), PAY_BY_QUOTE, "quote-mismatch"),
        ((*CLAIMED, Elapsed(60)), PAY_BY_QUOTE, "quote-expired"),
        ((*READY, replace(FUNDS, amount=Money(927, "EUR")), MAKE, SCAN), PAY_BY_QUOTE,
         "insufficient-funds"),
        ((*READY, MAKE, SCAN, Elapsed(60)), PAY_BY_QUOTE, "quote-expired"),
    ],
)  # fmt: skip
def test_refusals_come_in_the_order_of_the_contract(
    steps: tuple[Command | Elapsed, ...], command: PaySession, code: str
) -> None:
    result = given(*steps).when(command).result

    assert getattr(result, "code", "ok") == code


def test_a_quote_is_good_until_the_instant_at_which_it_ends() -> None:
    assert given(*CLAIMED, Elapsed(59.999999)).when(PAY_BY_QUOTE).subject.payment


def test_another_wallets_quote_is_a_mismatch() -> None:
    euros = replace(OPEN_OTHER, currency=CURRENCIES["EUR"])
    funds = replace(FUNDS, wallet_id=OTHER_WALLET_ID)
    scan = replace(SCAN, wallet_id=OTHER_WALLET_ID)
    pay = replace(PAY_BY_QUOTE, wallet_id=OTHER_WALLET_ID)

    given(*READY, MAKE, euros, funds, scan).when(pay).then(MISMATCH)


def test_another_sessions_quote_is_a_mismatch_even_of_the_same_amount() -> None:
    other = replace(CREATE, session_id=OTHER_SESSION_ID, order_id="A-2")
    scan = replace(SCAN, session_id=OTHER_SESSION_ID)
    pay = replace(PAY_BY_QUOTE, session_id=OTHER_SESSION_ID)

    given(*READY, FUNDS, MAKE, other, scan).when(pay).then(MISMATCH)


def test_a_converted_amount_may_have_more_digits_than_a_sessions() -> None:
    rupiah = replace(OPEN, currency=CURRENCIES["IDR"])
    dear = replace(CREATE, amount=Money(999_999_999, "USD"))
    make = replace(MAKE, rate=Rate("0.00005", "ecb", date(2025, 12, 31)))
    funds = [
        replace(TOP_UP, amount=Money(999_999_999_999, "IDR"), reference=f"part {number}")
        for number in range(21)
    ]
    pay = replace(PAY_BY_QUOTE, amount=dear.amount)

    rich = given(*HOLDERS, rupiah, *funds, dear, make, SCAN).when(pay)
    poor = given(*HOLDERS, rupiah, *funds[:20], dear, make, SCAN).when(pay)

    assert rich.subject.payment.payer_amount.minor == 20_099_999_979_900
    asked = {"wallet_id": WALLET, "asked_minor": 20_099_999_979_900, "currency": "IDR"}
    poor.then(refused("insufficient-funds", **asked))


def test_of_two_quotes_only_the_named_one_is_used() -> None:
    second_id = UUID(int=MAKE.quote_id.int + 1)
    second = replace(MAKE, quote_id=second_id, spread_basis_points=0)

    scenario = given(*CLAIMED, second).when(
        replace(PAY_BY_QUOTE, quote_id=ids.encode("quo", second_id))
    )

    assert scenario.subject.payment.payer_amount.minor == 923
