"""Who may look at a merchant's dashboards: links that work once, a cookie, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from api.app import create_app
from api.pages.dashboards.access import COOKIE_LIFETIME, cookie
from api.tokens import DashboardHolder, DashboardUse
from api.v1.dashboard_links import LINK_LIFETIME, OPERATOR_LINK_LIFETIME, operator_link
from application.commands.issue_key import IssueKey
from application.commands.register_merchant import RegisterMerchant
from application.commands.revoke_key import RevokeKey
from application.event_log import history
from application.ports.webhooks import DeliveryStatus
from domain import ids
from domain.merchants.api_key import BearerKey, Role
from domain.merchants.webhook_endpoint import WebhookEndpoints
from tests.support.dashboards import DELIVERIES, ORIGIN, SIGN_IN, Dashboards
from tests.support.memory_client import memory_client

FOREIGN = [(), ("null",), ("https://evil.example",), (f"{ORIGIN}.evil.example",), (ORIGIN, ORIGIN),
           ("http://127.0.0.1:8081",), (ORIGIN.upper(),), ("",)]  # fmt: skip


@pytest.fixture
def pages() -> Iterator[Dashboards]:
    with memory_client() as client:
        yield Dashboards(client)


def another_merchant(pages: Dashboards) -> str:
    """The key of another merchant, under the name `other`."""
    ledger, merchant_id = pages.ledger, pages.ledger.new_id()
    ledger.send(RegisterMerchant(merchant_id=merchant_id, name="Shop", return_hosts=()))
    key = BearerKey.make(
        mode="test", role=Role.MERCHANT, key_id=ledger.new_id(), random=bytes(range(32))
    )
    merchant = ids.encode("mer", merchant_id)
    ledger.send(IssueKey(key=key, holder_id=merchant))
    pages.api.keys["other"] = key.text
    return merchant


def key_of(pages: Dashboards, who: str = "merchant") -> Any:
    return BearerKey.parse(pages.api.keys[who]).key_id


def asked(pages: Dashboards) -> list[Any]:
    """What was asked for once more."""
    stream = WebhookEndpoints.stream_id(pages.ledger.merchant_id)
    return [one for one in history(pages.ledger.log, stream) if "redelivery" in one.topic]


def test_a_link_is_exchanged_for_a_cookie_that_shows_the_merchants_deliveries(
    pages: Dashboards,
) -> None:
    delivery = pages.add_delivery(pages.add_endpoint())

    exchanged = pages.exchange(pages.link())
    shown = pages.open()

    assert exchanged.status == 204
    name, *attributes = exchanged.headers["set-cookie"].split("; ")
    assert name.startswith("qrledger-dashboard=qrd_")
    assert attributes == ["Path=/", "Max-Age=1800", "HttpOnly", "SameSite=Strict"]
    assert shown.status == 200
    assert delivery.subject_id in shown.text
    assert shown.headers["referrer-policy"] == "same-origin"
    assert shown.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in shown.headers["content-security-policy"]


def test_with_https_no_other_host_can_set_the_cookie(pages: Dashboards) -> None:
    config = replace(pages.api.services.config, public_url="https://pay.example")

    made = cookie(config, "qrd_x")

    assert made == (
        "__Host-qrledger-dashboard=qrd_x; Path=/; Max-Age=1800; HttpOnly; SameSite=Strict; Secure"
    )


def test_with_https_a_cookie_without_the_prefix_is_not_read(pages: Dashboards) -> None:
    pages.sign_in()
    https = replace(pages.api.services.config, public_url="https://pay.example")
    pages.api.app = create_app(replace(pages.api.services, config=https))

    assert pages.open().status == 401
    pages.cookie = f"__Host-{pages.cookie}"
    assert pages.open().status == 200


def test_a_link_works_once(pages: Dashboards) -> None:
    token = pages.link()
    pages.exchange(token)

    again = pages.exchange(token)

    assert (again.status, again.body["code"]) == (401, "unauthorized")
    assert "set-cookie" not in again.headers
    assert pages.exchange(pages.link()).status == 204


def test_a_link_that_is_late_works_no_more(pages: Dashboards) -> None:
    token = pages.link()
    pages.log.clock += LINK_LIFETIME

    assert pages.exchange(token).status == 401
    assert pages.used.used == {}


def test_a_cookie_ends_after_half_an_hour(pages: Dashboards) -> None:
    pages.sign_in()
    pages.log.clock += COOKIE_LIFETIME - timedelta(seconds=5)
    before = pages.open().status

    pages.log.clock += timedelta(seconds=10)

    assert (before, pages.open().status) == (200, 401)


def test_links_and_cookies_end_with_the_key_that_made_them(pages: Dashboards) -> None:
    pages.sign_in()
    token = pages.link()

    pages.ledger.send(RevokeKey(key_id=key_of(pages)))

    assert pages.exchange(token).status == 401
    shown = pages.open()
    assert shown.status == 401
    assert "You are signed out" in shown.text


@pytest.mark.parametrize("damage", ["", "x", "qrd_", "_" * 5, "qrd_1_2_3_4_5", "q" * 160, "\u00e9"])
def test_what_is_no_token_is_refused(pages: Dashboards, damage: str) -> None:
    assert pages.exchange(damage).status in {400, 401}
    pages.cookie = f"qrledger-dashboard={damage}"
    assert pages.open().status == 401


def test_every_part_of_a_token_is_signed(pages: Dashboards) -> None:
    parts = pages.link().split("_")
    other = ids.encode_suffix(pages.ledger.new_id())
    for n in range(1, 6):
        changed = [*parts]
        changed[n] = f"{int(parts[n], 16) + 1:x}" if n in {4, 5} else other
        assert pages.exchange("_".join(changed)).status == 401, n


def test_a_link_is_no_cookie_and_a_cookie_no_link(pages: Dashboards) -> None:
    pages.sign_in()
    minted = pages.cookie.partition("=")[2]

    assert pages.exchange(minted).status == 401
    pages.cookie = f"qrledger-dashboard={pages.link()}"
    assert pages.open().status == 401


def test_nothing_secret_is_taken_from_an_address(pages: Dashboards) -> None:
    token = pages.link()

    for path in ("/dashboard", DELIVERIES):
        shown = pages.open(path, f"token={token}")
        assert shown.status == 400, path
        assert "set-cookie" not in shown.headers
    assert pages.exchange(token).status == 204


def test_two_cookies_of_the_name_are_none(pages: Dashboards) -> None:
    pages.sign_in()
    pages.cookie = f"{pages.cookie}; {pages.cookie}"

    assert pages.open().status == 401


def test_the_cookie_opens_these_pages_only(pages: Dashboards) -> None:
    pages.sign_in()
    headers = {"cookie": pages.cookie}

    for path in ("/v1/webhook-deliveries", "/v1/webhook-endpoints", "/v1/balance"):
        assert pages.client.call("", "GET", path, headers=headers).status == 401, path
    bearer = pages.cookie.partition("=")[2]
    assert pages.client.call(bearer, "GET", "/v1/webhook-endpoints").status == 401


@pytest.mark.parametrize("who", ["wallet", "operator"])
def test_only_merchants_and_auditors_make_links(pages: Dashboards, who: str) -> None:
    assert pages.client.call(who, "POST", "/v1/dashboard-links").status == 403


def test_another_merchant_sees_and_sends_nothing(pages: Dashboards) -> None:
    delivery = pages.add_delivery(pages.add_endpoint())
    another_merchant(pages)
    pages.sign_in("other")
    page = f"{DELIVERIES}/{delivery.id}"

    listed, shown, sent = pages.open(), pages.open(page), pages.press(f"{page}/redeliver", ORIGIN)

    assert (listed.status, shown.status, sent.status) == (200, 404, 404)
    assert delivery.subject_id not in listed.text
    assert "Shop" in listed.text
    assert "Not found" in shown.text
    assert asked(pages) == []


def test_a_link_made_by_a_key_is_valid_for_its_merchant_only(pages: Dashboards) -> None:
    """A token that names one merchant and another's key, as if ours had been signed wrongly."""
    other = another_merchant(pages)
    services = pages.api.services
    holder = DashboardHolder(
        ids.decode("mer", other), key_of(pages), pages.log.clock + LINK_LIFETIME
    )

    token = services.tokens.for_dashboard(DashboardUse.LINK, holder, pages.ledger.new_id())

    assert pages.exchange(token).status == 401


