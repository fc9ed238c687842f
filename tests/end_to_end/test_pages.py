"""The checkout screen and the wallet page in a real browser."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from domain import times
from tests.end_to_end.browsing import (
    TILL,
    Visit,
    bring_to,
    check_page,
    check_schemes,
    make_token,
    pay,
    screenshot,
    status,
    wallet_address,
)
from tests.support.api_fixture import ApiFixture
from tests.support.postgres import TestClock
from tests.support.read_pictures import read

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_scanned_and_paid_session_shows_as_paid_without_a_reload(
    api: ApiFixture, visit: Visit, scheme: str
) -> None:
    session = api.create_session(description="2 coffees", checkout_may_cancel=True)
    till = visit(viewport=TILL, color_scheme=scheme)
    screen = till.open(session["checkout_url"])
    screen.evaluate("window.mark = 'same page'")
    expect(screen.get_by_text("Live")).to_be_visible()
    check_page(screen, f"checkout-created-till-{scheme}")

    code = read(screenshot(screen, f"checkout-scan-{scheme}"))
    assert code == session["qr"]["payload"]
    payer = visit(color_scheme=scheme, locale="en-US")
    phone = payer.open(code.lower())
    check_page(phone, f"wallet-sign-in-{scheme}")
    phone.get_by_label("Wallet token").fill(make_token(api))
    phone.get_by_role("button", name="Continue").click()
    expect(phone.locator("#balance")).to_have_text("$1,000.00")
    check_page(phone, f"wallet-ready-{scheme}")
    phone.get_by_role("button", name="Pay $10.00").click()

    status(phone).to_have_attribute("data-status", "paid")
    status(screen).to_have_attribute("data-status", "paid")
    expect(screen.get_by_role("heading", name="Paid")).to_be_focused()
    expect(screen.locator(".symbol")).to_be_hidden()
    assert screen.evaluate("window.mark") == "same page"
    check_page(screen, f"checkout-paid-till-{scheme}")
    check_page(phone, f"wallet-paid-{scheme}")


@pytest.mark.parametrize("state", ["created", "scanned", "cancelled", "expired", "paid"])
def test_every_state_is_shown_live_and_after_a_reload(
    api: ApiFixture, visit: Visit, clock: TestClock, state: str
) -> None:
    session = api.create_session(return_url="https://shop.example/thanks")
    live = visit().open(session["checkout_url"])
    expect(live.get_by_text("Live")).to_be_visible()
    bring_to(state, api, session, clock)

    status(live).to_have_attribute("data-status", state)
    late = visit().open(session["checkout_url"])
    status(late).to_have_attribute("data-status", state)
    check_schemes(late, f"checkout-{state}-phone")
    till = visit(viewport=TILL).open(session["checkout_url"])
    check_schemes(till, f"checkout-{state}-till")
    wallet = visit().open(wallet_address(session))
    status(wallet).to_have_attribute("data-status", state)
    check_schemes(wallet, f"wallet-{state}")


@pytest.mark.parametrize("state", ["processing", "refunded", "failed"])
def test_the_states_of_processors_and_refunds_have_a_layout(
    api: ApiFixture, visit: Visit, state: str
) -> None:
    """The test sets the page's status attribute; test_pages_processing.py reaches the states."""
    session = api.create_session()
    for name, url in (("checkout", session["checkout_url"]), ("wallet", wallet_address(session))):
        page = visit().open(url)
        page.evaluate("state => { document.querySelector('main').dataset.status = state }", state)

        expect(page.locator(f"#state-{state}")).to_be_visible()
        expect(page.locator("#timer")).to_be_hidden()
        check_schemes(page, f"{name}-{state}")


def test_the_return_to_the_shop_can_be_stopped(api: ApiFixture, visit: Visit) -> None:
    session = api.create_session(return_url="https://shop.example/thanks")
    screen = visit().open(session["checkout_url"])
    expect(screen.get_by_text("Live")).to_be_visible()

    pay(api, session)

    expect(screen.get_by_text(re.compile(r"Returning to the shop in \d second"))).to_be_visible()
    screen.get_by_role("button", name="Stay on this page").click()
    expect(screen.get_by_text(re.compile("Returning to the shop"))).to_be_hidden()
    link = screen.get_by_role("link", name="Return to Cafe")
    expect(link).to_be_focused()
    expect(link).to_have_attribute("href", "https://shop.example/thanks")


def test_the_code_of_an_expired_session_disappears(
    api: ApiFixture, visit: Visit, clock: TestClock
) -> None:
    session = api.create_session()
    screen = visit().open(session["checkout_url"])
    expect(screen.locator(".symbol")).to_be_visible()

    clock.set(times.from_text(session["expires_at"]) + timedelta(seconds=1))

    status(screen).to_have_attribute("data-status", "expired")
    expect(screen.locator(".symbol")).to_be_hidden()
    expect(screen.get_by_role("link", name="Open in wallet")).to_be_hidden()


