"""The checkout screen in a real browser: scanned, paid, offline, the last minute, its languages."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from api.pages.texts import languages
from domain import times
from tests.end_to_end.browsing import TILL, Visit, check_page, pay, screenshot, status, until
from tests.support.api_fixture import ApiFixture
from tests.support.postgres import TestClock
from tests.support.read_pictures import codes_in

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]
LEASE_MS = 91_000
SCHEMES = ["light", "dark"]
OFFLINE = "No connection. This screen may be out of date."


def codes(page: Page, name: str) -> list[str]:
    """What a camera in front of the screen reads."""
    return [code.text for code in codes_in(screenshot(page, name))]


def lease(page: Page) -> Any:
    return expect(page.locator("main"))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_phone_that_has_the_code_veils_it_until_it_lets_go(
    api: ApiFixture, visit: Visit, scheme: str
) -> None:
    session, wallet = api.create_session(), api.open_wallet()
    screens = {
        "till": visit(viewport=TILL, color_scheme=scheme).open(session["checkout_url"]),
        "phone": visit(color_scheme=scheme).open(session["checkout_url"]),
    }
    for name, screen in screens.items():
        expect(screen.get_by_text("Live")).to_be_visible()
        assert codes(screen, f"checkout-before-{name}-{scheme}") == [session["qr"]["payload"]]

    assert api.scan(session, wallet).status_code == 200

    for name, screen in screens.items():
        expect(screen.get_by_role("heading", name="Phone connected")).to_be_visible()
        expect(screen.get_by_text("Confirm there", exact=True)).to_be_visible()
        expect(screen.locator("#lease")).to_have_text(re.compile(r"^1:[0-3]\d$"))
        expect(screen.get_by_role("heading", name="Waiting for payment")).to_be_hidden()
        assert codes(screen, f"checkout-veiled-{name}-{scheme}") == []
        check_page(screen, f"checkout-veiled-{name}-{scheme}")

    path = f"/v1/payment-sessions/{session['id']}/claim"
    assert api.call("wallet", "DELETE", path).status_code == 200

    for name, screen in screens.items():
        expect(screen.get_by_role("heading", name="Waiting for payment")).to_be_visible()
        expect(screen.get_by_role("heading", name="Phone connected")).to_be_hidden()
        assert codes(screen, f"checkout-after-{name}-{scheme}") == [session["qr"]["payload"]]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_lease_that_has_lapsed_is_said_and_the_code_is_shown_again(
    api: ApiFixture, visit: Visit, clock: TestClock, scheme: str
) -> None:
    session = api.create_session()
    till = visit(viewport=TILL, color_scheme=scheme)
    till.context.clock.install()
    screen = till.open(session["checkout_url"])
    expect(screen.get_by_text("Live")).to_be_visible()
    claim = api.scan(session, api.open_wallet()).json()["claim"]
    status(screen).to_have_attribute("data-lease", "held")

    till.context.clock.fast_forward(LEASE_MS)

    status(screen).to_have_attribute("data-lease", "lapsed")
    expect(screen.get_by_role("heading", name="Not confirmed in time")).to_be_visible()
    expect(screen.locator("#announce")).to_have_text("Not confirmed in time")
    expect(screen.get_by_role("heading", name="Phone connected")).to_be_hidden()
    assert codes(screen, f"checkout-lapsed-{scheme}") == [session["qr"]["payload"]]
    check_page(screen, f"checkout-lapsed-till-{scheme}")

    clock.set(times.from_text(claim["lease_until"]) + timedelta(seconds=1))
    late = visit(color_scheme=scheme).open(session["checkout_url"])
    status(late).to_have_attribute("data-lease", "lapsed")
    check_page(late, f"checkout-lapsed-phone-{scheme}")
    assert api.scan(session, api.open_wallet()).status_code == 200
    status(late).to_have_attribute("data-lease", "held")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_paid_fills_the_screen_with_green_and_says_so_in_the_tab(
    api: ApiFixture, visit: Visit, scheme: str, motion: str
) -> None:
    session = api.create_session()
    options = {"color_scheme": scheme, "reduced_motion": motion, "locale": "en-US"}
    screens = {
        "till": visit(viewport={"width": 1920, "height": 1080}, **options),
        "phone": visit(**options),
    }
    pages = {name: one.open(session["checkout_url"]) for name, one in screens.items()}
    for page in pages.values():
        expect(page.get_by_text("Live")).to_be_visible()
        assert page.title() == "Cafe · $10.00"

    pay(api, session)

    for name, page in pages.items():
        expect(page.get_by_role("heading", name="Paid")).to_be_focused()
        assert page.title() == "✓ Paid · Cafe · $10.00"
        expect(page.locator(".sum")).to_have_text("$10.00")
        expect(page.locator("#paid-at")).to_have_text(re.compile(r"\d{4}, \d+:\d\d:\d\d"))
        expect(page.locator("#paid-through")).to_have_text("Wallet")
        expect(page.locator(".reference")).to_have_text(session["id"])
        green = page.evaluate("getComputedStyle(document.querySelector('main')).backgroundColor")
        assert green == "rgb(11, 107, 63)"
        box = page.locator("main").bounding_box()
        size = page.viewport_size
        assert box is not None
        assert size is not None
        assert (box["x"], box["y"], box["width"]) == (0, 0, size["width"])
        assert box["height"] >= size["height"]
        drawn = page.evaluate(
            "(({animationName, animationDuration}) => [animationName, animationDuration])"
            "(getComputedStyle(document.querySelector('.check path')))"
        )
        assert drawn == (["draw", "0.4s"] if motion == "no-preference" else ["none", "0s"])
        until(page, "document.getAnimations().every(one => one.playState === 'finished')")
        if motion == "reduce":
            check_page(page, f"checkout-green-{name}-{scheme}")


@pytest.mark.parametrize(
    "size",
    [
        {"width": 390, "height": 844},
        {"width": 844, "height": 390},
        {"width": 1280, "height": 900},
        {"width": 1920, "height": 1080},
    ],
    ids=str,
)
@pytest.mark.parametrize("scanned", [True, False])
def test_nothing_moves_when_the_screen_turns_green(
    api: ApiFixture, visit: Visit, size: dict[str, int], scanned: bool
) -> None:
    """The browser's own measure (Layout Instability API)."""
    session, wallet = api.create_session(checkout_may_cancel=True), api.open_wallet()
    screen = visit(viewport=size).open(session["checkout_url"])
    expect(screen.get_by_text("Live")).to_be_visible()
    claim = api.scan(session, wallet).json()["claim"]["id"] if scanned else ""
    if scanned:
        status(screen).to_have_attribute("data-status", "scanned")
    screen.evaluate("""() => {
        window.shifts = [];
        const seen = (list) => window.shifts.push(...list.getEntries().map((one) => [
            one.value, one.sources.map(({node}) => node?.className)]));
        new PerformanceObserver(seen).observe({type: "layout-shift"});
    }""")

    if scanned:
        assert api.pay(session, wallet, claim).status_code == 200
    else:
        pay(api, session)

    status(screen).to_have_attribute("data-status", "paid")
    for _ in range(3):
        screen.evaluate("() => new Promise(requestAnimationFrame)")
    until(screen, "document.getAnimations().every(one => one.playState === 'finished')")
    assert screen.evaluate("window.shifts") == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_last_minute_is_amber(
    api: ApiFixture, visit: Visit, clock: TestClock, scheme: str
) -> None:
    session = api.create_session()
    till = visit(viewport=TILL, color_scheme=scheme)
    till.context.clock.install()
    screen = till.open(session["checkout_url"])
    expect(screen.locator("#time")).to_have_attribute("data-last-minute", "false")
    calm = screen.evaluate("getComputedStyle(document.getElementById('ring')).stroke")

    till.context.clock.fast_forward(845_000)

    expect(screen.locator("#time")).to_have_attribute("data-last-minute", "true")
    amber = {"light": "rgb(122, 82, 0)", "dark": "rgb(240, 195, 107)"}[scheme]
    stroke = screen.evaluate("getComputedStyle(document.getElementById('ring')).stroke")
    assert (stroke, calm != amber) == (amber, True)
    offset = screen.locator("#ring").get_attribute("stroke-dashoffset")
    assert 92 < float(offset or 0) < 100
    clock.set(times.from_text(session["expires_at"]) - timedelta(seconds=50))
    late = visit(color_scheme=scheme).open(session["checkout_url"])
    expect(late.locator("#time")).to_have_attribute("data-last-minute", "true")
    check_page(late, f"checkout-last-minute-{scheme}")


