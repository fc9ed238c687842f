"""Two keys of one holder live at a time: the ring decides, whoever asks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from uuid_utils.compat import uuid7

from domain import ids
from domain.errors import InvalidRequest
from domain.merchants.api_key import ApiKey, BearerKey, Role
from domain.merchants.errors import KeyLimit
from domain.merchants.key_ring import KeyRing
from domain.merchants.merchant import Merchant
from domain.wallets.wallet_app import WalletApp

NOW = datetime(2026, 5, 1, tzinfo=UTC)
MERCHANT = ids.encode("mer", uuid7())


def a_key(role: Role = Role.MERCHANT, holder: str = MERCHANT, *, revoked: bool = False) -> ApiKey:
    bearer = BearerKey.make(mode="test", role=role, key_id=uuid7(), random=b"k" * 32)
    key = ApiKey.issue(key=bearer, holder_id=holder, at=NOW)
    if revoked:
        key.revoke(at=NOW)
    return key


def by_id(*keys: ApiKey) -> dict[str, ApiKey]:
    return {key.public_id: key for key in keys}


def test_two_keys_may_live_and_a_third_may_not() -> None:
    one, two, three = a_key(), a_key(), a_key()
    ring = KeyRing.open(key=one, others={}, at=NOW)
    ring.add(key=two, others=by_id(one), at=NOW)

    with pytest.raises(KeyLimit) as refused:
        ring.add(key=three, others=by_id(one, two), at=NOW)

    assert refused.value.facts == {"holder_id": MERCHANT, "keys_max": 2, "role": "merchant"}
    assert ring.living == (one.public_id, two.public_id)
    assert len(ring.pending_events) == 2


def test_a_revoked_key_makes_room_and_is_forgotten() -> None:
    one, two, three = a_key(), a_key(), a_key()
    ring = KeyRing.open(key=one, others={}, at=NOW)
    ring.add(key=two, others=by_id(one), at=NOW)
    one.revoke(at=NOW)

    ring.add(key=three, others=by_id(one, two), at=NOW)

    assert ring.living == (two.public_id, three.public_id)


def test_keys_from_before_there_were_rings_count() -> None:
    with pytest.raises(KeyLimit):
        KeyRing.open(key=a_key(), others=by_id(a_key(), a_key()), at=NOW)

    ring = KeyRing.open(key=a_key(), others=by_id(old := a_key(), a_key(revoked=True)), at=NOW)

    assert old.public_id in ring.living
    assert len(ring.living) == 2


def test_a_key_of_the_ring_that_the_caller_leaves_out_counts_as_living() -> None:
    ring = KeyRing.open(key=a_key(), others={}, at=NOW)
    ring.add(key=a_key(), others={}, at=NOW)

    with pytest.raises(KeyLimit):
        ring.add(key=a_key(), others={}, at=NOW)


def test_another_holders_keys_and_another_roles_do_not_count() -> None:
    strangers = [a_key(holder=ids.encode("mer", uuid7())) for _ in range(2)]
    auditors = [a_key(Role.AUDITOR, "auditor") for _ in range(2)]

    ring = KeyRing.open(key=a_key(), others=by_id(*strangers, *auditors), at=NOW)

    assert len(ring.living) == 1
    assert KeyRing.stream_id(Role.AUDITOR, "auditor") != KeyRing.stream_id(Role.OPERATOR, "auditor")


@pytest.mark.parametrize(
    ("role", "holder"),
    [
        (Role.MERCHANT, ""),
        (Role.MERCHANT, ids.encode("app", uuid7())),
        (Role.WALLET, MERCHANT),
        (Role.WALLET, "app_x"),
        (Role.AUDITOR, MERCHANT),
        (Role.OPERATOR, ""),
    ],
    ids=range(6),
)
def test_a_key_is_given_to_a_holder_of_its_role_only(role: Role, holder: str) -> None:
    with pytest.raises(InvalidRequest):
        a_key(role, holder)


@pytest.mark.parametrize("name", ["", "x" * 81, "two\nlines"])
def test_holders_have_names_that_fit_a_screen(name: str) -> None:
    with pytest.raises(InvalidRequest):
        Merchant.register(merchant_id=uuid7(), name=name, return_hosts=(), at=NOW)
    with pytest.raises(InvalidRequest):
        WalletApp.register(wallet_app_id=uuid7(), name=name, at=NOW)


@pytest.mark.parametrize(
    "hosts", [("h",) * 21, ("",), ("shop.example/path",), ("höst.example",), ("x" * 254,)]
)
def test_a_merchant_has_at_most_twenty_plain_hosts(hosts: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequest):
        Merchant.register(merchant_id=uuid7(), name="Cafe", return_hosts=hosts, at=NOW)
    name = Merchant.register(
        merchant_id=uuid7(), name="x" * 80, return_hosts=("Shop.Example",) * 20, at=NOW
    )
    assert name.return_hosts == ("shop.example",) * 20
