"""Exchange quotes over HTTP: asked for, paid with, and refused by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infrastructure.fx.fixed import FixedRates
from tests.faults.test_database_away import wait_for
from tests.support.api_fixture import USD_10, ApiFixture, api_fixture
from tests.support.postgres import rows

pytestmark = pytest.mark.postgres
PER_EURO = {"USD": "1.0842", "JPY": "175.68", "KWD": "0.3421", "CLF": "0.02412"}
"""Rates in currencies of 2, 0, 3 and 4 decimals."""
NONE = "quo_" + "0" * 26


@pytest.fixture(scope="module")
def api(make_ledger: Callable[[], str]) -> Iterator[ApiFixture]:
    url = make_ledger()
    with api_fixture(url, fx_spread_basis_points=50) as api:
        rates = FixedRates(PER_EURO, as_of=date(2026, 5, 1), source="ecb")
        object.__setattr__(api.services, "rates", rates)
        api.url = url
        yield api


def ask(api: ApiFixture, wallet: str, session: str, who: str = "wallet", key: str = "") -> Any:
    body = {"wallet_id": wallet, "session_id": session}
    return api.call(who, "POST", "/v1/fx-quotes", body, key=key)


def claimed(api: ApiFixture, minor: int = 100_000) -> tuple[dict[str, Any], str, str]:
    """A session over $10, a wallet in euros, and the wallet's claim."""
    session, wallet = api.create_session(), api.open_wallet(minor, currency="EUR")
    return session, wallet, api.scan(session, wallet).json()["claim"]["id"]


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json().get("code", "ok")


def test_a_quote_shows_everything_that_the_payer_pays(api: ApiFixture) -> None:
    session, wallet = api.create_session(), api.open_wallet(0, currency="EUR")

    response = ask(api, wallet, session["id"])

    quote = response.json()
    assert response.status_code == 201
    assert response.headers["Ledger-Position"] == str(quote["position"])
    for name in ("id", "expires_at", "server_time", "position"):
        assert quote.pop(name)
    assert quote == {
        "object": "fx_quote",
        "livemode": False,
        "wallet_id": wallet,
        "session_id": session["id"],
        "from": {"minor": 928, "currency": "EUR", "exponent": 2, "display": "€9.28"},
        "to": {"minor": 1000, "currency": "USD", "exponent": 2, "display": "$10.00"},
        "rate": "1.0842",
        "spread": {"minor": 5, "currency": "EUR", "exponent": 2, "display": "€0.05"},
        "source": "ecb",
        "as_of": "2026-05-01",
    }


def test_a_quote_is_paid_with_from_the_wallet_app_and_from_its_page(api: ApiFixture) -> None:
    for page in (False, True):
        session, wallet, claim = claimed(api)
        token = api.call("wallet", "POST", f"/v1/wallets/{wallet}/tokens").json()["token"]
        who = token if page else "wallet"
        quote = ask(api, wallet, session["id"], who).json()

        paid = api.pay(session, wallet, claim, who=who, quote_id=quote["id"])

        assert code(paid) == (200, "ok")
        payment = paid.json()["paid"]
        assert payment["amount"]["minor"] == 1000
        assert payment["payer_amount"] == quote["from"]
        assert payment["quote_id"] == quote["id"]
        balance = api.call("wallet", "GET", f"/v1/wallets/{wallet}").json()
        assert balance["available"]["minor"] == 100_000 - 928
        shown = api.call("merchant", "GET", f"/v1/payment-sessions/{session['id']}").json()
        assert shown["paid"]["payer_amount"] == quote["from"]


def test_a_quote_is_idempotent_under_its_key(api: ApiFixture) -> None:
    session, wallet = api.create_session(), api.open_wallet(0, currency="EUR")
    key = str(uuid4())

    first, again = (ask(api, wallet, session["id"], key=key) for _ in range(2))
    other = ask(api, wallet, api.create_session()["id"], key=key)
    later = ask(api, wallet, session["id"])
    replay = ask(api, wallet, session["id"], key=key)

    assert again.json() == first.json() == replay.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert later.json()["id"] != first.json()["id"]
    assert code(other) == (422, "idempotency-key-reused")


