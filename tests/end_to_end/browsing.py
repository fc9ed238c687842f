"""Pages in a browser: screenshots, errors on the console, and accessibility checks by axe."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from domain import times
from tests.support.api_fixture import ApiFixture
from tests.support.postgres import TestClock

PHONE = {"width": 390, "height": 844}
TILL = {"width": 1280, "height": 900}
SCREENSHOTS = Path(__file__).parent / "screenshots"
TAKEN = bool(os.environ.get("SCREENSHOTS"))
"""Whether pages that only people look at are drawn, too."""
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
EXPECTED_LOGS = (
    "Failed to load resource: the server responded with a status of 4",
    "Failed to load resource: net::ERR_FAILED",  # a request that the test aborted
    "Service Worker registration blocked by Playwright",
    "The Cross-Origin-Opener-Policy header has been ignored",  # over plain http
)
SPOKEN = """[document.title, ...Array.from(
    document.querySelectorAll("[aria-label], [alt], [title], [placeholder]"),
    (one) => ["aria-label", "alt", "title", "placeholder"].map((name) => one.getAttribute(name) ?? "").join(" "),
)]"""
"""Texts that cannot have elements: a tag in one of them would be read out."""
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()


def screenshot(page: Page, name: str) -> Image.Image:
    SCREENSHOTS.mkdir(exist_ok=True)
    data = page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=False)
    return Image.open(io.BytesIO(data))


class Visitor:
    """One person's browser. Errors on the console and requests to other hosts fail the test.

    A page under a service worker sends its requests past `page.route`, so the worker is there only for
    tests that ask for it with `service_workers="allow"`.
    """

    def __init__(self, browser: Browser, origin: str, **options: object) -> None:
        chosen: Any = {"service_workers": "block", **options}
        self.context: BrowserContext = browser.new_context(**chosen)
        self.errors: list[str] = []
        self._origin = origin

    def open(self, url: str) -> Page:
        """Open a page."""
        page = self.context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: self._on_console(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._on_request(request.url))
        page.goto(url)
        return page

    def close(self) -> None:
        """Close all pages, and fail if there were errors."""
        self.context.close()
        assert self.errors == []

    def _on_console(self, text: str) -> None:
        """Browsers log refused requests, for which the page shows a message of its own."""
        if not text.startswith(EXPECTED_LOGS):
            self.errors.append(text)

    def _on_request(self, url: str) -> None:
        if not url.startswith((self._origin, "data:", "https://shop.example/")):
            self.errors.append(url)


def check_page(page: Page, name: str) -> None:
    """Check the page with axe; `make screenshots` takes its picture as well."""
    if TAKEN:
        screenshot(page, name)
    page.evaluate(AXE)
    violations = page.evaluate(
        "axe.run().then(r => r.violations.map(v => [v.id, v.nodes[0].html]))"
    )
    assert violations == [], f"{name}: {violations}"
    assert "\ufffd" not in page.locator("body").inner_text(), f"{name}: a character was replaced"
    spoken = page.evaluate(SPOKEN)
    assert not any("<" in text for text in spoken), f"{name}: {spoken}"


def check_schemes(page: Page, name: str) -> None:
    """`check_page` in light and in dark colours."""
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        check_page(page, f"{name}-{scheme}")


def until(page: Page, condition: str) -> None:
    """Wait for a condition in the page, whose policy does not let Playwright evaluate its own text."""
    loop = """async () => {
        const end = performance.now() + 15_000;
        while (!(CONDITION)) {
            if (performance.now() > end) throw new Error("never");
            await new Promise(requestAnimationFrame);
        }
    }"""
    page.evaluate(loop.replace("CONDITION", condition))


Visit = Callable[..., Visitor]


def make_token(api: ApiFixture, minor: int = 100_000) -> str:
    wallet = api.open_wallet(minor)
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
    wallet = api.open_wallet()
    claim = api.scan(session, wallet).json()["claim"]["id"]
    assert api.pay(session, wallet, claim).status_code == 200


def bring_to(state: str, api: ApiFixture, session: dict[str, Any], clock: TestClock) -> None:
    """Bring a session that was just created to a state."""
    if state == "scanned":
        api.scan(session, api.open_wallet())
    elif state == "paid":
        pay(api, session)
    elif state == "expired":
        clock.set(times.from_text(session["expires_at"]) + timedelta(seconds=1))
    elif state == "cancelled":
        api.call("merchant", "POST", f"/v1/payment-sessions/{session['id']}/cancel")
