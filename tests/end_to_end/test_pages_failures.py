"""The checkout screen while processes are killed and restarted, and how soon it shows a payment."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from domain import times
from tests.end_to_end.browsing import screenshot
from tests.end_to_end.test_program import facts_of, ports, running, wait_for
from tests.support.api_fixture import ApiFixture

pytestmark = [pytest.mark.e2e, pytest.mark.postgres, pytest.mark.timeout(180)]
AMOUNT = {"minor": 1000, "currency": "USD"}


class Till:
    """The merchant's and the wallet app's side of a running demo."""

    def __init__(self, facts: dict[str, str]) -> None:
        self.facts = facts
        self.client = httpx.Client(base_url=facts["base_url"], timeout=30)

    def post(self, role: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Post until it succeeds, under one idempotency key."""
        headers = {
            "Authorization": f"Bearer {self.facts[f'{role}_key']}",
            "Idempotency-Key": os.urandom(8).hex(),
        }

        def attempt() -> dict[str, Any] | None:
            response = self.client.post(path, json=body, headers=headers)
            document: dict[str, Any] = response.json()
            return document if response.is_success else None

        document: dict[str, Any] = wait_for(attempt)
        return document

    def create(self) -> dict[str, Any]:
        return self.post(
            "merchant", "/v1/payment-sessions", {"order_id": os.urandom(8).hex(), "amount": AMOUNT}
        )

    def pay(self, session: dict[str, Any]) -> dict[str, Any]:
        wallet = self.facts["wallet_id"]
        scan = {"payload": session["qr"]["payload"], "wallet_id": wallet}
        claim = self.post("wallet", "/v1/scans", scan)["claim"]["id"]
        body = {"claim_id": claim, "wallet_id": wallet, "amount": AMOUNT}
        return self.post("wallet", f"/v1/payment-sessions/{session['id']}/pay", body)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    page.set_default_timeout(60_000)
    yield page
    page.close()


def shows(page: Page, state: str) -> None:
    expect(page.locator("main")).to_have_attribute("data-status", state, timeout=60_000)


def test_a_payment_is_shown_after_postgresql_was_killed(page: Page, home: Path) -> None:
    with running(home, "demo", **ports()):
        till = Till(facts_of(home))
        session = till.create()
        page.goto(session["checkout_url"])
        expect(page.get_by_text("Live")).to_be_visible()

        os.kill(int((home / "postgres/data/postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        till.pay(session)

        shows(page, "paid")
        till.client.close()


def test_the_screen_polls_while_the_notifier_is_down(page: Page, home: Path) -> None:
    first, live = ports(), ports()
    with running(home, "demo", **first):
        till = Till(facts_of(home))
        url = json.loads((home / "demo.json").read_text())["base_url"]
        database = embedded_url(home)
        place = {
            **live,
            "DATABASE_URL": database,
            "LIVE_PUBLIC_URL": f"ws://127.0.0.1:{live['LIVE_PORT']}",
        }
        with running(home, "serve", **{**place, "LIVE_PORT": ports()["LIVE_PORT"]}):
            api = f"http://127.0.0.1:{live['PORT']}"
            wait_for(lambda: httpx.get(f"{api}/healthz").is_success)
            till.client.base_url = httpx.URL(api)
            with running(home, "notify", **{**place, "PUBLIC_URL": api}) as notifier:
                wait_for(
                    lambda: httpx.get(f"http://127.0.0.1:{live['LIVE_PORT']}/healthz").is_success
                )
                session = till.create()
                page.goto(session["checkout_url"])
                expect(page.get_by_text("Live")).to_be_visible()
                notifier.kill()
                notifier.wait(10)
            expect(page.get_by_text("Checking every few seconds")).to_be_visible(timeout=60_000)
            screenshot(page, "checkout-polling")
            with running(home, "notify", **{**place, "PUBLIC_URL": api}):
                expect(page.get_by_text("Live")).to_be_visible(timeout=60_000)
                till.pay(session)
                shows(page, "paid")
        assert url
        till.client.close()


def embedded_url(home: Path) -> str:
    password = (home / "postgres" / "password").read_text()
    port = (home / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[3]
    return f"postgresql://qrledger:{password}@127.0.0.1:{port}/qrledger"


def test_the_time_from_commit_to_screen_is_printed(
    browser: Browser, api: ApiFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Prints p50 and p99 of 50 payments; asserts nothing about time."""
    page = browser.new_page()
    wallet = api.open_wallet()
    durations = []
    for _ in range(50):
        session = api.create_session()
        page.goto(session["checkout_url"])
        expect(page.get_by_text("Live")).to_be_visible()
        page.evaluate(
            "new MutationObserver(() => window.shownAt ??= Date.now())"
            ".observe(document.querySelector('main'), {attributeFilter: ['data-status']})"
        )
        claim = api.scan(session, wallet).json()["claim"]["id"]
        expect(page.locator("main")).to_have_attribute("data-status", "scanned")
        page.evaluate("window.shownAt = undefined")
        paid = api.pay(session, wallet, claim).json()
        expect(page.locator("main")).to_have_attribute("data-status", "paid")
        committed = times.from_text(paid["server_time"]).timestamp() * 1000
        durations.append(page.evaluate("window.shownAt") - committed)
    page.close()
    durations.sort()
    with capsys.disabled():
        print(
            f"\ncommit to screen, 50 payments: p50 {durations[25]:.1f} ms, p99 {durations[49]:.1f} ms"
        )
    assert len(durations) == 50


@pytest.mark.parametrize("state", ["created", "paid"])
def test_forced_colours_keep_the_code_and_the_texts_visible(
    browser: Browser, api: ApiFixture, state: str
) -> None:
    session = api.create_session() if state == "created" else api.create_paid_session()[0]
    session = api.call("merchant", "GET", f"/v1/payment-sessions/{session['id']}").json()
    context = browser.new_context(forced_colors="active", reduced_motion="reduce")
    page = context.new_page()
    page.goto(session["checkout_url"])

    expect(page.locator(f"#state-{state}")).to_be_visible()
    screenshot(page, f"checkout-{state}-forced-colours")
    context.close()
