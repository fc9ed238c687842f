"""Payments in another currency and refunds, as payers and tills see them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from infrastructure.fx.fixed import FixedRates
from tests.end_to_end.browsing import TILL, Visit, check_page, status, wallet_address
from tests.support.api_fixture import ApiFixture

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]
LANGUAGES = ["en-US", "pt-BR", "ar"]


@pytest.fixture(autouse=True)
def _rates(api: ApiFixture) -> Iterator[None]:
    known = api.services.rates
    rates = FixedRates(
        {"USD": "1.1172", "JPY": "175.68", "IDR": "20275.17"},
        as_of=date(2026, 10, 30),
        source="ecb",
    )
    object.__setattr__(api.services, "rates", rates)
    yield
    object.__setattr__(api.services, "rates", known)


def sign_in(page: Page, api: ApiFixture, wallet: str) -> None:
    token = api.call("wallet", "POST", f"/v1/wallets/{wallet}/tokens").json()["token"]
    page.locator("#token").fill(token)
    page.locator("#sign-in button").click()


def paid(api: ApiFixture, session: dict[str, Any], wallet: str) -> None:
    claim = api.scan(session, wallet).json()["claim"]["id"]
    assert api.pay(session, wallet, claim).status_code == 200


def refund(api: ApiFixture, session: dict[str, Any], minor: int) -> None:
    path = f"/v1/payment-sessions/{session['id']}/refunds"
    body = {"amount": {"minor": minor, "currency": "USD"}}
    response = api.call("merchant", "POST", path, body, key=str(uuid4()))
    assert response.status_code == 201, response.text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", LANGUAGES)
def test_a_wallet_in_another_currency_sees_both_amounts_and_the_rate_and_pays(
    api: ApiFixture, visit: Visit, locale: str, scheme: str
) -> None:
    session, wallet = api.create_session(), api.open_wallet(5000, currency="EUR")
    till = visit(viewport=TILL).open(session["checkout_url"])
    phone = visit(locale=locale, color_scheme=scheme).open(wallet_address(session))
    sign_in(phone, api, wallet)

    expect(phone.locator("#quote-pays")).to_contain_text("9")
    expect(phone.locator("#quote-rate")).to_have_text(
        "1 EUR = 1,1172 USD" if locale == "pt-BR" else "1 EUR = 1.1172 USD"
    )
    expect(phone.locator("#quote-day")).to_have_attribute("datetime", "2026-10-30")
    expect(phone.locator("#quote-timer")).to_contain_text("0:5")
    expect(phone.locator("#pay bdi")).to_be_visible()
    check_page(phone, f"wallet-quote-{locale}-{scheme}")
    if locale == "en-US":
        expect(phone.locator("#quote-pays")).to_have_text("€9.01")
        expect(phone.locator("#quote-spread")).to_have_text("€0.05")
        expect(phone.locator("#pay")).to_have_text("Pay €9.01")
    phone.locator("#pay").click()

    status(phone).to_have_attribute("data-status", "paid")
    status(till).to_have_attribute("data-status", "paid")
    balance = api.call("wallet", "GET", f"/v1/wallets/{wallet}").json()
    assert balance["available"]["minor"] == 5000 - 901


@pytest.mark.parametrize("locale", LANGUAGES)
def test_a_long_rate_needs_no_horizontal_scrolling(
    api: ApiFixture, visit: Visit, locale: str
) -> None:
    session = api.create_session(amount={"minor": 999_999_999, "currency": "USD"})
    wallet = api.open_wallet(5000, currency="IDR")
    page = visit(locale=locale, viewport={"width": 320, "height": 900})
    phone = page.open(wallet_address(session))
    sign_in(phone, api, wallet)
    expect(phone.locator("#quote-rate")).to_contain_text("551018")

    assert phone.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    check_page(phone, f"wallet-quote-long-{locale}")
    if locale == "en-US":
        expect(phone.get_by_role("alert")).to_have_text("There is not enough money in this wallet.")


def test_when_the_rate_lapses_the_payer_asks_for_a_new_one(api: ApiFixture, visit: Visit) -> None:
    session, wallet = api.create_session(), api.open_wallet(5000, currency="JPY")
    visitor = visit(locale="en-US")
    visitor.context.clock.install()
    phone = visitor.open(wallet_address(session))
    sign_in(phone, api, wallet)
    expect(phone.get_by_role("button", name="Pay ¥1,581")).to_be_visible()

    visitor.context.clock.fast_forward(61_000)

    expect(phone.locator("#quote")).to_be_hidden()
    expect(phone.locator("#pay")).to_be_hidden()
    check_page(phone, "wallet-quote-lapsed")
    phone.get_by_role("button", name="Get a new exchange rate").click()
    expect(phone.get_by_role("button", name="Pay ¥1,581")).to_be_visible()


def test_a_wallet_whose_currency_has_no_rate_cannot_pay(api: ApiFixture, visit: Visit) -> None:
    session, wallet = api.create_session(), api.open_wallet(5000, currency="KWD")
    phone = visit(locale="en-US").open(wallet_address(session))
    sign_in(phone, api, wallet)

    expect(phone.get_by_role("alert")).to_have_text(
        "There is no exchange rate for the currency of this wallet."
    )
    expect(phone.locator("#pay")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_open_checkout_screen_and_the_payers_page_show_refunds_as_they_happen(
    api: ApiFixture, visit: Visit, scheme: str
) -> None:
    session, wallet = api.create_session(), api.open_wallet()
    till = visit(color_scheme=scheme, locale="en-US").open(session["checkout_url"])
    till.evaluate("window.mark = 'same page'")
    phone = visit(color_scheme=scheme, locale="en-US").open(wallet_address(session))
    sign_in(phone, api, wallet)
    expect(phone.get_by_role("button", name="Pay $10.00")).to_be_visible()
    stranger = visit(locale="en-US").open(wallet_address(session))
    paid(api, session, wallet)
    for page in (till, phone, stranger):
        status(page).to_have_attribute("data-status", "paid")

    refund(api, session, 300)

    for page, name in ((till, "checkout"), (phone, "wallet")):
        status(page).to_have_attribute("data-status", "partially_refunded")
        expect(page.get_by_role("heading", name="Partly refunded")).to_be_focused()
        expect(page.locator(".for-partially_refunded .returned")).to_have_text("$3.00")
        check_page(page, f"{name}-partially_refunded-{scheme}")
    expect(phone.get_by_label("Receipt")).to_be_visible()

    refund(api, session, 700)

    for page, name in ((till, "checkout"), (phone, "wallet")):
        status(page).to_have_attribute("data-status", "refunded")
        expect(page.locator(".for-refunded .returned")).to_have_text("$10.00")
        check_page(page, f"{name}-refunded-{scheme}")
    assert till.evaluate("window.mark") == "same page"
    status(stranger).to_have_attribute("data-status", "paid")  # refunds are not public
    assert "refunded" not in stranger.locator("#data").inner_text()


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize(("minor", "shown"), [(300, "partially_refunded"), (1000, "refunded")])
def test_a_refund_is_shown_after_a_reload_in_every_language_and_without_javascript(
    api: ApiFixture, visit: Visit, locale: str, minor: int, shown: str
) -> None:
    session, wallet = api.create_session(), api.open_wallet()
    paid(api, session, wallet)
    refund(api, session, minor)

    plain = visit(locale=locale, java_script_enabled=False).open(session["checkout_url"])
    status(plain).to_have_attribute("data-status", shown)
    late = visit(locale=locale, color_scheme="dark").open(session["checkout_url"])
    status(late).to_have_attribute("data-status", shown)
    check_page(late, f"checkout-{shown}-{locale}")
    phone = visit(locale=locale).open(wallet_address(session))
    status(phone).to_have_attribute("data-status", "paid")


def test_the_payer_who_comes_back_sees_the_refund(api: ApiFixture, visit: Visit) -> None:
    session, wallet = api.create_session(), api.open_wallet()
    visitor = visit(locale="en-US")
    phone = visitor.open(wallet_address(session))
    sign_in(phone, api, wallet)
    phone.get_by_role("button", name="Pay $10.00").click()
    status(phone).to_have_attribute("data-status", "paid")
    phone.goto("about:blank")
    refund(api, session, 300)

    phone.goto(wallet_address(session))

    status(phone).to_have_attribute("data-status", "partially_refunded")


def test_an_amount_of_any_length_stays_in_one_line(api: ApiFixture, visit: Visit) -> None:
    session = api.create_session(amount={"minor": 999_999_999_999, "currency": "BRL"})
    for viewport in ({"width": 320, "height": 568}, {"width": 844, "height": 390}, TILL):
        page = visit(viewport=viewport, locale="pt-BR").open(wallet_address(session))
        expect(page.locator("#token")).to_be_visible()
        amount = page.locator("header .amount")
        lines = "e => Math.round(e.offsetHeight / parseFloat(getComputedStyle(e).lineHeight))"
        assert amount.evaluate(lines) == 1
        assert amount.evaluate("e => e.scrollWidth - e.clientWidth") <= 0
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
