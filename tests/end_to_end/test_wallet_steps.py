"""The sheet of the wallet page: each step on the way to a payment, and what stands in its way."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from domain import times
from tests.end_to_end.browsing import (
    TILL,
    Visit,
    Visitor,
    check_page,
    make_token,
    screenshot,
    signed_in,
    status,
    wallet_address,
)
from tests.support.api_fixture import ApiFixture
from tests.support.postgres import TestClock

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]
SCHEMES = ["light", "dark"]


def opened(visitor: Visitor, session: dict[str, Any], token: str) -> Page:
    """The wallet page, opened by the demo's link."""
    return visitor.open(f"{wallet_address(session)}#token={token}")


def step(page: Page, name: str) -> None:
    expect(page.locator("#sheet")).to_have_attribute("data-step", name)


def status_of(api: ApiFixture, session: dict[str, Any]) -> str:
    response = api.call("merchant", "GET", f"/v1/payment-sessions/{session['id']}")
    return str(response.json()["status"])


def events_of(api: ApiFixture, session: dict[str, Any]) -> list[str]:
    path = f"/v1/payment-sessions/{session['id']}/events"
    return [
        one["type"].partition(".")[2] for one in api.call("merchant", "GET", path).json()["data"]
    ]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_signing_in_claims_the_session_and_shows_what_will_be_left(
    api: ApiFixture, visit: Visit, scheme: str
) -> None:
    session = api.create_session(description="2 coffees")
    page = visit(locale="en-US", color_scheme=scheme).open(wallet_address(session))
    step(page, "sign-in")
    assert status_of(api, session) == "created"

    page.get_by_label("Wallet token").fill(make_token(api))
    page.get_by_role("button", name="Continue").click()

    step(page, "ready")
    assert status_of(api, session) == "scanned"
    expect(page.locator("#balance")).to_have_text("$1,000.00")
    expect(page.locator("#left")).to_have_text("$990.00")
    expect(page.locator("#lease-timer")).to_have_text(re.compile(r"^1:[12]\d$|^1:30$"))
    expect(page.get_by_role("heading", name="Pay with your wallet")).to_be_focused()
    assert page.title() == "Pay Cafe · $10.00"
    check_page(page, f"wallet-step-ready-{scheme}")


def test_a_reload_keeps_the_claim(api: ApiFixture, visit: Visit) -> None:
    session = api.create_session()
    page = signed_in(visit(), session, make_token(api))

    for _ in range(3):
        page.reload()
        step(page, "ready")

    assert events_of(api, session) == ["created", "scanned"]
    page.get_by_role("button", name="Pay $10.00").click()
    status(page).to_have_attribute("data-status", "paid")
    assert events_of(api, session) == ["created", "scanned", "paid"]


def test_a_page_in_the_background_claims_nothing_until_it_is_seen(
    api: ApiFixture, visit: Visit
) -> None:
    session, visitor = api.create_session(), visit()
    visitor.context.add_init_script(
        "Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true});"
    )
    page = opened(visitor, session, make_token(api))
    step(page, "preparing")
    assert status_of(api, session) == "created"

    page.evaluate(
        "() => { Object.defineProperty(document, 'visibilityState', {value: 'visible'});"
        " document.dispatchEvent(new Event('visibilitychange')); }"
    )

    step(page, "ready")
    assert status_of(api, session) == "scanned"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_not_now_releases_the_claim_and_a_reload_does_not_take_it_again(
    api: ApiFixture, visit: Visit, scheme: str
) -> None:
    session = api.create_session()
    screen = visit(viewport=TILL).open(session["checkout_url"])
    page = signed_in(visit(color_scheme=scheme), session, make_token(api))
    status(screen).to_have_attribute("data-status", "scanned")

    page.get_by_role("button", name="Not now").click()

    status(screen).to_have_attribute("data-status", "created")
    step(page, "released")
    expect(page.get_by_role("heading", name="Pay with your wallet")).to_be_focused()
    expect(page.get_by_role("link", name="Scan another code")).to_be_visible()
    check_page(page, f"wallet-step-released-{scheme}")
    page.reload()
    step(page, "released")
    assert events_of(api, session) == ["created", "scanned", "claim_released"]
    page.get_by_role("button", name="Pay after all").click()
    step(page, "ready")
    status(screen).to_have_attribute("data-status", "scanned")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_while_another_wallet_pays_its_lease_is_counted_and_then_it_is_ones_turn(
    api: ApiFixture, visit: Visit, scheme: str
) -> None:
    session, other = api.create_session(), api.open_wallet()
    api.scan(session, other)
    page = opened(visit(color_scheme=scheme), session, make_token(api))
    step(page, "claimed")
    expect(page.get_by_role("alert")).to_have_text("Another wallet is paying.")
    expect(page.locator("#free-timer")).to_have_text(re.compile(r"^1:\d\d$"))
    expect(page).to_have_title("Another wallet is paying. · $10.00")
    check_page(page, f"wallet-step-claimed-{scheme}")

    api.call("wallet", "DELETE", f"/v1/payment-sessions/{session['id']}/claim")

    step(page, "ready")
    expect(page.locator("#error")).to_have_text("")
    expect(page).to_have_title("Pay Cafe · $10.00")


