"""The JavaScript on the page about live updates runs as it stands, in a browser."""

from __future__ import annotations

import pytest

from tests.end_to_end.browsing import Visit
from tests.support.api_fixture import ApiFixture
from tests.support.live_page import example

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]
UNTIL = "async () => {{ while (!({})) await new Promise((next) => setTimeout(next, 20)); }}"
"""Waits in the page, whose policy forbids the conditions that playwright evaluates."""


def test_the_event_source_follows_a_payment_and_stops_at_its_end(
    api: ApiFixture, visit: Visit
) -> None:
    session, wallet = api.create_session(), api.open_wallet()
    page = visit().open(session["checkout_url"])
    run = (
        "([created, ledger]) => { const show = (...shown) => (window.heard ??= []).push(shown);"
        f"{example('javascript')}; window.stream = stream; }}"
    )
    page.evaluate(run, [session, api.settings.public_origin])
    page.evaluate(UNTIL.format("window.heard?.length === 1"))

    claim = api.scan(session, wallet).json()["claim"]["id"]
    assert api.pay(session, wallet, claim).status_code == 200

    page.evaluate(UNTIL.format("window.stream.readyState === EventSource.CLOSED"))
    assert page.evaluate("window.heard") == [[1, "created"], [2, "scanned"], [3, "paid"]]
