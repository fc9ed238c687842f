"""The pages without a socket, with a wrong clock, without scripts, and when they are left."""

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
    check_page,
    make_token,
    pay,
    screenshot,
    signed_in,
    status,
)
from tests.support.api_fixture import ApiFixture
from tests.support.postgres import TestClock

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]


def routed_sockets(till: Visitor) -> list[WebSocketRoute]:
    """The visitor's sockets, connected to the server through the test."""
    sockets: list[WebSocketRoute] = []

    def through(route: WebSocketRoute) -> None:
        route.connect_to_server()
        sockets.append(route)

    till.context.route_web_socket(re.compile("/live"), through)
    return sockets


def test_two_tabs_paying_at_once_pay_once(api: ApiFixture, visit: Visit) -> None:
    session, token = api.create_session(), make_token(api)
    payer = visit()
    tabs = [signed_in(payer, session, token) for _ in range(2)]

    for tab in tabs:
        tab.evaluate("document.getElementById('pay').click()")

    for tab in tabs:
        status(tab).to_have_attribute("data-status", "paid")
    left = api.call(token, "GET", f"/v1/wallets/wal_{token.split('_')[1]}").json()
    assert left["available"]["minor"] == 99_000


def test_a_closed_socket_reconnects_and_misses_nothing(api: ApiFixture, visit: Visit) -> None:
    session = api.create_session()
    till = visit()
    sockets = routed_sockets(till)
    screen = till.open(session["checkout_url"])
    expect(screen.get_by_text("Live")).to_be_visible()

    sockets[0].close(code=1012, reason="restart")
    pay(api, session)

    status(screen).to_have_attribute("data-status", "paid")
    assert len(sockets) >= 2


def test_without_a_socket_the_page_polls(api: ApiFixture, visit: Visit) -> None:
    session = api.create_session()
    till = visit()
    till.context.route_web_socket(re.compile("/live"), lambda route: route.close(code=1011))
    screen = till.open(session["checkout_url"])
    expect(screen.get_by_text("Checking every few seconds")).to_be_visible()

    pay(api, session)

    status(screen).to_have_attribute("data-status", "paid")


def test_a_page_whose_link_has_expired_explains_it(
    api: ApiFixture, visit: Visit, clock: TestClock
) -> None:
    session = api.create_session()
    till = visit()
    till.context.route_web_socket(re.compile("/live"), lambda route: route.close(code=1011))
    screen = till.open(session["checkout_url"])
    expect(screen.get_by_text("Checking every few seconds")).to_be_visible()

    clock.set(times.from_text(session["expires_at"]) + timedelta(hours=10))
    screen.get_by_role("link", name="Check again").click()

    expired = re.compile("payment link is no longer valid")
    expect(screen.get_by_role("heading", name=expired)).to_be_visible()
    check_page(screen, "message-overnight")


def test_the_idempotency_key_survives_reloads(api: ApiFixture, visit: Visit) -> None:
    page = signed_in(visit(), api.create_session(), make_token(api))
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


def test_malformed_messages_are_ignored(api: ApiFixture, visit: Visit) -> None:
    session = api.create_session()
    till = visit()
    sockets = routed_sockets(till)
    screen = till.open(session["checkout_url"])
    expect(screen.get_by_text("Live")).to_be_visible()

    for message in ("{", "[]", "null", '{"type": "event"}', '{"type": "new"}', "x" * 100_000):
        sockets[0].send(message)
    pay(api, session)

    status(screen).to_have_attribute("data-status", "paid")


def test_a_device_with_a_wrong_clock_counts_down_correctly(api: ApiFixture, visit: Visit) -> None:
    session = api.create_session()
    till = visit()
    till.context.add_init_script(
        "const Real = Date; Date = class extends Real {"
        " constructor(...a) { super(...(a.length ? a : [Real.now() + 7200000])); }"
        " static now() { return Real.now() + 7200000; } };"
    )

    screen = till.open(session["checkout_url"])

    expect(screen.get_by_role("timer")).to_have_text(re.compile(r"^14:5\d$|^15:00$"))
    status(screen).to_have_attribute("data-status", "created")


def test_without_scripts_a_reload_shows_the_current_status(api: ApiFixture, visit: Visit) -> None:
    session = api.create_session()
    screen = visit(java_script_enabled=False).open(session["checkout_url"])
    expect(screen.get_by_role("heading", name="Waiting for payment")).to_be_visible()
    expect(screen.get_by_text("reload the page to see the latest")).to_be_visible()
    expect(screen.get_by_text(re.compile(r"^Pay by \S.* UTC\.$"))).to_be_visible()
    expect(screen.locator("#timer")).to_be_hidden()
    expect(screen.get_by_role("link", name="Check again")).to_be_visible()
    screenshot(screen, "checkout-no-script")

    pay(api, session)
    screen.get_by_role("link", name="Check again").click()

    expect(screen.get_by_role("heading", name="Paid")).to_be_visible()
    expect(screen.locator("#paid-at")).to_have_text(re.compile(r" UTC$"))
    screenshot(screen, "checkout-paid-no-script")


@pytest.mark.parametrize("state", ["created", "scanned"])
def test_leaving_asks_for_no_confirmation_while_no_money_is_on_its_way(
    api: ApiFixture, visit: Visit, state: str
) -> None:
    session = api.create_session()
    screen = visit().open(session["checkout_url"])
    expect(screen.get_by_text("Live")).to_be_visible()
    if state == "scanned":
        api.scan(session, api.open_wallet())
        status(screen).to_have_attribute("data-status", "scanned")
    screen.locator("header").click()  # browsers ask only after an interaction with the page
    dialogs: list[str] = []

    def accept(dialog: Any) -> None:
        dialogs.append(dialog.type)
        dialog.accept()

    screen.on("dialog", accept)
    with screen.expect_event("close"):
        screen.close(run_before_unload=True)

    assert dialogs == []
