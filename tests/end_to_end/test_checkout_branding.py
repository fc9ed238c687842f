"""A merchant's logo and colour on the checkout screen: weight, contrast, and a code that is read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, Final

import pytest
from PIL import Image
from playwright.sync_api import Page, Request, expect

from application.bus import Bus
from application.command import Envelope
from application.commands.set_branding import SetBranding
from application.commands.set_processors import SetProcessors
from application.ports.logos import LogoFile
from domain import ids
from domain.merchants.branding import Branding
from domain.merchants.logo import read_logo
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.logos import PostgresLogos
from tests.end_to_end.browsing import PHONE, TILL, Visit, check_page, pay, status, until
from tests.support.api_fixture import ApiFixture
from tests.support.logos import largest
from tests.support.read_pictures import codes_in

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]
REQUESTS_MAX = 10
BYTES_MAX = 60_000
SLOW_BYTES_PER_SECOND = 40_000
ACCENT = "#c8102e"
SIZES: Final = [
    (320, 568), (390, 844), (412, 915), (568, 320), (844, 390), (768, 1024), (1280, 900),
    (1366, 768), (1920, 1080),
]  # fmt: skip
TILLS: Final = [(1280, 900), (1366, 768), (1920, 1080)]
MEDIA: Final[list[dict[str, Any]]] = [
    {"color_scheme": "light"},
    {"color_scheme": "dark"},
    {"color_scheme": "light", "forced_colors": "active"},
]


@pytest.fixture(scope="module", autouse=True)
def branded(api: ApiFixture) -> None:
    """The merchant has the largest logo, and a red that only light pages can show."""
    data = largest()
    logo = read_logo(data)
    pool = ConnectionPool(api.url, DatabaseRole.WRITER, size_max=1)
    PostgresLogos(pool.connection).keep(logo.sha256, LogoFile(logo.media_type, data))
    pool.close()
    command = SetBranding(
        merchant_id=ids.decode("mer", api.merchants[0]),
        branding=Branding(logo=logo, accent=ACCENT),
    )
    new_id = api.services.new_id()
    Bus(api.services.log).send(Envelope(command=command, command_id=new_id, actor="test"))


@pytest.fixture
def sandbox(api: ApiFixture) -> Iterator[None]:
    """The merchant can be paid through the test processor, too."""
    for processors in (("sandbox",), ()):
        merchant_id = ids.decode("mer", api.merchants[0])
        command = SetProcessors(merchant_id=merchant_id, processors=processors)
        new_id = api.services.new_id()
        Bus(api.services.log).send(Envelope(command=command, command_id=new_id, actor="test"))
        if processors:
            yield


def slow_down(page: Page) -> None:
    """The page arrives in pieces, of which each could be painted."""
    limits = {"offline": False, "latency": 20, "uploadThroughput": -1}
    page.context.new_cdp_session(page).send(
        "Network.emulateNetworkConditions",
        {**limits, "downloadThroughput": SLOW_BYTES_PER_SECOND},
    )


def read_codes(page: Page) -> list[str]:
    """What a camera reads in front of the code."""
    page.locator(".symbol").scroll_into_view_if_needed()
    picture = Image.open(io.BytesIO(page.screenshot()))
    return [code.text for code in codes_in(picture)]


def test_a_first_checkout_with_the_largest_logo_is_small(api: ApiFixture, visit: Visit) -> None:
    session = api.create_session(return_url="https://shop.example/x", checkout_may_cancel=True)
    visitor = visit()
    requests: list[Request] = []

    def keep(request: Request) -> None:
        requests.append(request)

    visitor.context.on("requestfinished", keep)
    page = visitor.open(session["checkout_url"])
    expect(page.get_by_text("Live")).to_be_visible()
    page.wait_for_load_state("networkidle")

    sizes = {
        one.url.partition("?")[0].rpartition("/")[2]: one.sizes()["responseBodySize"]
        + one.sizes()["responseHeadersSize"]
        for one in requests
    }
    assert len(requests) <= REQUESTS_MAX, sizes
    assert sum(sizes.values()) <= BYTES_MAX, sizes
    assert page.locator(".logo").evaluate("(one) => one.naturalWidth") == 144


def test_cameras_read_the_code_at_every_size_and_in_every_colour(
    api: ApiFixture, visit: Visit
) -> None:
    session = api.create_session(description="2 coffees")
    page = visit().open(session["checkout_url"])

    for media in MEDIA:
        page.emulate_media(**media)
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            assert read_codes(page) == [session["qr"]["payload"]], (media, width)
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.emulate_media(color_scheme="light", forced_colors="none")
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        assert read_codes(page) == [session["qr"]["payload"]], ("twice the text", width)


@pytest.mark.usefixtures("sandbox")
def test_on_a_till_with_everything_the_code_is_whole_and_the_largest_needs_no_scrolling(
    api: ApiFixture, visit: Visit
) -> None:
    session = api.create_session(
        description="2 coffees", return_url="https://shop.example/x", checkout_may_cancel=True
    )
    page = visit().open(session["checkout_url"])
    expect(page.get_by_text("Live")).to_be_attached()

    for width, height in TILLS:
        page.set_viewport_size({"width": width, "height": height})
        expect(page.get_by_role("button", name="Test payment")).to_be_attached()
        box = page.locator(".symbol").bounding_box()
        assert box is not None
        assert 0 <= box["y"] <= box["y"] + box["height"] <= height
        assert read_codes(page) == [session["qr"]["payload"]]
    assert page.evaluate("document.documentElement.scrollHeight - innerHeight") <= 0


def test_the_colour_is_used_where_it_can_be_seen(api: ApiFixture, visit: Visit) -> None:
    session = api.create_session()
    page = visit(color_scheme="light").open(session["checkout_url"])
    button = page.get_by_role("link", name="Open in wallet")
    colours = "(one) => [getComputedStyle(one).backgroundColor, getComputedStyle(one).color]"
    expect(page.get_by_text("Live")).to_be_visible()

    assert button.evaluate(colours) == ["rgb(200, 16, 46)", "rgb(255, 255, 255)"]
    ring = page.evaluate("getComputedStyle(document.getElementById('ring')).stroke")
    assert ring == "rgb(11, 107, 63)"
    check_page(page, "checkout-branded-light")

    page.emulate_media(color_scheme="dark")

    assert button.evaluate(colours) == ["rgb(95, 210, 154)", "rgb(7, 33, 15)"]
    check_page(page, "checkout-branded-dark")


@pytest.mark.parametrize("size", [PHONE, TILL], ids=["phone", "till"])
def test_nothing_moves_on_a_slow_network_or_when_the_screen_turns_green(
    api: ApiFixture, visit: Visit, size: dict[str, int]
) -> None:
    session = api.create_session()
    visitor = visit(viewport=size)
    visitor.context.add_init_script("""
        window.shifts = [];
        const seen = (list) => window.shifts.push(...list.getEntries().map(({value}) => value));
        new PerformanceObserver(seen).observe({type: "layout-shift", buffered: true});
    """)
    visitor.context.on("page", slow_down)
    page = visitor.open(session["checkout_url"])
    expect(page.get_by_text("Live")).to_be_visible()
    assert page.evaluate("window.shifts") == []

    pay(api, session)

    status(page).to_have_attribute("data-status", "paid")
    until(page, "document.getAnimations().every(one => one.playState === 'finished')")
    assert page.evaluate("window.shifts") == []
    check_page(page, f"checkout-branded-paid-{size['width']}")
