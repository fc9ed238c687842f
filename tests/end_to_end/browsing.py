"""Looking at pages: screenshots that are kept, complaints that are counted, axe that judges."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.api_fixture import ApiFixture

PHONE = {"width": 390, "height": 844}
TILL = {"width": 1280, "height": 900}
SCREENSHOTS = Path(__file__).parent / "screenshots"
BROWSERS_OWN = (
    "Failed to load resource: the server responded with a status of 4",
    "Failed to load resource: net::ERR_FAILED",  # a call that the test itself cut
)
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()


def shoot(page: Page, name: str) -> Image.Image:
    SCREENSHOTS.mkdir(exist_ok=True)
    data = page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=False)
    return Image.open(io.BytesIO(data))


class Visitor:
    """A browser of one person: pages that may not complain and ask nobody but us."""

    def __init__(self, browser: Browser, origin: str, **facts: object) -> None:
        self.context: BrowserContext = browser.new_context(**facts)  # type: ignore[arg-type]
        self.complaints: list[str] = []
        self._origin = origin

    def open(self, url: str) -> Page:
        """Open a page."""
        page = self.context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: self._receive(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._look(request.url))
        page.goto(url)
        return page

    def leave(self) -> None:
        """Close everything; whoever had reason to complain fails the test."""
        self.context.close()
        assert self.complaints == []

    def _receive(self, text: str) -> None:
        """A refused request is logged by the browser itself; the page has told the payer."""
        if not text.startswith(BROWSERS_OWN):
            self.complaints.append(text)

    def _look(self, url: str) -> None:
        if not url.startswith((self._origin, "data:", "https://shop.example/")):
            self.complaints.append(url)


def judge(page: Page, name: str) -> None:
    """Take a screenshot, and let axe find nothing wrong."""
    shoot(page, name)
    page.evaluate(AXE)
    found = page.evaluate("axe.run().then(r => r.violations.map(v => [v.id, v.nodes[0].html]))")
    assert found == [], f"{name}: {found}"


Visit = Callable[..., Visitor]


def a_token(api: ApiFixture, minor: int = 100_000) -> str:
    wallet = api.a_wallet(minor)
    minted = api.call("wallet", "POST", f"/v1/wallets/{wallet}/tokens").json()
    return str(minted["token"])


def wallet_address(session: dict[str, Any]) -> str:
    return str(session["qr"]["payload"]).lower()


def signed_in(visitor: Visitor, session: dict[str, Any], token: str) -> Page:
    """The wallet page, ready to pay."""
    page = visitor.open(wallet_address(session))
    page.get_by_label("Wallet token").fill(token)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("button", name="Pay $10.00")).to_be_visible()
    return page


def status(page: Page) -> Any:
    return expect(page.locator("main"))


def pay(api: ApiFixture, session: dict[str, Any]) -> None:
    wallet = api.a_wallet()
    claim = api.scan(session, wallet).json()["claim"]["id"]
    assert api.pay(session, wallet, claim).status_code == 200