def test_offline_is_said_at_once_and_check_again_is_offered_only_then(
    api: ApiFixture, visit: Visit
) -> None:
    session = api.create_session()
    till = visit(viewport=TILL)
    away: list[bool] = []

    def through(route: WebSocketRoute) -> None:
        """Devtools do not take sockets offline."""
        if away:
            route.close(code=1011)
        else:
            route.connect_to_server()

    till.context.route_web_socket(re.compile("/live"), through)
    screen = till.open(session["checkout_url"])
    check = screen.get_by_role("link", name="Check again")
    expect(screen.get_by_text("Live")).to_be_visible()
    expect(check).to_be_hidden()

    away.append(True)
    till.context.set_offline(True)

    expect(screen.locator("#connection")).to_have_text(OFFLINE)
    expect(screen.locator("#announce")).to_have_text(OFFLINE)
    expect(check).to_be_visible()
    check_page(screen, "checkout-offline")
    pay(api, session)
    away.clear()
    till.context.set_offline(False)

    status(screen).to_have_attribute("data-status", "paid")
    till.errors.clear()  # the browser logs every request that it could not send


def test_a_screen_that_is_opened_offline_or_polls_says_so(api: ApiFixture, visit: Visit) -> None:
    session = api.create_session()
    till = visit()
    till.context.route_web_socket(re.compile("/live"), lambda route: route.close(code=1011))
    screen = till.open(session["checkout_url"])
    expect(screen.get_by_text("Checking every few seconds")).to_be_visible()
    expect(screen.get_by_role("link", name="Check again")).to_be_visible()
    check_page(screen, "checkout-polling-phone")

    till.context.set_offline(True)

    expect(screen.locator("#connection")).to_have_text(OFFLINE)
    till.context.set_offline(False)
    expect(screen.locator("#connection")).to_have_text("Checking every few seconds")
    till.errors.clear()


