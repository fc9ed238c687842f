"""The pages in every language: amounts, direction, plural forms."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from api.pages.texts import languages
from tests.end_to_end.browsing import (
    TILL,
    Visit,
    bring_to,
    check_page,
    make_token,
    screenshot,
    status,
    wallet_address,
)
from tests.support.api_fixture import ApiFixture
from tests.support.postgres import TestClock

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]


def left_of(page: Page, selector: str) -> float:
    box = page.locator(selector).bounding_box()
    assert box is not None
    return box["x"]


def test_portuguese_texts_and_amounts(api: ApiFixture, visit: Visit) -> None:
    session = api.create_session(amount={"minor": 123456, "currency": "BRL"})
    screen = visit(locale="pt-BR").open(session["checkout_url"])

    expect(screen.get_by_role("heading", name="Aguardando pagamento")).to_be_visible()
    expect(screen.locator(".amount")).to_have_text("R$ 1.234,56")
    assert screen.locator("html").get_attribute("lang") == "pt-BR"
    check_page(screen, "checkout-created-portuguese")
    english = visit(locale="pt-BR").open(session["checkout_url"] + "&lang=en")
    expect(english.get_by_role("heading", name="Waiting for payment")).to_be_visible()


@pytest.mark.parametrize("lang", sorted(languages()))
@pytest.mark.parametrize("state", ["created", "scanned", "cancelled", "expired", "paid"])
def test_every_state_in_every_language(
    api: ApiFixture, visit: Visit, clock: TestClock, state: str, lang: str
) -> None:
    session = api.create_session(
        description="2 coffees", return_url="https://shop.example/thanks", checkout_may_cancel=True
    )
    bring_to(state, api, session, clock)

    pages = {
        "checkout": session["checkout_url"] + f"&lang={lang}",
        "wallet": wallet_address(session) + f"?lang={lang}",
    }
    payer = visit()
    for name, url in pages.items():
        page = payer.open(url)
        status(page).to_have_attribute("data-status", state)
        check_page(page, f"{lang}-{name}-{state}-phone")
        for width, pixels in (("narrow", 320), ("till", 1280)):
            page.set_viewport_size({"width": pixels, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
            screenshot(page, f"{lang}-{name}-{state}-{width}")


@pytest.mark.parametrize(("lang", "mirrored"), [("en", False), ("ar", True)])
def test_arabic_pages_are_mirrored(
    api: ApiFixture, visit: Visit, lang: str, mirrored: bool
) -> None:
    session = api.create_session()

    till = visit(viewport=TILL).open(session["checkout_url"] + f"&lang={lang}")
    payer = visit(locale=lang)
    phone = payer.open(wallet_address(session))

    assert (left_of(till, ".code") > left_of(till, "header")) is mirrored
    assert (left_of(till, ".time > span") > left_of(till, "#timer")) is mirrored
    assert till.locator("html").get_attribute("dir") == ("rtl" if mirrored else "ltr")
    phone.locator("#token").fill(make_token(api))
    check_page(phone, f"{lang}-wallet-sign-in")
    phone.locator("#sign-in button").click()
    expect(phone.locator("#balance")).to_contain_text("1,000.00")
    check_page(phone, f"{lang}-wallet-ready")
    phone.locator("#pay").click()
    status(phone).to_have_attribute("data-status", "paid")
    expect(phone.locator(".receipt dd").first).to_be_visible()
    assert (
        left_of(phone, ".receipt dt >> nth=0") > left_of(phone, ".receipt dd >> nth=0")
    ) is mirrored
    check_page(phone, f"{lang}-wallet-receipt")


def test_browsers_choose_the_plural_forms_of_the_catalogues(visit: Visit, api: ApiFixture) -> None:
    """The forms are found by `Intl.PluralRules`; gettext's own rule must choose the same ones."""
    page = visit().open(f"{api.settings.public_origin}/q/x")
    counts = list(range(200))
    for language in languages().values():
        names = page.evaluate(
            "([tag, counts]) => counts.map(n => new Intl.PluralRules(tag).select(n))",
            [language.tag, counts],
        )
        forms = language.plurals("{n} second left", "{n} seconds left")
        catalogue = language._translations.ngettext
        chosen = [catalogue("{n} second left", "{n} seconds left", n) for n in counts]
        assert [forms[name] for name in names] == chosen, language.tag
