"""Merchants: their names, and the hosts their payers may return to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from domain import ids
from domain.errors import InvalidRequest
from domain.merchants.merchant import Merchant
from tests.support.aggregates import STREAM, fact, fold, given

NOW = datetime(2026, 5, 1, tzinfo=UTC)
CHARACTERS = "must have 1 to 80 characters"
REGISTERED = fact(Merchant.Registered, NOW, name="Cafe", return_hosts=["shop.example"])


def register(name: str = "Cafe", hosts: tuple[str, ...] = ()) -> Callable[[None], Merchant]:
    return lambda _: Merchant.register(merchant_id=STREAM, name=name, return_hosts=hosts, at=NOW)


def test_a_merchant_is_registered_with_its_hosts_in_lower_case() -> None:
    scenario = given().when(register(hosts=("Shop.Example",))).then(REGISTERED)

    assert scenario.aggregate.public_id == ids.encode("mer", STREAM)


def test_names_and_hosts_at_their_limits_are_accepted() -> None:
    hosts = ("x" * 253,) * 20

    given().when(register("x" * 80, hosts)).then(
        fact(Merchant.Registered, NOW, name="x" * 80, return_hosts=list(hosts))
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [("", CHARACTERS), ("x" * 81, CHARACTERS), ("two\nlines", "may not contain the character U+000A")],
)  # fmt: skip
def test_an_unacceptable_name_is_refused_before_the_hosts(name: str, reason: str) -> None:
    given().when(register(name, ("",))).then(InvalidRequest.of("name", reason))


@pytest.mark.parametrize("host", ["", "shop.example/path", "höst.example", "x" * 254])
def test_only_plain_host_names_are_registered(host: str) -> None:
    given().when(register(hosts=("shop.example", host))).then(
        InvalidRequest.of("return_hosts", f"{host!r} is not a host name")
    )


def test_at_most_twenty_hosts_are_registered() -> None:
    given().when(register(hosts=("h",) * 21)).then(
        InvalidRequest.of("return_hosts", "may have at most 20 entries")
    )


@pytest.mark.parametrize(
    "url",
    ["http://shop.example/", "https://evil.example/", "https://shop.example@evil.example/",
     "https://evil.example\\@shop.example/", "https://shop.example:8443/", "https://",
     "javascript:alert(1)", "https://[::1", "//shop.example/"],
)  # fmt: skip
def test_payers_return_to_registered_hosts_only(url: str) -> None:
    merchant = fold(REGISTERED)

    merchant.check_return_url("https://SHOP.example/thanks?order=1")
    with pytest.raises(InvalidRequest, match="return_url"):
        merchant.check_return_url(url)


def test_every_address_on_another_host_is_named() -> None:
    merchant = fold(REGISTERED)
    good, http, other = "https://shop.example/", "http://shop.example/", "https://evil.example/"

    merchant.check_urls({"return_url": good, "callback_url": None})
    with pytest.raises(InvalidRequest) as refusal:
        merchant.check_urls({"return_url": http, "callback_url": other})

    assert refusal.value.facts["invalid_params"] == [
        {"name": "return_url", "reason": "must be an https URL"},
        {"name": "callback_url", "reason": "evil.example is not a registered return host"},
    ]
