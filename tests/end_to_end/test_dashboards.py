"""A merchant's dashboards in a browser: opened by a link, read without scripts, in every language."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from uuid_utils.compat import uuid7

from api.pages.texts import languages
from application.bus import Bus
from application.command import Envelope
from application.commands.disable_webhook_endpoint import DisableWebhookEndpoint
from application.commands.revoke_key import RevokeKey
from domain import ids
from domain.merchants.api_key import BearerKey, Role
from domain.merchants.webhook_events import DisabledReason
from infrastructure.postgres.migrate import migrate
from tests.end_to_end.browsing import TILL, Visit, Visitor, check_page, screenshot
from tests.faults.test_database_away import wait_for
from tests.support.api_fixture import ApiFixture, served_api
from tests.support.receiver import Receiver, receiving

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]


@pytest.fixture(scope="module")
def api(make_database: Callable[[], str]) -> Iterator[ApiFixture]:
    """A ledger that may call this machine."""
    url = make_database()
    migrate(url, mode="test", token_secret=b"s" * 32)
    with served_api(url, webhook_loopback=True) as api:
        yield api


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def who(api: ApiFixture) -> str:
    """The key of a new merchant."""
    merchant = api.admin.register_merchant("Corner Cafe", ("shop.example",))
    return api.admin.issue_key(Role.MERCHANT, merchant).text


def link(api: ApiFixture, who: str) -> str:
    made = api.call(who, "POST", "/v1/dashboard-links")
    assert made.status_code == 201, made.text
    return str(made.json()["url"])


def opened(visitor: Visitor, api: ApiFixture, who: str) -> Page:
    page = visitor.open(link(api, who))
    expect(page.get_by_role("heading", name="Webhook deliveries")).to_be_visible()
    return page


def rows(api: ApiFixture, who: str, query: str = "") -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = api.call(who, "GET", f"/v1/webhook-deliveries{query}").json()[
        "data"
    ]
    return listed


def told(api: ApiFixture, who: str, receiver: Receiver, sessions: int = 1) -> str:
    """Sessions whose events were delivered; returns the endpoint."""
    endpoint = api.call(who, "POST", "/v1/webhook-endpoints", {"url": receiver.url}).json()["id"]
    for _ in range(sessions):
        api.create_session(who)
    wait_for(lambda: len(rows(api, who, "?status=delivered&limit=100")) >= sessions)
    return str(endpoint)


def failing(handler: Any) -> None:
    body = b'{"error": "the database is away"}'
    handler.send_response(503)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def disable(api: ApiFixture, who: str, endpoint: str, reason: DisabledReason) -> None:
    key = ids.encode("key", BearerKey.parse(who).key_id)
    merchant = next(k.holder_id for k in api.admin.all_keys() if k.public_id == key)
    command = DisableWebhookEndpoint(
        merchant_id=ids.decode("mer", merchant), endpoint_id=endpoint, reason=reason
    )
    Bus(api.services.log).send(Envelope(command=command, command_id=uuid7(), actor="test"))


def test_a_link_opens_the_deliveries_and_leaves_no_token_behind(
    api: ApiFixture, visit: Visit, who: str, receiver: Receiver
) -> None:
    told(api, who, receiver)
    visitor = visit(viewport=TILL)
    addresses: list[str] = []
    visitor.context.on("request", lambda request: addresses.append(request.url))
    address = link(api, who)

    page = visitor.open(address)
    expect(page.get_by_role("heading", name="Webhook deliveries")).to_be_visible()

    token = address.partition("#")[2]
    assert not any(token in url.partition("#")[0] for url in addresses)
    assert page.url.endswith("/dashboard/deliveries")
    [kept] = visitor.context.cookies()
    assert (kept["httpOnly"], kept["sameSite"], kept["path"]) == (True, "Strict", "/")
    assert page.evaluate("document.cookie") == ""
    expect(page.get_by_text("Corner Cafe")).to_be_visible()
    check_page(page, "dashboard-deliveries-wide")
    page.go_back()
    assert "#" not in page.url


def test_a_link_that_was_used_says_so(api: ApiFixture, visit: Visit, who: str) -> None:
    address = link(api, who)
    visit().open(address).wait_for_url("**/dashboard/deliveries")

    page = visit().open(address)

    expect(page.get_by_role("alert")).to_contain_text("This link is no longer valid.")
    check_page(page, "dashboard-link-used")
    expect(page.get_by_role("button", name="Try again")).to_be_hidden()


def test_a_lost_connection_can_be_tried_again(api: ApiFixture, visit: Visit, who: str) -> None:
    visitor = visit()
    visitor.context.route("**/dashboard/sign-in", lambda route: route.abort())
    page = visitor.open(link(api, who))
    expect(page.get_by_role("alert")).to_contain_text("Something went wrong.")
    check_page(page, "dashboard-link-failed")
    visitor.context.unroute("**/dashboard/sign-in")

    page.get_by_role("button", name="Try again").click()

    expect(page.get_by_role("heading", name="Webhook deliveries")).to_be_visible()


def test_without_a_link_or_without_scripts_the_page_says_what_to_do(
    api: ApiFixture, visit: Visit, who: str
) -> None:
    page = visit().open(f"{api.settings.public_origin}/dashboard")
    expect(page.get_by_text("Open this page by a link.")).to_be_visible()
    check_page(page, "dashboard-no-link")

    plain = visit(java_script_enabled=False).open(link(api, who))

    expect(plain.get_by_text("Opening a link needs JavaScript.")).to_be_visible()
    screenshot(plain, "dashboard-no-script")


def test_a_revoked_key_ends_what_it_opened(api: ApiFixture, visit: Visit, who: str) -> None:
    page = opened(visit(), api, who)

    api.admin.send(RevokeKey(key_id=BearerKey.parse(who).key_id))

    page.reload()

    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    check_page(page, "dashboard-signed-out")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_delivery_is_inspected_and_sent_again(
    api: ApiFixture, visit: Visit, who: str, receiver: Receiver, scripts: bool
) -> None:
    told(api, who, receiver)
    first = visit(java_script_enabled=True)
    page = opened(first, api, who)
    if not scripts:  # the cookie opens the pages in a browser without scripts, too
        cookies = first.context.cookies()
        second = visit(java_script_enabled=False)
        second.context.add_cookies(cookies)  # type: ignore[arg-type]
        page = second.open(f"{api.settings.public_origin}/dashboard/deliveries")
    page.get_by_role("link", name="payment_session.created").click()

    expect(page.get_by_text("webhook-signature: v1,… v1a,…")).to_be_visible()
    expect(page.get_by_text(receiver.calls[0].body.decode())).to_be_visible()
    for name in ("webhook-id", "webhook-timestamp", "content-length", "user-agent"):
        line = f"{name}: {receiver.calls[0].headers[name]}"
        expect(page.get_by_text(re.compile(re.escape(line), re.IGNORECASE)).first).to_be_visible()
    screenshot(page, f"dashboard-delivery-{scripts}")
    page.get_by_role("button", name="Send again").click()

    expect(page.get_by_role("status")).to_contain_text("It is sent once more.")
    calls = receiver.wait_for(2)
    assert calls[0].headers["webhook-id"] == calls[1].headers["webhook-id"]
    wait_for(lambda: rows(api, who)[0]["attempts"] == 2)
    page.get_by_role("link", name="Check again").click()
    expect(page.locator("summary")).to_have_count(2)
    if scripts:
        check_page(page, "dashboard-delivery-again")


def test_the_list_is_filtered_by_a_form(
    api: ApiFixture, visit: Visit, who: str, receiver: Receiver
) -> None:
    told(api, who, receiver, sessions=21)
    page = opened(visit(), api, who)
    expect(page.locator(".rows li")).to_have_count(20)

    page.get_by_role("link", name="Older").click()
    expect(page.locator(".rows li")).to_have_count(1)
    check_page(page, "dashboard-deliveries-older")
    page.get_by_role("link", name="Newest").click()
    page.locator("summary").click()
    page.get_by_label("Status").select_option("Failed")
    page.get_by_role("button", name="Show").click()

    expect(page.get_by_text("No delivery matches this filter.")).to_be_visible()
    expect(page.get_by_label("Status")).to_have_value("failed")
    check_page(page, "dashboard-deliveries-filtered")
    page.get_by_role("link", name="Show all").click()
    page.locator("summary").click()
    page.get_by_label("Endpoint").select_option(receiver.url)
    page.get_by_label("Type").select_option("payment_session.created")
    page.get_by_label("First day (UTC)").fill("2020-01-01")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".rows li")).to_have_count(20)
    page.get_by_label("Last day (UTC)").fill("2020-01-02")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("No delivery matches this filter.")).to_be_visible()


def test_a_disabled_endpoint_is_announced_with_what_it_missed(
    api: ApiFixture, visit: Visit, who: str
) -> None:
    with receiving(failing) as receiver:
        added = api.call(who, "POST", "/v1/webhook-endpoints", {"url": receiver.url}).json()
        session = api.create_session(who)
        receiver.wait_for(1)
        wait_for(lambda: rows(api, who)[0]["attempts"] >= 1)
        disable(api, who, added["id"], DisabledReason.FAILING)
        wait_for(lambda: rows(api, who)[0]["status"] == "skipped", seconds=60)
    visitor = visit(viewport=TILL)
    page = opened(visitor, api, who)

    expect(page.get_by_role("heading", name="An endpoint is disabled")).to_be_visible()
    check_page(page, "dashboard-disabled")
    page.get_by_role("link", name="What happened, and how to go on").click()
    expect(page.get_by_text("No attempt has succeeded for five days.")).to_be_visible()
    expect(page.get_by_text(f"position {session['position']}")).to_be_visible()
    expect(page.get_by_text(f'{{"after": {session["position"] - 1}}}')).to_be_visible()
    check_page(page, "dashboard-endpoints-disabled")
    page.get_by_role("link", name="Skipped deliveries").click()
    page.get_by_role("link", name="payment_session.created").click()

    expect(page.get_by_text("The endpoint is disabled. Enable it")).to_be_visible()
    expect(page.get_by_text("the database is away")).to_be_visible()
    expect(page.get_by_role("button", name="Send again")).to_have_count(0)
    check_page(page, "dashboard-delivery-skipped")
    health = api.call(who, "GET", f"/v1/webhook-endpoints/{added['id']}/health").json()
    assert health["status"] == "disabled"
    assert health["failures"] >= 1
    assert health["missed"] == {
        "failed": 0,
        "skipped": 1,
        "first_position": session["position"],
    }


def test_pages_that_are_empty_say_so(api: ApiFixture, visit: Visit, who: str) -> None:
    page = opened(visit(), api, who)
    expect(page.get_by_text("Nothing has been sent yet.")).to_be_visible()
    check_page(page, "dashboard-deliveries-empty")

    page.get_by_role("link", name="Endpoints").click()

    expect(page.get_by_text("There is no endpoint.")).to_be_visible()
    expect(page.get_by_role("link", name="Endpoints")).to_have_attribute("aria-current", "page")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("Open this page by a link.")).to_be_visible()
    page.goto(f"{api.settings.public_origin}/dashboard/deliveries")
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()


@pytest.mark.parametrize("width", [195, 1280])
def test_every_language_and_look_fits_every_width(
    api: ApiFixture, visit: Visit, who: str, receiver: Receiver, width: int
) -> None:
    told(api, who, receiver)
    delivery = rows(api, who)[0]["id"]
    origin = api.settings.public_origin
    looks: list[dict[str, str]] = [{"color_scheme": "dark"}, {"forced_colors": "active"}, {}]
    for look, language in zip(looks, languages(), strict=True):
        visitor = visit(viewport={"width": width, "height": 800}, **look)
        opened(visitor, api, who).close()
        for path in ("deliveries", f"deliveries/{delivery}", "endpoints"):
            page = visitor.open(f"{origin}/dashboard/{path}?lang={language}")
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            name = "delivery" if delivery in path else path
            check_page(page, f"dashboard-{width}-{name}-{language}-{'-'.join(look.values())}")
            assert wide <= 0, (name, language)
            page.close()


def test_a_form_on_another_page_cannot_send_a_delivery_again(
    api: ApiFixture, visit: Visit, who: str, receiver: Receiver
) -> None:
    told(api, who, receiver)
    delivery = rows(api, who)[0]["id"]
    visitor = visit()
    page = opened(visitor, api, who)
    action = f"{api.settings.public_origin}/dashboard/deliveries/{delivery}/redeliver"
    form = f'<form method="post" action="{action}"><button>Win</button></form>'
    visitor.context.route(
        "https://shop.example/**", lambda route: route.fulfill(body=form, content_type="text/html")
    )

    page.goto("https://shop.example/win")
    page.get_by_role("button", name="Win").click()

    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()  # no cookie came
    assert rows(api, who)[0]["attempts"] == 1