def test_who_may_ask_for_a_quote(api: ApiFixture) -> None:
    session, wallet = api.create_session(), api.open_wallet(0, currency="EUR")
    other = api.open_wallet(0, currency="EUR")
    token = api.call("wallet", "POST", f"/v1/wallets/{other}/tokens").json()["token"]

    assert code(ask(api, wallet, session["id"], "")) == (401, "unauthorized")
    for role in ("merchant", "auditor", "operator"):
        assert code(ask(api, wallet, session["id"], role)) == (403, "forbidden")
    assert code(ask(api, wallet, session["id"], "other_wallet")) == (404, "not-found")
    assert code(ask(api, wallet, session["id"], token)) == (404, "not-found")
    assert code(ask(api, wallet, "ps_" + "0" * 26)) == (404, "not-found")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"wallet_id": "wal_x", "session_id": "ps_x"},
        {"wallet_id": "wal_" + "0" * 26, "session_id": "ps_" + "0" * 26, "rate": "2"},
        {"wallet_id": "wal_" + "0" * 26 + "\n", "session_id": "ps_" + "0" * 26},
        {"wallet_id": "wal_" + "8" + "0" * 25, "session_id": "ps_" + "0" * 26},
        {"wallet_id": "wal_" + "\0" * 26, "session_id": "ps_" + "0" * 26},
        {"wallet_id": "wal_" + "\N{FULLWIDTH DIGIT ZERO}" * 26, "session_id": "ps_" + "0" * 26},
        {"wallet_id": "ps_" + "0" * 26, "session_id": "wal_" + "0" * 26},
        {"wallet_id": 7, "session_id": ["ps_" + "0" * 26]},
    ],
)
def test_a_malformed_request_is_refused_and_records_nothing(api: ApiFixture, body: Any) -> None:
    before = api.position()

    response = api.call("wallet", "POST", "/v1/fx-quotes", body)

    assert code(response) == (400, "invalid-request")
    assert api.position() == before


def test_sessions_that_cannot_be_quoted(api: ApiFixture) -> None:
    session, euros = api.create_session(), api.open_wallet(0, currency="EUR")
    baht, dollars = api.open_wallet(0, currency="THB"), api.open_wallet(0)
    cancelled = api.create_session()
    api.call("merchant", "POST", f"/v1/payment-sessions/{cancelled['id']}/cancel")

    assert code(ask(api, baht, session["id"])) == (422, "rate-unavailable")
    assert code(ask(api, dollars, session["id"])) == (400, "invalid-request")
    assert code(ask(api, euros, cancelled["id"])) == (409, "session-not-payable")
    for _ in range(10):
        assert ask(api, euros, session["id"]).status_code == 201
    assert code(ask(api, euros, session["id"])) == (409, "quotes-exhausted")


