"""The pages when the socket, the clock, the scripts or the visitor do not do as hoped."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import WebSocketRoute, expect

from domain import times
from tests.end_to_end.browsing import (
    Visit,
    Visitor,
    a_token,
    judge,
    pay,
    shoot,
    signed_in,
    status,
)
from tests.support.api_fixture import ApiFixture
from tests.support.postgres import TestClock

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]


def tapped(till: Visitor) -> list[WebSocketRoute]:
    """The visitor's sockets, passed through to the server, in the test's hand."""
    sockets: list[WebSocketRoute] = []

    def through(route: WebSocketRoute) -> None:
        route.connect_to_server()
        sockets.append(route)

    till.context.route_web_socket(re.compile("/live"), through)
    return sockets


def test_two_tabs_paying_at_once_pay_once(api: ApiFixture, visit: Visit) -> None:
    session, token = api.a_session(), a_token(api)
    payer = visit()
    tabs = [signed_in(payer, session, token) for _ in range(2)]

    for tab in tabs:
        tab.evaluate("document.getElementById('pay').click()")

    for tab in tabs:
        status(tab).to_have_attribute("data-status", "paid")
    left = api.call(token, "GET", f"/v1/wallets/wal_{token.split('_')[1]}").json()
    assert left["available"]["minor"] == 99_000


def test_a_socket_that_is_cut_comes_back_and_misses_nothing(api: ApiFixture, visit: Visit) -> None:
    session = api.a_session()
    till = visit()
    sockets = tapped(till)
    screen = till.open(session["checkout_url"])
    expect(screen.get_by_text("Live")).to_be_visible()

    sockets[0].close(code=1012, reason="restart")
    pay(api, session)

    status(screen).to_have_attribute("data-status", "paid")
    assert len(sockets) >= 2


def test_without_a_socket_the_page_polls(api: ApiFixture, visit: Visit) -> None:
    session = api.a_session()
    till = visit()
    till.context.route_web_socket(re.compile("/live"), lambda route: route.close(code=1011))
    screen = till.open(session["checkout_url"])
    expect(screen.get_by_text("Checking every few seconds")).to_be_visible()

    pay(api, session)

    status(screen).to_have_attribute("data-status", "paid")


def test_a_page_left_open_overnight_says_that_its_link_is_over(
    api: ApiFixture, visit: Visit, clock: TestClock
) -> None:
    session = api.a_session()
    till = visit()
    till.context.route_web_socket(re.compile("/live"), lambda route: route.close(code=1011))
    screen = till.open(session["checkout_url"])
    expect(screen.get_by_text("Checking every few seconds")).to_be_visible()

    clock.set(times.from_text(session["expires_at"]) + timedelta(hours=10))
    screen.get_by_role("link", name="Check again").click()

    over = re.compile("payment link is no longer valid")
    expect(screen.get_by_role("heading", name=over)).to_be_visible()
    judge(screen, "message-overnight")


def test_one_intent_has_one_key_across_reloads(api: ApiFixture, visit: Visit) -> None:
    page = signed_in(visit(), api.a_session(), a_token(api))
    keys: list[str] = []

    def refuse(route: Any) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) < 3:
            route.abort()
        else:
            route.continue_()

    page.route("**/pay", refuse)
    for number in range(3):
        page.get_by_role("button", name="Pay $10.00").click()
        if number < 2:
            expect(page.get_by_role("alert")).to_contain_text("No connection")
            page.reload()

    status(page).to_have_attribute("data-status", "paid")
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_broken_messages_change_nothing(api: ApiFixture, visit: Visit) -> None:
    session = api.a_session()
    till = visit()
    sockets = tapped(till)
    screen = till.open(session["checkout_url"])
    expect(screen.get_by_text("Live")).to_be_visible()

    for message in ("{", "[]", "null", '{"type": "event"}', '{"type": "new"}', "x" * 100_000):
        sockets[0].send(message)
    pay(api, session)

    status(screen).to_have_attribute("data-status", "paid")


def test_a_device_with_a_wrong_clock_counts_down_right(api: ApiFixture, visit: Visit) -> None:
    session = api.a_session()
    till = visit()
    till.context.add_init_script(
        "const Real = Date; Date = class extends Real {"
        " constructor(...a) { super(...(a.length ? a : [Real.now() + 7200000])); }"
        " static now() { return Real.now() + 7200000; } };"
    )

    screen = till.open(session["checkout_url"])

    expect(screen.get_by_role("timer")).to_have_text(re.compile(r"^14:5\d$|^15:00$"))
    status(screen).to_have_attribute("data-status", "created")


def test_without_scripts_the_page_is_right_after_a_reload(api: ApiFixture, visit: Visit) -> None:
    session = api.a_session()
    screen = visit(java_script_enabled=False).open(session["checkout_url"])
    expect(screen.get_by_role("heading", name="Waiting for payment")).to_be_visible()
    expect(screen.get_by_text("Reload it to see the latest")).to_be_visible()
    shoot(screen, "checkout-no-script")

    pay(api, session)
    screen.reload()

    expect(screen.get_by_role("heading", name="Paid")).to_be_visible()


@pytest.mark.parametrize("state", ["created", "scanned"])
def test_leaving_is_questioned_only_while_a_payment_is_under_way(
    api: ApiFixture, visit: Visit, state: str
) -> None:
    session = api.a_session()
    screen = visit().open(session["checkout_url"])
    expect(screen.get_by_text("Live")).to_be_visible()
    if state == "scanned":
        api.scan(session, api.a_wallet())
        status(screen).to_have_attribute("data-status", "scanned")
    screen.locator("header").click()  # browsers ask only whom the visitor has touched
    asked: list[str] = []

    def answer(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.accept()

    screen.on("dialog", answer)
    with screen.expect_event("close"):
        screen.close(run_before_unload=True)

    assert asked == (["beforeunload"] if state == "scanned" else [])
