"""The home page of a demo in a browser: one person plays both sides of a payment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from api.pages.texts import languages
from application.demo_accounts import DemoAccounts
from domain import ids
from domain.merchants.api_key import BearerKey
from tests.end_to_end.browsing import TILL, Visit, check_page, screenshot, status
from tests.support.api_fixture import ApiFixture

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]
SIZES = {
    "phone": {"width": 390, "height": 844},
    "narrow": {"width": 320, "height": 640},
    "till": TILL,
}


@pytest.fixture
def _demo(api: ApiFixture) -> Iterator[None]:
    api.services.demo.accounts = DemoAccounts(
        merchant_id=ids.decode("mer", api.merchants[0]),
        wallet_id=ids.decode("wal", api.open_wallet()),
        wallet_key_id=BearerKey.parse(api.keys["wallet"]).key_id,
    )
    yield
    api.services.demo.accounts = None


@pytest.mark.usefixtures("_demo")
@pytest.mark.parametrize("scripts", [True, False])
def test_one_person_makes_a_payment_and_pays_it(
    api: ApiFixture, visit: Visit, scripts: bool
) -> None:
    visitor = visit(viewport=TILL, locale="en-US", java_script_enabled=scripts)
    page = visitor.open(f"{api.settings.public_origin}/")
    page.get_by_label("Amount").fill("12.34")
    page.get_by_role("button", name="Make a payment").click()
    expect(page.get_by_role("heading", name="$12.34")).to_be_visible()

    with visitor.context.expect_page() as opening:
        page.get_by_role("link", name="Open the till").click()
    till = opening.value
    status(till).to_have_attribute("data-status", "created")
    if not scripts:
        return
    with visitor.context.expect_page() as opening:
        page.get_by_role("link", name="Open the wallet").click()
    wallet = opening.value
    wallet.get_by_role("button", name="Pay $12.34").click()

    status(wallet).to_have_attribute("data-status", "paid")
    status(till).to_have_attribute("data-status", "paid")
    assert "token" not in wallet.url
    assert wallet.evaluate("window.opener") is None


@pytest.mark.usefixtures("_demo")
@pytest.mark.parametrize("lang", [one.tag for one in languages().values()])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_the_demo_in_every_language(
    api: ApiFixture, visit: Visit, lang: str, scheme: str
) -> None:
    for name, viewport in SIZES.items():
        visitor = visit(viewport=viewport, color_scheme=scheme)
        page = visitor.open(f"{api.settings.public_origin}/?lang={lang}")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        check_page(page, f"home-{name}-{scheme}-{lang}")
        page.locator("form button").click()
        expect(page.locator("#till")).to_be_visible()
        assert page.locator("html").get_attribute("lang") == lang
        check_page(page, f"home-payment-{name}-{scheme}-{lang}")


def test_without_the_accounts_of_a_demo_there_is_no_form(api: ApiFixture, visit: Visit) -> None:
    page = visit().open(f"{api.settings.public_origin}/")

    expect(page.get_by_role("link", name="API documentation")).to_be_visible()
    expect(page.locator("form")).to_have_count(0)
    check_page(page, "home-no-demo")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_problem_has_a_page(api: ApiFixture, visit: Visit, scheme: str) -> None:
    for viewport in SIZES.values():
        page = visit(color_scheme=scheme, viewport=viewport).open(
            f"{api.settings.public_origin}/problems/session-claimed"
        )
        expect(page.get_by_role("heading", name="What to do")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        check_page(page, f"problem-{viewport['width']}-{scheme}")
    page.goto(f"{api.settings.public_origin}/problems/none")
    expect(page.get_by_role("heading", name="Unknown error code")).to_be_visible()
    screenshot(page, f"problem-unknown-{scheme}")