def test_a_delivery_is_sent_again_by_the_button_as_the_key_that_made_the_link(
    pages: Dashboards,
) -> None:
    delivery = pages.add_delivery(pages.add_endpoint())
    pages.sign_in()
    page = f"{DELIVERIES}/{delivery.id}"

    sent = pages.press(f"{page}/redeliver", ORIGIN)

    assert (sent.status, sent.headers["location"]) == (303, f"{page}?asked=1")
    [event] = asked(pages)
    assert event.event.subject_id == delivery.subject_id
    assert event.actor == ids.encode("key", key_of(pages))
    assert "It is sent once more." in pages.open(page, "asked=1").text


@pytest.mark.parametrize("origins", FOREIGN)
def test_what_does_not_come_from_our_own_page_does_nothing(
    pages: Dashboards, origins: tuple[str, ...]
) -> None:
    delivery = pages.add_delivery(pages.add_endpoint())
    pages.sign_in()
    token = pages.link()

    sent = pages.press(f"{DELIVERIES}/{delivery.id}/redeliver", *origins)
    out = pages.press("/dashboard/sign-out", *origins)

    assert (sent.status, out.status) == (403, 403)
    assert "nothing was done" in sent.text
    assert "set-cookie" not in out.headers
    assert asked(pages) == []
    if len(origins) < 2:
        assert pages.exchange(token, origin="".join(origins)).status == 403
        assert pages.exchange(token).status == 204


