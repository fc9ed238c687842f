"""The checkout screen in every size: tills, phones on their side, large text, long amounts, paper."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import FloatRect, Page, Response, expect

from tests.end_to_end.browsing import Visit, bring_to, check_page, screenshot
from tests.support.api_fixture import ApiFixture
from tests.support.postgres import TestClock
from tests.support.read_pictures import read

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]
TILLS = [(1280, 900), (1366, 768), (1920, 1080)]
ON_THEIR_SIDE = [(568, 320), (667, 375), (844, 390), (915, 412)]
REQUESTS_MAX = 10
BYTES_MAX = 60_000
BIG_MINOR = 999_999_999_999
BIG = {"minor": BIG_MINOR, "currency": "USD"}


def box_of(page: Page, selector: str) -> FloatRect:
    box = page.locator(selector).bounding_box()
    assert box is not None
    return box


def overflow(page: Page) -> int:
    wide: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return wide


def lines_of(page: Page, selector: str) -> float:
    """How many lines a text has."""
    lines: float = page.locator(selector).evaluate(
        "(one) => { const range = document.createRange(); range.selectNodeContents(one);"
        " return new Set([...range.getClientRects()].map(({bottom}) => Math.round(bottom))).size; }"
    )
    return lines


def size_of(page: Page, selector: str) -> float:
    return float(
        page.evaluate(
            f"parseFloat(getComputedStyle(document.querySelector('{selector}')).fontSize)"
        )
    )


@pytest.mark.parametrize(("width", "height"), TILLS)
def test_on_a_till_code_and_amount_are_as_large_as_the_screen_allows(
    api: ApiFixture, visit: Visit, width: int, height: int
) -> None:
    session = api.create_session(description="2 coffees")
    page = visit(viewport={"width": width, "height": height}).open(session["checkout_url"])

    code = box_of(page, ".symbol img")

    assert code["width"] == pytest.approx(min(0.7 * height, 0.45 * width), abs=1)
    assert size_of(page, ".amount") == pytest.approx(min(max(48, 0.06 * width), 112), abs=1)
    assert code["y"] + code["height"] <= height
    assert overflow(page) <= 0
    assert read(screenshot(page, f"till-{width}")) == session["qr"]["payload"]


@pytest.mark.parametrize(("width", "height"), ON_THEIR_SIDE)
def test_a_phone_on_its_side_shows_the_code_without_scrolling(
    api: ApiFixture, visit: Visit, width: int, height: int
) -> None:
    session = api.create_session(description="2 coffees", checkout_may_cancel=True)
    page = visit(viewport={"width": width, "height": height}).open(session["checkout_url"])

    code = box_of(page, ".symbol")

    assert code["y"] >= 0
    assert code["y"] + code["height"] <= height
    assert overflow(page) <= 0
    assert read(screenshot(page, f"side-{width}")) == session["qr"]["payload"]


@pytest.mark.parametrize("lang", ["en", "pt", "ar"])
@pytest.mark.parametrize(("width", "height"), [(195, 640), (320, 640), (844, 390), (1280, 900)])
def test_a_long_amount_is_never_broken(
    api: ApiFixture, visit: Visit, width: int, height: int, lang: str
) -> None:
    waiting, paid = api.create_session(amount=BIG), api.create_session(amount=BIG)
    wallet = api.open_wallet(BIG_MINOR)
    claim = api.scan(paid, wallet).json()["claim"]["id"]
    assert api.pay(paid, wallet, claim, amount=BIG).status_code == 200
    visitor = visit(viewport={"width": width, "height": height})

    for session, selector in ((waiting, ".amount"), (paid, ".sum")):
        page = visitor.open(f"{session['checkout_url']}&lang={lang}")
        assert lines_of(page, selector) == 1
        assert overflow(page) <= 0
        box = box_of(page, selector)
        text = page.locator(selector).evaluate("(one) => one.scrollWidth - one.clientWidth")
        assert text <= 0
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        screenshot(page, f"long-{lang}-{width}{selector}")


@pytest.mark.parametrize("state", ["created", "scanned", "paid", "expired"])
@pytest.mark.parametrize(("width", "height"), [(390, 844), (844, 390), (1280, 900), (1920, 1080)])
def test_at_twice_the_size_of_text_everything_is_reachable(
    api: ApiFixture, visit: Visit, clock: TestClock, width: int, height: int, state: str
) -> None:
    session = api.create_session(
        description="2 coffees", return_url="https://shop.example/x", checkout_may_cancel=True
    )
    bring_to(state, api, session, clock)
    page = visit(viewport={"width": width, "height": height}).open(session["checkout_url"])
    page.evaluate("document.documentElement.style.fontSize = '200%'")

    assert overflow(page) <= 0
    shown = page.locator("main :is(a, button, summary, h1, h2, .amount, .sum, dd):visible").all()
    assert len(shown) > 5
    for one in shown:
        one.scroll_into_view_if_needed()
        box = one.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width + 1
    for value in page.locator(".facts:visible dd").all():
        box = value.bounding_box()
        assert box is not None
        assert box["width"] >= 0.3 * min(width, 390)  # not a column of single letters
    page.evaluate("scrollTo(0, 0)")
    screenshot(page, f"large-text-{state}-{width}")


@pytest.mark.parametrize("state", ["created", "scanned", "paid", "expired"])
def test_paper_and_forced_colours_show_what_matters(
    api: ApiFixture, visit: Visit, clock: TestClock, state: str
) -> None:
    session = api.create_session()
    bring_to(state, api, session, clock)
    page = visit(forced_colors="active").open(session["checkout_url"])
    expect(page.locator(f"#state-{state}")).to_be_visible()
    screenshot(page, f"checkout-{state}-forced")
    page.emulate_media(media="print", forced_colors="none")

    assert page.evaluate("getComputedStyle(document.querySelector('main')).backgroundColor") == (
        "rgba(0, 0, 0, 0)"
    )
    assert page.locator(".button:visible").count() == 0
    screenshot(page, f"checkout-{state}-print")


def test_a_first_checkout_is_small(api: ApiFixture, visit: Visit) -> None:
    session = api.create_session(return_url="https://shop.example/x", checkout_may_cancel=True)
    visitor = visit()
    answers: list[Response] = []

    def keep(answer: Response) -> None:
        answers.append(answer)

    visitor.context.on("response", keep)

    page: Any = visitor.open(session["checkout_url"])
    expect(page.get_by_text("Live")).to_be_visible()
    page.wait_for_load_state("networkidle")

    sizes = {one.url.partition("?")[0].rpartition("/")[2]: len(one.body()) for one in answers}
    assert len(answers) <= REQUESTS_MAX, sizes
    assert sum(sizes.values()) <= BYTES_MAX, sizes
    check_page(page, "checkout-small")