def test_a_second_wallet_sees_that_another_one_is_paying(api: ApiFixture, visit: Visit) -> None:
    session = api.create_session()
    api.scan(session, api.open_wallet())
    page = visit().open(wallet_address(session))
    page.get_by_label("Wallet token").fill(make_token(api))
    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_role("alert")).to_have_text("Another wallet is paying.")
    expect(page.locator("#free-timer")).to_have_text(re.compile(r"^1:\d\d$"))
    expect(page.get_by_role("button", name="Pay $10.00")).to_be_hidden()
    check_page(page, "wallet-claimed-by-another")


def test_the_wallet_page_contains_only_public_data(api: ApiFixture, visit: Visit) -> None:
    session = api.create_session(metadata={"till": "private"}, return_url="https://shop.example/x")

    page = visit().open(wallet_address(session))

    for hidden in (session["order_id"], "private", "shop.example", session["live_url"]):
        assert hidden not in page.content()


def test_a_wallet_without_enough_money_shows_a_message(api: ApiFixture, visit: Visit) -> None:
    page = visit(locale="en-US").open(wallet_address(api.create_session()))
    page.get_by_label("Wallet token").fill(make_token(api, 5))
    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_role("alert")).to_have_text("There is not enough money in this wallet.")
    expect(page.locator("#missing")).to_have_text("$9.95")
    expect(page.get_by_role("button", name="Pay $10.00")).to_be_hidden()
    check_page(page, "wallet-insufficient")


def test_a_payment_needs_only_the_keyboard(api: ApiFixture, visit: Visit) -> None:
    session, token = api.create_session(), make_token(api)
    page = visit().open(wallet_address(session))

    page.keyboard.press("Tab")
    page.keyboard.type(token)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Pay $10.00")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Pay $10.00")).to_be_focused()
    page.keyboard.press("Enter")

    status(page).to_have_attribute("data-status", "paid")
    expect(page.get_by_role("heading", name="Paid")).to_be_focused()


@pytest.mark.parametrize("scripts", [True, False])
def test_cancelling_from_the_checkout_screen_if_the_merchant_allowed_it(
    api: ApiFixture, visit: Visit, scripts: bool
) -> None:
    session = api.create_session(checkout_may_cancel=True)
    screen = visit(java_script_enabled=scripts).open(session["checkout_url"])

    expect(screen.get_by_role("button", name="Yes, cancel it")).to_be_hidden()
    screen.get_by_text("Cancel payment").click()
    expect(screen.get_by_text("Cancel this payment?")).to_be_visible()
    if scripts:
        check_page(screen, "checkout-cancel-asked")
    screen.get_by_role("button", name="Yes, cancel it").click()

    expect(screen.get_by_role("heading", name="Cancelled")).to_be_visible()
    plain = visit().open(api.create_session()["checkout_url"])
    expect(plain.get_by_text("Cancel payment")).to_have_count(0)


@pytest.mark.parametrize("width", [320, 195])
def test_narrow_and_zoomed_screens_need_no_horizontal_scrolling(
    api: ApiFixture, visit: Visit, width: int
) -> None:
    """195 px is a phone of 390 at 200 %."""
    session = api.create_session(
        order_id=f"{width:x<64}", description="y" * 120, checkout_may_cancel=True
    )
    for url in (session["checkout_url"], wallet_address(session)):
        page = visit(viewport={"width": width, "height": 640}).open(url)
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, url
        screenshot(page, f"narrow-{width}-{'checkout' if 'checkout' in url else 'wallet'}")


@pytest.mark.parametrize("case", ["token", "foreign", "unknown", "nonsense"])
def test_an_invalid_address_shows_an_explanation(api: ApiFixture, visit: Visit, case: str) -> None:
    own, other = api.create_session(), api.create_session()
    origin = api.settings.public_origin
    foreign = other["checkout_url"].partition("token=")[2]
    url, heading = {
        "token": (f"{origin}/checkout/{own['id']}?token=1.2", "payment link is no longer valid"),
        "foreign": (
            f"{origin}/checkout/{own['id']}?token={foreign}",
            "payment link is no longer valid",
        ),
        "unknown": (f"{origin}/q/{'0' * 26}", "Payment not found"),
        "nonsense": (f"{origin}/q/x", "Payment not found"),
    }[case]
    page = visit().open(url)

    expect(page.get_by_role("heading")).to_contain_text(heading)
    check_page(page, f"message-{case}")


def test_the_vendored_axe_matches_its_checksum() -> None:
    import hashlib  # noqa: PLC0415

    folder = Path(__file__).parent / "vendor"
    digest, name = (folder / "SHA256SUMS").read_text().split()

    assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