def test_signing_out_deletes_the_cookie(pages: Dashboards) -> None:
    pages.sign_in()

    out = pages.press("/dashboard/sign-out", ORIGIN)

    assert (out.status, out.headers["location"]) == (303, "/dashboard")
    assert out.headers["set-cookie"].startswith("qrledger-dashboard=; Path=/; Max-Age=0;")


def test_a_link_of_the_operators_program_needs_no_key(pages: Dashboards) -> None:
    services, ledger = pages.api.services, pages.ledger
    delivery = pages.add_delivery(pages.add_endpoint())
    now, number = pages.log.clock, ledger.new_id()
    url, expires_at = operator_link(ORIGIN, services.tokens, ledger.merchant_id, number, now)

    assert expires_at - now == OPERATOR_LINK_LIFETIME
    assert pages.exchange(url.partition("#")[2]).status == 204
    pages.press(f"{DELIVERIES}/{delivery.id}/redeliver", ORIGIN)

    assert [one.actor for one in asked(pages)] == ["operator"]


@pytest.mark.parametrize(
    "query",
    ["status=sent", "first_day=2026-02-30", "last_day=today", "cursor=x", "first_day=2026-1-1"],
)
def test_a_filter_that_no_form_offers_is_a_page_that_says_so(pages: Dashboards, query: str) -> None:
    pages.sign_in()

    shown = pages.open(DELIVERIES, query)

    assert shown.status == 400
    assert "This filter is not valid" in shown.text


def test_programs_get_problem_documents(pages: Dashboards) -> None:
    shown = pages.open(accept="application/json")

    assert shown.status == 401
    assert shown.headers["content-type"] == "application/problem+json"


def test_a_page_of_the_list_leads_to_the_next_and_keeps_filter_and_language(
    pages: Dashboards,
) -> None:
    endpoint = pages.add_endpoint()
    first, *_ = [pages.add_delivery(endpoint) for _ in range(21)]
    pages.sign_in()

    newest = pages.open(DELIVERIES, f"endpoint={endpoint}&status=pending&lang=pt")
    assert newest.text.count("ps_") == 20
    assert first.subject_id not in newest.text
    older = newest.text.partition('href="/dashboard/deliveries?status=pending&amp;')[2]
    query = "status=pending&" + older.partition('"')[0].replace("&amp;", "&")
    pages.add_delivery(endpoint)
    rest = pages.open(DELIVERIES, query)

    assert 'lang="pt-BR"' in rest.text
    assert rest.text.count("ps_") == 1
    assert first.subject_id in rest.text


def test_the_exchange_is_limited_in_length_and_shape(pages: Dashboards) -> None:
    for body in (
        {"token": 7},
        {"token": "x" * 161},
        {},
        {"token": "x", "more": 1},
        {"token": "\0"},
    ):
        reply = pages.client.call("", "POST", SIGN_IN, body, headers={"origin": ORIGIN})
        assert reply.status == 400, body


def test_programs_read_the_health_of_their_own_endpoints(pages: Dashboards) -> None:
    endpoint = pages.add_endpoint()
    delivery = pages.add_delivery(endpoint)
    pages.api.services.deliveries.give_up([delivery.id], DeliveryStatus.FAILED, "answered 500")
    another_merchant(pages)
    path = f"/v1/webhook-endpoints/{endpoint}/health"

    found = pages.client.call("merchant", "GET", path)

    assert found.body == {
        "object": "webhook_endpoint_health",
        "livemode": False,
        "endpoint_id": endpoint,
        "status": "enabled",
        "failures": 0,
        "failing_since": None,
        "not_called_before": None,
        "milliseconds": None,
        "missed": {"failed": 1, "skipped": 0, "first_position": delivery.position},
    }
    assert pages.client.call("other", "GET", path).status == 404
