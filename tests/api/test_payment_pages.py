"""A merchant's pages of payments on PostgreSQL: the list, one payment, and its receipts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from domain.audit import receipt
from domain.merchants.api_key import Role
from tests.faults.test_database_away import wait_for
from tests.support.api_fixture import ApiFixture, api_fixture
from tests.support.seal_now import seal

pytestmark = pytest.mark.postgres
PAYMENTS = "/dashboard/payments"


@pytest.fixture(scope="module")
def api(make_ledger: Callable[[], str]) -> Iterator[ApiFixture]:
    url = make_ledger()
    with api_fixture(url, rate_limit=0) as fixture:
        fixture.url = url
        yield fixture


class Browser:
    """A merchant's browser, signed in to the dashboards."""

    def __init__(self, api: ApiFixture, who: str) -> None:
        self._api = api
        token = str(api.call(who, "POST", "/v1/dashboard-links").json()["url"]).partition("#")[2]
        body = {"token": token}
        origin = api.settings.public_origin
        signed_in = api.call("", "POST", "/dashboard/sign-in", body, origin=origin)
        assert signed_in.status_code == 204, signed_in.text
        self._cookie = signed_in.headers["set-cookie"].partition(";")[0]
        api.client.cookies.clear()

    def open(self, path: str) -> Any:
        page = self._api.client.get(
            path, headers={"cookie": self._cookie, "accept": "text/html"}, follow_redirects=False
        )
        self._api.client.cookies.clear()
        return page


def refunded(api: ApiFixture, session: dict[str, Any], minor: int) -> str:
    path = f"/v1/payment-sessions/{session['id']}/refunds"
    body = {"amount": {"minor": minor, "currency": "USD"}, "reason": "one <b>coffee</b> less"}
    made = api.call("merchant", "POST", path, body, key=str(uuid4()))
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def test_the_page_of_a_payment_offers_its_receipts_as_soon_as_they_are_sealed(
    api: ApiFixture,
) -> None:
    session, _ = api.create_paid_session()
    refund = refunded(api, session, 300)
    page = f"{PAYMENTS}/{session['id']}"
    browser = Browser(api, "merchant")
    early = browser.open(page)
    redirected = [
        browser.open(f"{page}/receipt"),
        browser.open(f"/dashboard/refunds/{refund}/receipt"),
    ]
    seal(api.url)
    late = browser.open(page)
    files = [browser.open(f"{page}/receipt"), browser.open(f"/dashboard/refunds/{refund}/receipt")]

    assert early.status_code == late.status_code == 200
    assert early.text.count("Not sealed yet") == 2
    assert "Check again" in early.text
    assert "Download the receipt" not in early.text
    assert [(one.status_code, one.headers["location"]) for one in redirected] == [(303, page)] * 2
    assert late.text.count("Download the receipt") == 2
    assert "Not sealed yet" not in late.text
    assert "one &lt;b&gt;coffee&lt;/b&gt; less" in late.text
    assert 'href="/verify"' in late.text
    topics = [receipt.parse(one.content).verify().topic for one in files]
    assert topics == ["payment_session.paid", "refund.succeeded"]
    assert (
        files[0].headers["content-disposition"]
        == f'attachment; filename="{session["id"]}.tlog-proof"'
    )
    assert files[0].headers["cache-control"] == "no-store"


def test_a_payment_that_was_not_made_has_no_receipt(api: ApiFixture) -> None:
    session = api.create_session()
    browser = Browser(api, "merchant")

    page = browser.open(f"{PAYMENTS}/{session['id']}")
    file = browser.open(f"{PAYMENTS}/{session['id']}/receipt")

    assert page.status_code == 200
    assert "receipt" not in page.text.lower()
    assert (file.status_code, file.headers["location"]) == (303, f"{PAYMENTS}/{session['id']}")


def test_payments_are_listed_newest_first_and_page_by_page(api: ApiFixture) -> None:
    merchant = api.admin.register_merchant("Corner Cafe", ("shop.example",))
    who = api.admin.issue_key(Role.MERCHANT, merchant).text
    browser = Browser(api, who)
    empty = browser.open(PAYMENTS)
    made = [api.create_session(who)["id"] for _ in range(23)]
    wait_for(lambda: made[-1] in browser.open(PAYMENTS).text)

    first = browser.open(f"{PAYMENTS}?lang=pt-BR").text
    older = first.partition('href="/dashboard/payments?cursor=')[2].partition('"')[0]
    second = browser.open(f"{PAYMENTS}?cursor={older.replace('&amp;', '&')}").text

    assert "There is no payment yet." in empty.text
    assert [one for one in made if one in first] == made[3:]
    assert [one for one in made if one in second] == made[:3]
    assert first.index(made[-1]) < first.index(made[-2])
    assert "Pagamentos" in first
    assert browser.open(f"{PAYMENTS}?cursor=made-up").status_code == 400


def test_another_merchants_payment_and_its_receipts_are_not_found(api: ApiFixture) -> None:
    session, _ = api.create_paid_session()
    refund = refunded(api, session, 100)
    seal(api.url)
    browser = Browser(api, "other_merchant")
    paths = [
        f"{PAYMENTS}/{session['id']}", f"{PAYMENTS}/{session['id']}/receipt",
        f"/dashboard/refunds/{refund}/receipt",
    ]  # fmt: skip

    assert [browser.open(path).status_code for path in paths] == [404] * 3
    assert session["id"] not in browser.open(PAYMENTS).text
    nobody = {"accept": "text/html"}
    assert [api.client.get(path, headers=nobody).status_code for path in (PAYMENTS, *paths)] == [
        401
    ] * 4
