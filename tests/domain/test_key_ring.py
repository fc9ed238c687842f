"""Key rings: at most two active keys per holder, whoever issues them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from domain import ids
from domain.merchants.api_key import ApiKey, BearerKey, Role
from domain.merchants.errors import KeyLimit
from domain.merchants.key_ring import KeyRing
from tests.support.aggregates import Fact, fact, given

NOW = datetime(2026, 5, 1, tzinfo=UTC)
LATER = datetime(2026, 5, 2, tzinfo=UTC)
MERCHANT = ids.encode("mer", UUID(int=1))
LIMIT = KeyLimit(holder_id=MERCHANT, keys_max=2, role="merchant")


def make_key(
    number: int, role: Role = Role.MERCHANT, holder: str = MERCHANT, *, revoked: bool = False
) -> ApiKey:
    bearer = BearerKey.make(mode="test", role=role, key_id=UUID(int=number), random=b"k" * 32)
    key = ApiKey.issue(key=bearer, holder_id=holder, at=NOW)
    if revoked:
        key.revoke(at=NOW)
    return key


ONE, TWO, THREE = make_key(1), make_key(2), make_key(3)


def added(key: ApiKey, *active: ApiKey, at: datetime = NOW) -> Fact:
    return fact(
        KeyRing.KeyAdded,
        at,
        role=key.role.value,
        holder_id=key.holder_id,
        key_id=key.public_id,
        living=[one.public_id for one in (*active, key)],
    )


def open_with(key: ApiKey, *others: ApiKey) -> Callable[[None], KeyRing]:
    return lambda _: KeyRing.open(key=key, others={one.public_id: one for one in others}, at=NOW)


def add(key: ApiKey, *others: ApiKey) -> Callable[[KeyRing], None]:
    return lambda ring: ring.add(key=key, others={one.public_id: one for one in others}, at=LATER)


def test_the_first_key_starts_the_ring() -> None:
    scenario = given().when(open_with(ONE)).then(added(ONE))

    assert scenario.aggregate.id == KeyRing.stream_id(Role.MERCHANT, MERCHANT)


def test_a_second_key_is_added_and_a_third_is_refused() -> None:
    scenario = given(added(ONE)).when(add(TWO, ONE)).then(added(TWO, ONE, at=LATER))

    scenario.when(add(THREE, ONE, TWO)).then(LIMIT)

    assert scenario.aggregate.living == (ONE.public_id, TWO.public_id)


def test_a_revoked_key_makes_room_and_leaves_the_ring() -> None:
    revoked = make_key(1, revoked=True)
    ring = given(added(ONE), added(TWO, ONE))

    ring.when(add(THREE, revoked, TWO)).then(added(THREE, TWO, at=LATER))

    assert ring.aggregate.living == (TWO.public_id, THREE.public_id)


def test_keys_issued_before_key_rings_existed_count() -> None:
    revoked = make_key(4, revoked=True)

    given().when(open_with(THREE, ONE, TWO)).then(LIMIT)
    given().when(open_with(THREE, ONE, revoked)).then(added(THREE, ONE))


def test_a_key_of_the_ring_that_the_caller_does_not_pass_counts_as_active() -> None:
    given(added(ONE), added(TWO, ONE)).when(add(THREE)).then(LIMIT)


def test_keys_of_another_holder_or_role_do_not_count() -> None:
    other = ids.encode("mer", UUID(int=2))
    strangers = [make_key(5, holder=other), make_key(6, holder=other)]
    auditors = [make_key(7, Role.AUDITOR, "auditor"), make_key(8, Role.AUDITOR, "auditor")]

    given().when(open_with(ONE, *strangers, *auditors)).then(added(ONE))

    assert KeyRing.stream_id(Role.AUDITOR, "auditor") != KeyRing.stream_id(Role.OPERATOR, "auditor")
