"""What a real browser makes of it: pictures that scan, a socket that talks, documents that stay home."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import zxingcpp
from playwright.sync_api import Browser, Page

from tests.end_to_end.browsing import shoot
from tests.support.api_fixture import ApiFixture

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]


@pytest.fixture
def page(browser: Browser, api: ApiFixture) -> Iterator[Page]:
    """A page that may not complain, and may ask nobody but us."""
    page = browser.new_page(viewport={"width": 900, "height": 900})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    ours = (api.settings.public_origin, "data:")
    page.on(
        "request",
        lambda request: None if request.url.startswith(ours) else complaints.append(request.url),
    )
    yield page
    page.close()
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_api_documents_load_nothing_from_elsewhere(
    page: Page, api: ApiFixture, scheme: Any
) -> None:
    page.emulate_media(color_scheme=scheme)

    page.goto(f"{api.settings.public_origin}/docs")

    assert page.get_by_role("heading", level=1).inner_text().startswith("qrledger API")
    assert page.locator("section").count() > 15
    font = page.locator("main").evaluate("e => getComputedStyle(e).maxWidth")
    assert font == "960px"  # the style sheet was let in
    shoot(page, f"docs-{scheme}")


@pytest.mark.parametrize("kind", ["svg", "png"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_picture_on_a_screen_is_read_back(
    page: Page, api: ApiFixture, kind: str, scheme: Any
) -> None:
    session = api.a_session()
    page.emulate_media(color_scheme=scheme)

    page.goto(session["qr"][f"{kind}_url"])

    [found] = zxingcpp.read_barcodes(shoot(page, f"qr-{kind}-{scheme}").convert("L"))
    assert found.text == session["qr"]["payload"]


def test_a_page_of_ours_hears_of_the_payment_and_a_foreign_one_is_refused(
    browser: Browser, api: ApiFixture
) -> None:
    session, wallet = api.a_session(), api.a_wallet()
    listen = """url => {
        window.heard = [];
        const socket = new WebSocket(url);
        socket.onmessage = e => window.heard.push(JSON.parse(e.data));
        socket.onclose = e => window.heard.push({type: "closed", code: e.code});
    }"""
    # Real pages of this machine: Chromium lets no other page reach loopback. `localhost` is a
    # foreign origin to `127.0.0.1`.
    ours, foreign = browser.new_page(bypass_csp=True), browser.new_page(bypass_csp=True)
    ours.goto(f"{api.settings.public_origin}/healthz")
    ours.evaluate(listen, session["live_url"])
    foreign.goto(f"http://localhost:{api.settings.port}/healthz")
    foreign.evaluate(listen, session["live_url"])
    ours.wait_for_function("heard.length == 1", polling=50)
    assert ours.evaluate("heard[0].type") == "snapshot"

    claim = api.scan(session, wallet).json()["claim"]["id"]
    api.pay(session, wallet, claim)

    ours.wait_for_function("heard.length == 3", polling=50)
    heard = ours.evaluate("heard.map(m => [m.type, m.seq, m.session.status])")
    assert heard == [["snapshot", 1, "created"], ["event", 2, "scanned"], ["event", 3, "paid"]]
    foreign.wait_for_function("heard.length == 1", polling=50)
    assert foreign.evaluate("heard[0]") == {"type": "closed", "code": 1006}
    ours.close()
    foreign.close()
