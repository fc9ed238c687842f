"""A demo on a network: the pages come over plain http, and a phone joins by scanning two codes."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from application.demo_accounts import DemoAccounts, PhoneCodes
from domain import ids
from domain.merchants.api_key import BearerKey
from infrastructure.cli import _demo_network
from infrastructure.postgres.migrate import migrate
from tests.end_to_end.browsing import Visit, check_page, screenshot, status
from tests.support.api_fixture import ApiFixture, served_api
from tests.support.read_pictures import read

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]


@pytest.fixture(scope="module")
def api(
    make_database: Callable[[], str],
) -> Iterator[ApiFixture]:
    try:
        host = _demo_network.address()
    except SystemExit:
        pytest.skip("this machine is in no network")
    url = make_database()
    migrate(url, mode="test", token_secret=b"s" * 32)
    with served_api(url, host=host) as api:
        demo = api.services.demo
        demo.accounts = DemoAccounts(
            merchant_id=ids.decode("mer", api.merchants[0]),
            wallet_id=ids.decode("wal", api.open_wallet()),
            wallet_key_id=BearerKey.parse(api.keys["wallet"]).key_id,
        )
        demo.phones = PhoneCodes(secrets.token_bytes, time.monotonic)
        yield api


def code_on(page: Page, name: str) -> str:
    """What a phone's camera reads on a screen."""
    return read(screenshot(page, name))


def test_a_phone_signs_in_and_pays_by_scanning_two_codes(api: ApiFixture, visit: Visit) -> None:
    computer, phone = visit(viewport={"width": 1280, "height": 1100}), visit(locale="en-US")
    home = computer.open(f"{api.settings.public_origin}/")
    check_page(home, "home-on-network")
    first = code_on(home, "home-on-network-code")

    wallet = phone.open(first)
    expect(wallet.get_by_role("button", name="Open the camera")).to_be_visible()
    assert not wallet.evaluate("isSecureContext")
    assert "#" not in wallet.url
    wallet.get_by_role("button", name="Open the camera").click()
    expect(wallet.locator("#error")).to_contain_text("secure connection")
    home.get_by_role("button", name="Make a payment").click()
    with computer.context.expect_page() as opening:
        home.get_by_role("link", name="Open the till").click()
    till = opening.value
    till.set_viewport_size({"width": 1280, "height": 900})
    status(till).to_have_attribute("data-status", "created")
    till.locator(".symbol").wait_for()
    page = phone.open(code_on(till, "till-on-network").lower())  # its camera opens a new tab

    page.get_by_role("button", name="Pay $4.50").click()

    status(page).to_have_attribute("data-status", "paid")
    status(till).to_have_attribute("data-status", "paid")
    expect(page.get_by_role("button", name="Print")).to_be_visible()
    expect(page.get_by_role("button", name="Share")).to_be_hidden()
    again = visit().open(first)
    expect(again.get_by_role("alert")).to_contain_text("This code was used")
    check_page(again, "demo-phone-used")


def test_the_pages_of_a_network_load_nothing_that_needs_https(
    api: ApiFixture, visit: Visit
) -> None:
    session = api.create_session()
    page = visit().open(session["checkout_url"])

    expect(page.get_by_text("Live")).to_be_visible()
    assert page.evaluate("typeof crypto.randomUUID") == "undefined"
    page.get_by_role("button", name="Copy code").click()
    expect(page.get_by_role("button", name="Copied")).to_be_focused()
    page.evaluate("document.body.append(document.createElement('textarea'))")
    page.locator("textarea").press("Control+V")
    expect(page.locator("textarea")).to_have_value(session["qr"]["payload"])