def test_a_live_ledger_refuses_a_rate_that_is_too_old(
    api: ApiFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The test's keys are of the other mode: they count as long as they are known already.
    monkeypatch.setattr("api.http.authentication.CACHE_SECONDS", 600.0)
    session, wallet = api.create_session(), api.open_wallet(0, currency="EUR")
    config, known = api.services.config, api.services.rates
    fresh = FixedRates(PER_EURO, as_of=datetime.now(UTC).date(), source="ecb")
    object.__setattr__(config, "mode", "live")
    try:
        refused = ask(api, wallet, session["id"])
        object.__setattr__(api.services, "rates", fresh)
        quoted = ask(api, wallet, session["id"])
    finally:
        object.__setattr__(config, "mode", "test")
        object.__setattr__(api.services, "rates", known)

    assert code(refused) == (422, "rate-unavailable")
    assert quoted.status_code == 201
    assert ask(api, wallet, session["id"]).status_code == 201


def test_refusals_of_a_payment_by_quote_in_the_order_of_the_contract(api: ApiFixture) -> None:
    session, wallet, claim = claimed(api, minor=927)
    quote = ask(api, wallet, session["id"]).json()["id"]
    elsewhere = ask(api, wallet, api.create_session()["id"]).json()["id"]
    neighbour = api.open_wallet(0, currency="EUR")
    theirs = ask(api, neighbour, session["id"]).json()["id"]
    euros = {"minor": 928, "currency": "EUR"}

    def pay(quote_id: Any, **facts: Any) -> tuple[int, str]:
        return code(api.pay(session, wallet, claim, quote_id=quote_id, **facts))

    assert pay(quote, amount=euros) == (422, "amount-mismatch")
    assert pay(NONE, amount=euros) == (422, "amount-mismatch")
    assert pay(NONE) == (422, "quote-mismatch")
    assert pay(elsewhere) == (422, "quote-mismatch")
    assert pay(theirs) == (422, "quote-mismatch")
    assert pay(None) == (422, "wallet-currency-mismatch")
    assert pay(quote) == (402, "insufficient-funds")
    for malformed in ("", "quo_x", quote + "\n", quote.upper(), f"{quote}\0", 1, [quote]):
        assert pay(malformed) == (400, "invalid-request")


def test_concurrent_payments_by_one_quote_have_one_winner(api: ApiFixture) -> None:
    session, wallet, claim = claimed(api)
    quote = ask(api, wallet, session["id"]).json()["id"]

    with ThreadPoolExecutor(8) as pool:
        results = list(
            pool.map(lambda _: api.pay(session, wallet, claim, quote_id=quote), range(8))
        )

    assert Counter(code(result) for result in results) == {(200, "ok"): 8}
    assert len({result.json()["position"] for result in results}) == 1
    balance = api.call("wallet", "GET", f"/v1/wallets/{wallet}").json()
    assert balance["available"]["minor"] == 100_000 - 928
    used = "select count(*) from ledger.events where topic = 'fx_quote.used'"
    before = rows(api.url, used)
    assert api.pay(session, wallet, claim, quote_id=quote).status_code == 200
    assert rows(api.url, used) == before


CURRENCIES = st.sampled_from(["EUR", *PER_EURO])


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(payer=CURRENCIES, payee=CURRENCIES, minor=st.integers(1, 10**9))
def test_the_house_never_pays_a_part_of_the_price(
    api: ApiFixture, payer: str, payee: str, minor: int
) -> None:
    if payer == payee:
        return
    exponents = {"EUR": 2, "USD": 2, "JPY": 0, "KWD": 3, "CLF": 4}
    session = api.create_session(amount={"minor": minor, "currency": payee})
    wallet = api.open_wallet(0, currency=payer)

    quote = ask(api, wallet, session["id"]).json()

    pays, spread = quote["from"]["minor"], quote["spread"]["minor"]
    assert quote["from"]["exponent"] == exponents[payer]
    assert quote["to"] == session["amount"]
    units = Fraction(10) ** (exponents[payer] - exponents[payee])
    exact = minor * units / Fraction(quote["rate"])
    assert exact <= pays - spread < exact + 1
    assert Fraction(pays - spread, 200) <= spread < Fraction(pays - spread, 200) + 1


@pytest.mark.parametrize(("currency", "scale"), [("JPY", 100), ("KWD", 10), ("CLF", 100)])
def test_an_amount_in_the_wrong_exponent_is_another_amount(
    api: ApiFixture, currency: str, scale: int
) -> None:
    asked = {"minor": 12_000, "currency": currency}
    session, wallet = api.create_session(amount=asked), api.open_wallet(10**9, currency="EUR")
    claim = api.scan(session, wallet).json()["claim"]["id"]
    quote = ask(api, wallet, session["id"]).json()["id"]

    def pay(**amount: Any) -> tuple[int, str]:
        body = {"currency": currency, **amount}
        return code(api.pay(session, wallet, claim, quote_id=quote, amount=body))

    assert pay(minor=12_000 * scale) == (422, "amount-mismatch")
    assert pay(minor=12_000 // scale) == (422, "amount-mismatch")
    assert pay(minor=12_000, exponent=2) == (400, "invalid-request")
    assert pay(minor=12_000.5) == (400, "invalid-request")
    assert pay(minor="12000") == (400, "invalid-request")
    assert pay(minor=12_000, currency="HRK") == (400, "invalid-request")
    assert pay(minor=12_000, currency="XAU") == (400, "invalid-request")
    assert pay(minor=12_000) == (200, "ok")


def test_a_quote_of_a_session_that_has_been_paid_is_of_no_use(api: ApiFixture) -> None:
    session, wallet, claim = claimed(api)
    unused = ask(api, wallet, session["id"]).json()["id"]
    used = ask(api, wallet, session["id"]).json()["id"]
    first = api.pay(session, wallet, claim, quote_id=used)

    again = api.pay(session, wallet, claim, quote_id=unused)
    further = ask(api, wallet, session["id"])

    assert first.json()["paid"] == again.json()["paid"]
    assert code(further) == (409, "session-not-payable")
    assert USD_10["minor"] == first.json()["paid"]["amount"]["minor"]


def test_the_payers_list_of_payments_shows_both_amounts(api: ApiFixture) -> None:
    session, wallet, claim = claimed(api)
    quote = ask(api, wallet, session["id"]).json()
    position = api.pay(session, wallet, claim, quote_id=quote["id"]).json()["position"]

    listed = api.call("wallet", "GET", f"/v1/wallets/{wallet}/payments?at_least={position}")

    [payment] = listed.json()["data"]
    assert (payment["amount"], payment["payer_amount"]) == (quote["to"], quote["from"])


def test_the_worker_keeps_the_task_of_the_rates_and_the_api_sees_what_was_stored(
    make_ledger: Callable[[], str],
) -> None:
    url = make_ledger()
    due = "select key from ledger.tasks where process = 'rates' and due_at > now() and attempts = 0"
    with api_fixture(url) as api:
        wait_for(lambda: rows(url, due) == [("reference rates",)])
        stored = "insert into ledger.fx_rates values ('ecb', current_date, 'USD', '1.25')"
        rows(url, stored, fetch=False)
        session, wallet = api.create_session(), api.open_wallet(0, currency="EUR")

        quote = ask(api, wallet, session["id"]).json()

    assert (quote["rate"], quote["source"]) == ("1.25", "ecb")
    assert quote["from"]["minor"] == 804