def test_the_lease_of_another_wallet_ends(api: ApiFixture, visit: Visit, clock: TestClock) -> None:
    session, visitor = api.create_session(), visit()
    visitor.context.clock.install()
    api.scan(session, api.open_wallet())
    page = opened(visitor, session, make_token(api))
    step(page, "claimed")

    clock.set(times.from_text(session["server_time"]) + timedelta(seconds=95))
    visitor.context.clock.fast_forward(95_000)

    step(page, "ready")


def test_ones_own_lease_ends_and_one_can_still_pay(api: ApiFixture, visit: Visit) -> None:
    session, visitor = api.create_session(), visit()
    visitor.context.clock.install()
    page = signed_in(visitor, session, make_token(api))

    visitor.context.clock.fast_forward(91_000)

    expect(page.get_by_text("The reservation has ended.")).to_be_visible()
    expect(page.locator("#lease-timer")).to_be_hidden()
    check_page(page, "wallet-step-lapsed")
    page.get_by_role("button", name="Pay $10.00").click()
    status(page).to_have_attribute("data-status", "paid")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_wallet_without_enough_money_is_topped_up_in_a_test_ledger(
    api: ApiFixture, visit: Visit, scheme: str
) -> None:
    session = api.create_session()
    page = opened(visit(locale="en-US", color_scheme=scheme), session, make_token(api, 5))
    step(page, "short")
    expect(page.locator("#missing")).to_have_text("$9.95")
    expect(page.get_by_role("button", name="Use another wallet")).to_be_visible()
    check_page(page, f"wallet-step-short-{scheme}")

    page.get_by_role("button", name="Top up $9.95").click()

    step(page, "ready")
    expect(page.locator("#left")).to_have_text("$0.00")
    page.get_by_role("button", name="Pay $10.00").click()
    status(page).to_have_attribute("data-status", "paid")


def test_another_wallet_is_used_instead(api: ApiFixture, visit: Visit) -> None:
    session = api.create_session()
    page = opened(visit(locale="en-US"), session, make_token(api, 5))
    step(page, "short")

    page.get_by_role("button", name="Use another wallet").click()

    expect(page.get_by_label("Wallet token")).to_be_focused()
    page.get_by_label("Wallet token").fill(make_token(api))
    page.get_by_role("button", name="Continue").click()
    step(page, "ready")
    expect(page.locator("#balance")).to_have_text("$1,000.00")
    assert events_of(api, session) == ["created", "scanned", "claim_released", "scanned"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_pay_says_that_it_is_paying(api: ApiFixture, visit: Visit, scheme: str) -> None:
    held: list[Route] = []
    page = signed_in(visit(color_scheme=scheme), api.create_session(), make_token(api))
    page.route("**/pay", lambda route: held.append(route))  # noqa: PLW0108 - its name is read

    page.get_by_role("button", name="Pay $10.00").click()

    button = page.get_by_role("button", name="Paying…")
    expect(button).to_be_disabled()
    expect(page).to_have_title("Paying… · $10.00")
    expect(page.get_by_role("button", name="Not now")).to_be_hidden()
    check_page(page, f"wallet-step-paying-{scheme}")
    held[0].continue_()
    status(page).to_have_attribute("data-status", "paid")
    expect(page).to_have_title("Paid · $10.00")
    expect(page.get_by_role("heading", name="Paid")).to_be_focused()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_without_a_connection_the_payment_is_tried_again_and_made_once(
    api: ApiFixture, visit: Visit, scheme: str
) -> None:
    page = signed_in(visit(color_scheme=scheme), api.create_session(), make_token(api))
    keys: list[str] = []

    def refuse(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) < 3:
            route.abort()
        else:
            route.continue_()

    page.route("**/pay", refuse)
    page.get_by_role("button", name="Pay $10.00").click()

    step(page, "waiting")
    expect(page.get_by_role("alert")).to_contain_text("you will not be charged twice")
    expect(page.locator("#retry-timer")).to_have_text(re.compile(r"^0:0\d$"))
    check_page(page, f"wallet-step-waiting-{scheme}")
    page.get_by_role("button", name="Try now").click()
    until_tried(page, keys, 2)
    page.evaluate("dispatchEvent(new Event('online'))")
    status(page).to_have_attribute("data-status", "paid")
    assert len(keys) == 3
    assert len(set(keys)) == 1


def until_tried(page: Page, keys: list[str], count: int) -> None:
    """Wait until a request was refused so often, and the page waits again."""
    while len(keys) < count:
        page.wait_for_event("requestfailed")
    step(page, "waiting")


def test_without_a_connection_the_claim_is_tried_again(api: ApiFixture, visit: Visit) -> None:
    session, visitor = api.create_session(), visit()
    refused: list[Route] = []

    def once(route: Route) -> None:
        if refused:
            return route.continue_()
        refused.append(route)
        return route.abort()

    visitor.context.route("**/v1/scans", once)
    page = opened(visitor, session, make_token(api))
    step(page, "waiting")
    expect(page.get_by_role("alert")).to_have_text("No connection. Nothing was paid.")

    step(page, "ready")  # by itself, after three seconds
    expect(page.locator("#error")).to_have_text("")


def test_the_demos_link_signs_in_and_its_token_leaves_the_address(
    api: ApiFixture, visit: Visit
) -> None:
    session, token = api.create_session(), make_token(api)

    page = opened(visit(), session, token)

    step(page, "ready")
    assert page.url == wallet_address(session)
    page.go_back()
    page.go_forward()
    assert "token" not in page.url


@pytest.mark.parametrize(
    ("mode", "token"),
    [("live", ""), ("test", "qrl_test_wallet_x"), ("test", "<script>"), ("test", "x")],
)
def test_no_other_address_signs_anybody_in(
    api: ApiFixture, visit: Visit, mode: str, token: str
) -> None:
    known = api.services.config
    changed = type(known)(**{**{n: getattr(known, n) for n in known.__slots__}, "mode": mode})
    session, real = api.create_session(), make_token(api)
    object.__setattr__(api.services, "config", changed)
    try:
        page = opened(visit(), session, token or real)
    finally:
        object.__setattr__(api.services, "config", known)

    step(page, "sign-in")
    assert page.url == wallet_address(session)
    assert status_of(api, session) == "created"


def test_a_token_that_has_expired_is_asked_for_again(api: ApiFixture, visit: Visit) -> None:
    page = visit().open(wallet_address(api.create_session()))
    page.get_by_label("Wallet token").fill("qrw_x")

    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_role("alert")).to_contain_text("no longer valid")
    expect(page.get_by_label("Wallet token")).to_be_focused()
    check_page(page, "wallet-step-unauthorized")


