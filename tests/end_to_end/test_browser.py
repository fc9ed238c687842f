"""QR codes, the live socket and the API documentation in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.end_to_end.browsing import screenshot
from tests.support.api_fixture import ApiFixture
from tests.support.read_pictures import read

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]


@pytest.fixture
def page(browser: Browser, api: ApiFixture) -> Iterator[Page]:
    """A page that fails the test if it logs anything or requests another host."""
    page = browser.new_page(viewport={"width": 900, "height": 900})
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    ours = (api.settings.public_origin, "data:")
    page.on(
        "request",
        lambda request: None if request.url.startswith(ours) else errors.append(request.url),
    )
    yield page
    page.close()
    assert errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_api_documentation_loads_nothing_from_other_hosts(
    page: Page, api: ApiFixture, scheme: Any
) -> None:
    page.emulate_media(color_scheme=scheme)

    page.goto(f"{api.settings.public_origin}/docs")

    assert page.get_by_role("heading", level=1).inner_text().startswith("qrledger API")
    assert page.locator("section").count() > 15
    font = page.locator("main").evaluate("e => getComputedStyle(e).maxWidth")
    assert font == "1344px"  # the style sheet was applied
    screenshot(page, f"docs-{scheme}")


@pytest.mark.parametrize("kind", ["svg", "png"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_qr_code_on_a_screen_can_be_scanned(
    page: Page, api: ApiFixture, kind: str, scheme: Any
) -> None:
    session = api.create_session()
    page.emulate_media(color_scheme=scheme)

    page.goto(session["qr"][f"{kind}_url"])

    assert read(screenshot(page, f"qr-{kind}-{scheme}")) == session["qr"]["payload"]


def test_our_pages_receive_the_payment_and_other_origins_are_refused(
    browser: Browser, api: ApiFixture
) -> None:
    session, wallet = api.create_session(), api.open_wallet()
    listen = """url => {
        window.messages = [];
        const socket = new WebSocket(url);
        socket.onmessage = e => window.messages.push(JSON.parse(e.data));
        socket.onclose = e => window.messages.push({type: "closed", code: e.code});
    }"""
    # Pages of this machine, as Chromium lets no others reach loopback. `localhost` is another origin
    # than `127.0.0.1`.
    ours, foreign = browser.new_page(bypass_csp=True), browser.new_page(bypass_csp=True)
    ours.goto(f"{api.settings.public_origin}/healthz")
    ours.evaluate(listen, session["live_url"])
    foreign.goto(f"http://localhost:{api.settings.port}/healthz")
    foreign.evaluate(listen, session["live_url"])
    ours.wait_for_function("messages.length == 1", polling=50)
    assert ours.evaluate("messages[0].type") == "snapshot"

    claim = api.scan(session, wallet).json()["claim"]["id"]
    api.pay(session, wallet, claim)

    ours.wait_for_function("messages.length == 3", polling=50)
    messages = ours.evaluate("messages.map(m => [m.type, m.seq, m.session.status])")
    assert messages == [["snapshot", 1, "created"], ["event", 2, "scanned"], ["event", 3, "paid"]]
    foreign.wait_for_function("messages.length == 1", polling=50)
    assert foreign.evaluate("messages[0]") == {"type": "closed", "code": 1006}
    ours.close()
    foreign.close()
