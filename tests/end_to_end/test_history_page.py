"""The history of a session in a browser: readable in every look, without scripts, on one sheet."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from api.pages.texts import languages
from domain import ids
from domain.merchants.api_key import Role
from domain.sessions.refusals import SessionRefusals
from infrastructure.postgres.migrate import migrate
from tests.end_to_end.browsing import SCREENSHOTS, TILL, Visit, check_page, screenshot
from tests.faults.test_database_away import wait_for
from tests.support.api_fixture import ApiFixture, served_api
from tests.support.receiver import Receiver, receiving

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]
SHEET: ViewportSize = {"width": 710, "height": 1040}
"""A4 within its margins, in CSS pixels."""
PAGES = re.compile(rb"/Type\s*/Page\b")


@pytest.fixture(scope="module")
def api(make_database: Callable[[], str]) -> Iterator[ApiFixture]:
    """A ledger that may call this machine."""
    url = make_database()
    migrate(url, mode="test", token_secret=b"s" * 32)
    with served_api(url, webhook_loopback=True) as api:
        yield api


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def who(api: ApiFixture) -> str:
    """The key of a merchant."""
    merchant = api.admin.register_merchant("Corner Cafe", ("shop.example",))
    return api.admin.issue_key(Role.MERCHANT, merchant).text


def advance(api: ApiFixture, seconds: int) -> None:
    moved = api.call("operator", "POST", "/v1/test-clock", {"advance_seconds": seconds})
    assert moved.status_code == 200, moved.text


@pytest.fixture(scope="module")
def session(api: ApiFixture, who: str, receiver: Receiver) -> str:
    """An ordinary session with losers, a lapsed lease, a refund and webhooks; its id."""
    api.call(who, "POST", "/v1/webhook-endpoints", {"url": receiver.url})
    session = api.create_session(who)
    first, second, third = (api.open_wallet() for _ in range(3))
    api.scan(session, first)
    assert api.scan(session, second).status_code == 409
    advance(api, 100)
    claim = api.scan(session, second).json()["claim"]["id"]
    assert api.pay(session, second, claim).status_code == 200
    assert api.pay(session, third, claim).status_code == 409
    advance(api, 30 * 3600)
    refund = {"amount": {"minor": 300, "currency": "USD"}, "reason": "one coffee less"}
    path = f"/v1/payment-sessions/{session['id']}/refunds"
    assert api.call(who, "POST", path, refund, key=str(uuid4())).status_code == 201
    stream = SessionRefusals.stream_id(ids.decode("ps", session["id"]))
    wait_for(lambda: len(api.services.log.stream(stream)) == 2)
    wait_for(lambda: len(receiver.calls) >= 5)
    listed = "/v1/webhook-deliveries?status=delivered"
    wait_for(lambda: len(api.call(who, "GET", listed).json()["data"]) >= 5)
    return str(session["id"])


def link(api: ApiFixture, who: str, session: str) -> str:
    made = api.call(who, "POST", f"/v1/dashboard-links?session={session}")
    assert made.status_code == 201, made.text
    return str(made.json()["url"])


def opened(visit: Visit, api: ApiFixture, who: str, session: str, **options: Any) -> Page:
    page = visit(**options).open(link(api, who, session))
    expect(page.get_by_role("heading", name="History of a session")).to_be_visible()
    return page


def sheets(page: Page, name: str) -> int:
    """How many sheets of paper the page takes; keeps the document beside the screenshots."""
    SCREENSHOTS.mkdir(exist_ok=True)
    path = SCREENSHOTS / f"{name}.pdf"
    return len(PAGES.findall(page.pdf(path=path, prefer_css_page_size=True)))


def test_a_link_opens_the_history_of_one_session(
    api: ApiFixture, visit: Visit, who: str, session: str
) -> None:
    page = opened(visit, api, who, session, viewport=TILL)

    assert page.url.endswith(f"/dashboard/sessions/{session}")
    expect(page.get_by_role("img", name="The history as a picture")).to_be_visible()
    expect(page.get_by_role("table")).to_contain_text("session-not-payable")
    expect(page.get_by_role("table")).to_contain_text("one coffee less")
    check_page(page, "history-wide")
    page.get_by_role("region", name="Picture of the history").focus()
    page.get_by_role("link", name="Another session").click()
    page.get_by_label("Id of the payment session").fill(session)
    check_page(page, "history-find")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name="History of a session")).to_be_visible()


def test_an_auditors_link_opens_the_history_and_how_it_stood(
    api: ApiFixture, visit: Visit, session: str
) -> None:
    page = opened(visit, api, "auditor", session)
    events = api.call("auditor", "GET", f"/v1/payment-sessions/{session}/events").json()["data"]
    expect(page.get_by_text("Auditor", exact=True)).to_be_visible()

    page.goto(f"{page.url}?at={events[1]['position']}")

    expect(page.get_by_text("This is how it stood then.")).to_be_visible()
    stood = page.get_by_role("row").filter(has_text="payment_session.")
    expect(stood.filter(has_text="position")).to_have_count(2)
    check_page(page, "history-then")


@pytest.mark.parametrize("language", sorted(languages()))
def test_an_ordinary_history_is_one_sheet_of_paper(
    api: ApiFixture, visit: Visit, who: str, session: str, language: str
) -> None:
    page = opened(visit, api, who, session, color_scheme="dark")
    page.goto(f"{page.url}?lang={language}")

    assert sheets(page, f"history-{language}") == 1
    page.emulate_media(media="print")
    page.set_viewport_size(SHEET)
    screenshot(page, f"history-print-{language}")
    expect(page.get_by_role("table")).to_be_hidden()
    expect(page.locator("figure svg")).to_be_visible()


def test_the_longest_history_that_is_drawn_is_one_sheet_of_paper(
    api: ApiFixture, visit: Visit, who: str, receiver: Receiver
) -> None:
    paid = api.create_session(who)
    wallet = api.open_wallet()
    claim = api.scan(paid, wallet).json()["claim"]["id"]
    api.pay(paid, wallet, claim)
    for _ in range(40):
        body = {"amount": {"minor": 1, "currency": "USD"}, "reason": "a cent"}
        path = f"/v1/payment-sessions/{paid['id']}/refunds"
        assert api.call(who, "POST", path, body, key=str(uuid4())).status_code == 201
    events = len(receiver.calls)
    wait_for(lambda: len(receiver.calls) >= min(43, events))

    page = opened(visit, api, who, paid["id"], viewport=TILL)

    expect(page.get_by_text("A long history")).to_be_visible()
    check_page(page, "history-long")
    assert sheets(page, "history-long") == 1


@pytest.mark.parametrize("width", [195, 390, 1280])
def test_every_language_and_look_fits_every_width(
    api: ApiFixture, visit: Visit, who: str, session: str, width: int
) -> None:
    looks: list[dict[str, str]] = [{"color_scheme": "dark"}, {"forced_colors": "active"}, {}]
    for look, language in zip(looks, sorted(languages()), strict=True):
        viewport = {"width": width, "height": 800}
        page = opened(visit, api, who, session, viewport=viewport, **look)
        page.goto(f"{page.url}?lang={language}")
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        check_page(page, f"history-{width}-{language}-{'-'.join(look.values())}")
        assert wide <= 0, language
        page.close()