def test_a_socket_that_falls_silent_is_given_up_after_40_seconds(
    api: ApiFixture, visit: Visit
) -> None:
    session = api.create_session()
    till = visit()
    opened: list[WebSocketRoute] = []

    def silent(route: WebSocketRoute) -> None:
        """Accepts the socket, and never sends anything."""
        opened.append(route)

    till.context.route_web_socket(re.compile("/live"), silent)
    till.context.clock.install()
    screen = till.open(session["checkout_url"])
    expect(screen.get_by_text("Live")).to_be_visible()
    assert len(opened) == 1

    till.context.clock.run_for(40_000)

    expect(screen.locator("main")).to_have_attribute("data-connection", "live")
    assert len(opened) >= 2


@pytest.mark.parametrize("scripts", [True, False])
def test_the_language_is_switched_and_stays(api: ApiFixture, visit: Visit, scripts: bool) -> None:
    session = api.create_session(checkout_may_cancel=True)
    screen = visit(java_script_enabled=scripts).open(session["checkout_url"])

    screen.get_by_role("link", name="Português").click()
    expect(screen.get_by_role("heading", name="Aguardando pagamento")).to_be_visible()
    screen.locator("summary").click()
    screen.locator(".cancel button").click()

    status(screen).to_have_attribute("data-status", "cancelled")
    assert screen.locator("html").get_attribute("lang") == "pt-BR"
    screen.get_by_role("link", name="العربية").click()
    expect(screen.locator("html")).to_have_attribute("dir", "rtl")


@pytest.mark.parametrize("lang", sorted(languages()))
@pytest.mark.parametrize("state", ["veiled", "lapsed", "paid"])
def test_what_is_new_on_the_screen_fits_in_every_language(
    api: ApiFixture, visit: Visit, clock: TestClock, lang: str, state: str
) -> None:
    session, wallet = api.create_session(), api.open_wallet()
    claim = api.scan(session, wallet).json()["claim"]
    if state == "lapsed":
        clock.set(times.from_text(claim["lease_until"]) + timedelta(seconds=1))
    if state == "paid":
        assert api.pay(session, wallet, claim["id"]).status_code == 200
    screen = visit(viewport={"width": 320, "height": 640}).open(
        f"{session['checkout_url']}&lang={lang}"
    )

    for name, width, height in (("narrow", 320, 640), ("phone", 390, 844), ("till", 1920, 1080)):
        screen.set_viewport_size({"width": width, "height": height})
        assert screen.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        screenshot(screen, f"{lang}-checkout-{state}-{name}")
    check_page(screen, f"{lang}-checkout-{state}-till")