@pytest.mark.parametrize("lang", ["en", "pt-BR", "ar"])
@pytest.mark.parametrize("size", ["100", "200"])
def test_pay_is_within_reach_at_every_size(
    api: ApiFixture, visit: Visit, lang: str, size: str
) -> None:
    session = api.create_session(description="2 coffees")
    token = make_token(api)
    for name, viewport in (
        ("phone", {"width": 390, "height": 844}),
        ("small", {"width": 320, "height": 568}),
        ("landscape", {"width": 844, "height": 390}),
        ("desktop", TILL),
        ("till", {"width": 1920, "height": 1080}),
    ):
        visitor = visit(viewport=viewport, locale=lang)
        page = visitor.open(f"{wallet_address(session)}?lang={lang}#token={token}")
        step(page, "ready")
        page.evaluate(f"document.documentElement.style.fontSize = '{size}%'")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        if size == "100":
            box = page.locator("#pay").bounding_box()
            assert box
            assert box["height"] >= 44
            if name != "landscape":
                assert box["y"] + box["height"] <= viewport["height"]
            if name == "phone":
                assert box["y"] > viewport["height"] / 2, "in the lower half"
        page.locator("#not-now").scroll_into_view_if_needed()
        expect(page.locator("#not-now")).to_be_in_viewport()
        page.evaluate("scrollTo(0, 0)")
        screenshot(page, f"wallet-sheet-{name}-{size}-{lang}")


def test_a_paid_page_prints_on_white_and_can_be_shared(api: ApiFixture, visit: Visit) -> None:
    visitor = visit(locale="en-US", color_scheme="dark")
    visitor.context.add_init_script(
        "navigator.share = (what) => { globalThis.shared = what; return Promise.resolve(); };"
        " window.print = () => { globalThis.printed = true; };"
    )
    session = api.create_session(description="2 coffees")
    page = signed_in(visitor, session, make_token(api))
    page.get_by_role("button", name="Pay $10.00").click()
    status(page).to_have_attribute("data-status", "paid")

    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Print").click()

    assert page.evaluate("printed")
    text = page.evaluate("shared.text").split("\n")
    assert (text[0], text[2]) == ("Paid $10.00 to Cafe", session["id"])
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    for hidden in ("Share", "Print", "Notify me"):
        expect(page.get_by_role("button", name=hidden)).to_be_hidden()
    for shown in ("Cafe", "$10.00", "2 coffees", session["id"]):
        expect(page.get_by_text(shown, exact=True).first).to_be_visible()
    expect(page.get_by_text("TEST: no money moves")).to_be_in_viewport(ratio=1)
    screenshot(page, "wallet-paid-print")


def test_without_scripts_the_page_says_what_needs_them(api: ApiFixture, visit: Visit) -> None:
    page = visit(java_script_enabled=False).open(wallet_address(api.create_session()))

    expect(page.get_by_text("Paying here needs JavaScript.")).to_be_visible()
    for needs in (page.get_by_role("button", name="Pay $10.00"), page.get_by_text("Time left")):
        expect(needs).to_be_hidden()
    screenshot(page, "wallet-no-script")
