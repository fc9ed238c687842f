"""The page `/docs` as developers use it: found by noun and by search, in their language, on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.end_to_end.browsing import PHONE, TILL, Visit, check_page, check_schemes
from tests.support.api_fixture import ApiFixture

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]


def width_of(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth"))


def keep_some(page: Page) -> None:
    """Leave one operation in ten, as one template makes them: axe takes seconds for all of them."""
    page.evaluate("""
        document.querySelectorAll("section[id]").forEach((one, n) => n % 10 && one.remove())
    """)
    assert page.locator("section[id]").count() > 3


def test_an_operation_is_found_by_a_word_and_has_an_address(visit: Visit, api: ApiFixture) -> None:
    visitor = visit(viewport=TILL)
    page = visitor.open(f"{api.settings.public_origin}/docs")

    page.keyboard.press("/")
    page.keyboard.type("expires_in_seconds")
    page.get_by_role("link", name="POST Request a payment").click()

    section = page.locator("#createPaymentSession")
    expect(section.get_by_role("heading")).to_be_in_viewport()
    assert page.url.endswith("/docs#createPaymentSession")
    expect(page.locator("nav [aria-current]")).to_have_attribute("href", "#createPaymentSession")
    page.locator("#wanted").fill("zebra")
    expect(page.get_by_role("status")).to_have_text("Nothing is called that.")
    page.locator("#wanted").fill("")
    check_page(page, "docs")
    keep_some(page)
    check_schemes(page, "docs-some")


def test_examples_keep_the_language_that_the_reader_chose(visit: Visit, api: ApiFixture) -> None:
    visitor = visit(viewport=TILL)
    page = visitor.open(f"{api.settings.public_origin}/docs#scan")

    page.locator("#scan").get_by_text("Python", exact=True).click()

    for operation in ("scan", "payPaymentSession"):
        expect(page.locator(f"#{operation} pre:visible").first).to_contain_text("httpx.post(")
    expect(page.locator("#scan")).to_be_in_viewport()
    page.reload()
    expect(page.locator("#scan pre:visible").first).to_contain_text("httpx.post(")


@pytest.mark.parametrize("scripts", [True, False])
def test_it_is_readable_on_a_phone(visit: Visit, api: ApiFixture, scripts: bool) -> None:
    visitor = visit(viewport=PHONE, java_script_enabled=scripts)
    page = visitor.open(f"{api.settings.public_origin}/docs#createPaymentSession")

    expect(page.locator("#createPaymentSession h3")).to_be_in_viewport()
    expect(page.locator("#createPaymentSession pre:visible").first).to_contain_text("curl")
    expect(page.get_by_role("link", name="All operations", exact=True)).to_be_in_viewport()
    if scripts:
        assert width_of(page) == PHONE["width"]
        keep_some(page)
        check_page(page, "docs-phone")
