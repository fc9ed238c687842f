"""Exchange quotes: what they state, how long they hold, and who may use them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from domain import ids, times
from domain.money.fx import convert
from domain.money.money import Money
from domain.wallets.errors import QuoteExpired, QuoteMismatch, QuotesExhausted, QuoteUsed
from domain.wallets.fx_quotes import FxQuotes, RateSource
from tests.support.aggregates import STREAM, Fact, fact, given

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
EXPIRES = NOW + timedelta(seconds=60)
SESSION = ids.encode("ps", STREAM)
AMOUNT = Money(10_842, "USD")
CONVERSION = convert(AMOUNT, payer_currency="EUR", rate="1.0842", spread_basis_points=100)
OPENED = fact(FxQuotes.Opened, NOW, wallet_id="wal_1", session_id=SESSION)
USED = fact(FxQuotes.Used, NOW, quote_id="quo_1")


def made(quote_id: str = "quo_1", *, expires_at: datetime = EXPIRES) -> Fact:
    return fact(
        FxQuotes.Given,
        NOW,
        quote_id=quote_id,
        rate="1.0842",
        rounding="ceiling",
        source="ecb",
        as_of="2026-04-30",
        from_minor=10_100,
        from_currency="EUR",
        from_exponent=2,
        spread_basis_points=100,
        spread_minor=100,
        to_minor=10_842,
        to_currency="USD",
        to_exponent=2,
        expires_at=times.to_text(expires_at),
    )


def make(quote_id: str = "quo_1", *, session_expires_in: int = 900) -> Any:
    return lambda quotes: quotes.give(
        quote_id=quote_id,
        conversion=CONVERSION,
        source=RateSource(name="ecb", as_of="2026-04-30"),
        session_expires_at=NOW + timedelta(seconds=session_expires_in),
        at=NOW,
    )


def use(quote_id: str = "quo_1", *, amount: Money = AMOUNT, at: datetime = NOW) -> Any:
    return lambda quotes: quotes.use(quote_id, amount=amount, at=at)


def test_a_quote_states_the_rate_and_every_amount_and_holds_for_a_minute() -> None:
    given(OPENED).when(make()).then(made())


def test_a_quote_never_outlives_its_session() -> None:
    expires_at = NOW + timedelta(seconds=30)

    given(OPENED).when(make(session_expires_in=30)).then(made(expires_at=expires_at))


def test_using_a_quote_gives_the_conversion_that_it_states() -> None:
    scenario = given(OPENED, made()).when(use())

    scenario.then(USED)
    assert scenario.returned == CONVERSION


def test_another_amount_or_an_unknown_quote_is_a_mismatch() -> None:
    mismatch = QuoteMismatch(quote_id="quo_1")

    given(OPENED, made()).when(use(amount=Money(10_841, "USD"))).then(mismatch)
    given(OPENED, made()).when(use(amount=Money(10_842, "EUR"))).then(mismatch)
    given(OPENED).when(use()).then(mismatch)


def test_a_quote_is_used_once_and_before_its_end() -> None:
    expired = QuoteExpired(quote_id="quo_1", expires_at=times.to_text(EXPIRES))

    given(OPENED, made(), USED).when(use(at=EXPIRES)).then(QuoteUsed(quote_id="quo_1"))
    given(OPENED, made()).when(use(at=EXPIRES)).then(expired)


def test_a_wallet_gets_ten_quotes_for_a_session() -> None:
    ten = [made(f"quo_{number}") for number in range(10)]

    given(OPENED, *ten).when(make("quo_x")).then(QuotesExhausted(session_id=SESSION, quotes_max=10))
