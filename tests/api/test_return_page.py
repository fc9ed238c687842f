"""The page that payers come back to from a processor, and where it sends them."""

from __future__ import annotations

from typing import Any

import pytest

from api.tokens import Use
from application.commands.capture_attempt import CaptureAttempt
from application.commands.decline_attempt import DeclineAttempt
from application.commands.void_attempt import VoidAttempt
from domain import ids
from domain.money.money import Money
from tests.support.shop import Shop, shop

__all__ = ["shop"]
HTML = {"accept": "text/html"}
SHOP_URL = "https://shop.example/thanks?order=1"


def return_token(shop: Shop) -> str:
    session = shop.session
    return shop.api.services.tokens.for_session(Use.RETURN, session.id, session.expires_at)


def test_the_return_page_reads_the_state_and_believes_no_query(shop: Shop) -> None:
    shop.start(shop.checkout_token)
    path = f"/return/{shop.id}/{return_token(shop)}"
    says = "redirect_status=succeeded&status=paid&redirect_status=x&payment_intent=pi_1"

    waiting = shop.call("", "GET", path, query=says)
    shop.capture()
    paid = shop.call("", "GET", path, query="redirect_status=failed")

    assert (waiting.status, waiting.body["status"]) == (200, "processing")
    assert (paid.status, paid.body["status"]) == (200, "paid")
    assert "return_url" in paid.body


def test_a_browser_goes_on_to_the_payers_own_page(shop: Shop) -> None:
    path, html = f"/return/{shop.id}/{return_token(shop)}", {"accept": "text/html"}
    checkout = f"/checkout/{shop.id}?token={shop.checkout_token}"

    back = shop.call("", "GET", path, headers=html)
    assert (back.status, back.headers["location"]) == (303, checkout)

    shop.claim()
    shop.start("wallet")
    back = shop.call("", "GET", path, headers=html)
    assert (back.status, back.headers["location"]) == (
        303, f"/q/{ids.encode_suffix(shop.session.id)}",
    )  # fmt: skip


def test_the_return_page_has_a_token_of_its_own(shop: Shop) -> None:
    other = ids.encode("ps", shop.ledger.new_id())

    for path in (
        f"/return/{shop.id}/{shop.checkout_token}",
        f"/return/{shop.id}/x",
        f"/return/{other}/{return_token(shop)}",
    ):
        assert shop.call("", "GET", path).status == 401, path
    checkout = f"/checkout/{shop.id}"
    assert shop.call("", "GET", checkout, query=f"token={return_token(shop)}").status == 401


def with_return_url(shop: Shop) -> None:
    shop.api.session_id = ids.encode("ps", shop.ledger.create_session(return_url=SHOP_URL))
    shop.start(shop.checkout_token)


def come_back(shop: Shop, query: str = "", **headers: str) -> Any:
    path = f"/return/{shop.id}/{return_token(shop)}"
    return shop.call("", "GET", path, headers={**HTML, **headers}, query=query)


def checkout_of(shop: Shop) -> str:
    return f"/checkout/{shop.id}?token={shop.checkout_token}"


@pytest.mark.parametrize("query", ["", "redirect_status=failed", "return_url=https://evil.example"])
def test_a_browser_is_sent_to_the_merchant_once_the_session_has_ended(
    shop: Shop, query: str
) -> None:
    with_return_url(shop)
    waiting = come_back(shop, query)
    shop.capture()
    paid = come_back(shop, query)

    assert (waiting.status, waiting.headers["location"]) == (303, checkout_of(shop))
    assert (paid.status, paid.headers["location"]) == (303, SHOP_URL)


def test_a_browser_is_sent_to_the_merchant_after_the_deadline(shop: Shop) -> None:
    with_return_url(shop)
    shop.ledger.log.advance(901)
    assert come_back(shop).headers["location"] == checkout_of(shop)
    shop.ledger.send(VoidAttempt(**shop.about()))

    assert come_back(shop).headers["location"] == SHOP_URL


def test_a_payer_who_can_pay_again_or_gets_money_back_is_told_on_the_screen(shop: Shop) -> None:
    with_return_url(shop)
    shop.ledger.send(DeclineAttempt(**shop.about()))
    assert come_back(shop).headers["location"] == checkout_of(shop)

    shop.start(shop.checkout_token)
    more = Money(shop.session.amount.minor + 1, "USD")
    shop.ledger.send(CaptureAttempt(reference="r-1", money=more, **shop.about()))

    assert shop.session.status == "paid"
    assert come_back(shop).headers["location"] == checkout_of(shop)


def test_the_screen_has_a_link_to_the_merchant_in_every_state_and_asks_by_the_return_page(
    shop: Shop,
) -> None:
    with_return_url(shop)
    query, path = f"token={shop.checkout_token}", f"/checkout/{shop.id}"

    def page() -> str:
        return str(shop.call("", "GET", path, query=query, headers=HTML).body)

    link, asks = f'href="{SHOP_URL}"', f'href="/return/{shop.id}/{return_token(shop)}"'
    processing = page()
    shop.capture()
    paid = page()

    assert (link in processing, asks in processing) == (True, True)
    assert (link in paid, asks in paid) == (True, False)
