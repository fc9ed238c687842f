"""MakeFxQuote: what a wallet pays for a session in another currency."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest

from application.command import Command
from application.commands.make_fx_quote import MakeFxQuote
from application.ports.rates import Rate
from domain import ids
from domain.money.currencies import CURRENCIES
from domain.money.money import Money
from domain.wallets.fx_quotes import FxQuotes
from domain.wallets.wallet import BALANCE_MINOR_MAX
from tests.support.given import (
    APP,
    CANCEL,
    CREATE,
    HOLDERS,
    NOBODY,
    OPEN,
    SESSION,
    SESSION_ID,
    WALLET,
    WALLET_ID,
    Elapsed,
    at,
    event,
    given,
    refused,
)

QUOTE_ID = UUID("01890a5d-ac96-774b-bcce-b30200000100")
QUOTE = ids.encode("quo", QUOTE_ID)
QUOTES_ID = FxQuotes.stream_id(WALLET_ID, SESSION_ID)
OPEN_EUR = replace(OPEN, currency=CURRENCIES["EUR"])
READY = (*HOLDERS, OPEN_EUR, CREATE)
MAKE = MakeFxQuote(
    quote_id=QUOTE_ID,
    wallet_id=WALLET_ID,
    wallet_app_id=APP,
    session_id=SESSION_ID,
    rate=Rate("1.0842", "ecb", date(2025, 12, 31)),
    rate_days_max=7,
    spread_basis_points=50,
)
NO_RATE = refused("rate-unavailable", from_currency="EUR", to_currency="USD")
GIVEN = {
    "rate": "1.0842", "rounding": "ceiling", "source": "ecb", "as_of": "2025-12-31",
    "from_minor": 928, "from_currency": "EUR", "from_exponent": 2,
    "spread_basis_points": 50, "spread_minor": 5,
    "to_minor": 1000, "to_currency": "USD", "to_exponent": 2,
}  # fmt: skip


def quote(number: int) -> MakeFxQuote:
    return replace(MAKE, quote_id=UUID(int=QUOTE_ID.int + number))


def test_the_first_quote_opens_the_wallets_quotes_for_the_session() -> None:
    scenario = given(*READY).when(MAKE)

    scenario.then(
        event(FxQuotes.Opened, QUOTES_ID, wallet_id=WALLET, session_id=SESSION),
        event(FxQuotes.Given, QUOTES_ID, quote_id=QUOTE, expires_at=at(60), **GIVEN),
    )


def test_a_further_quote_is_added_to_them_and_ends_with_the_session_at_the_latest() -> None:
    scenario = given(*READY, MAKE, Elapsed(870)).when(quote(1))

    second = ids.encode("quo", quote(1).quote_id)
    scenario.then(event(FxQuotes.Given, QUOTES_ID, quote_id=second, expires_at=at(900), **GIVEN))


@pytest.mark.parametrize(
    ("steps", "command", "code"),
    [
        ((*HOLDERS, OPEN_EUR), MAKE, "not-found"),
        ((*HOLDERS, CREATE), MAKE, "not-found"),
        (READY, replace(MAKE, wallet_app_id=f"app_{NOBODY}"), "not-found"),
        ((*READY, Elapsed(900)), MAKE, "session-expired"),
        ((*READY, CANCEL), MAKE, "session-not-payable"),
        ((*HOLDERS, OPEN, CREATE), MAKE, "invalid-request"),
        (READY, replace(MAKE, rate=None), "rate-unavailable"),
        ((*READY, *(quote(n) for n in range(10))), quote(10), "quotes-exhausted"),
    ],
)
def test_what_cannot_be_quoted_is_refused_by_name(
    steps: tuple[Command | Elapsed, ...], command: MakeFxQuote, code: str
) -> None:
    result = given(*steps).when(command).result

    assert getattr(result, "code", "ok") == code


def test_the_ledgers_day_decides_whether_a_rate_is_young_enough() -> None:
    seven_days, eight_days, tomorrow = (
        replace(MAKE, rate=Rate("1.0842", "ecb", as_of))
        for as_of in (date(2025, 12, 25), date(2025, 12, 24), date(2026, 1, 2))
    )

    assert given(*READY).when(seven_days).subject.quotes
    given(*READY).when(eight_days).then(NO_RATE)
    given(*READY).when(tomorrow).then(NO_RATE)


def test_a_rate_that_grows_too_old_before_it_is_recorded_is_decided_again() -> None:
    scenario = given(*READY)

    decision = scenario.when(replace(MAKE, rate=Rate("1.0842", "ecb", date(2025, 12, 25))))

    assert decision.subject.quotes
    long_session = replace(CREATE, expires_in_seconds=86_400)
    later = given(*HOLDERS, OPEN_EUR, long_session, Elapsed(86_399)).when(
        replace(MAKE, rate=Rate("1.0842", "ecb", date(2025, 12, 25)))
    )
    assert later.subject.quotes  # 7 days until midnight, and not a second longer


def test_a_test_ledger_takes_a_rate_of_any_age_and_states_its_day() -> None:
    old = replace(MAKE, rate=Rate("1.0842", "ecb", date(1999, 1, 4)), rate_days_max=None)

    scenario = given(*READY).when(old)

    [made] = scenario.subject.quotes.values()
    assert made.source.as_of == "1999-01-04"


def test_what_no_wallet_may_hold_is_not_quoted() -> None:
    dear = replace(CREATE, amount=Money(999_999_999_999, "USD"))
    rate = Rate("0.00005", "ecb", date(2025, 12, 31))
    rupiah = replace(OPEN, currency=CURRENCIES["IDR"])

    scenario = given(*HOLDERS, rupiah, dear).when(replace(MAKE, rate=rate))

    asked = 20_099_999_999_979_900
    assert asked > BALANCE_MINOR_MAX
    scenario.then(
        refused("insufficient-funds", wallet_id=WALLET, asked_minor=asked, currency="IDR")
    )
