"""API keys: their text, their holders, and their revocation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given as every
from hypothesis import strategies as st

from domain import ids
from domain.errors import InvalidRequest
from domain.merchants.api_key import ApiKey, BearerKey, Role
from tests.support.aggregates import STREAM, Fact, fact, fold, given

NOW = datetime(2026, 5, 1, tzinfo=UTC)
LATER = datetime(2026, 5, 2, tzinfo=UTC)
MERCHANT = ids.encode("mer", UUID(int=1))
APP = ids.encode("app", UUID(int=1))


def make_bearer(role: Role = Role.MERCHANT) -> BearerKey:
    return BearerKey.make(mode="test", role=role, key_id=STREAM, random=b"k" * 32)


def issue(role: Role, holder: str) -> Callable[[None], ApiKey]:
    return lambda _: ApiKey.issue(key=make_bearer(role), holder_id=holder, at=NOW)


def issued(role: Role, holder: str) -> Fact:
    hash_ = make_bearer(role).secret_hash
    fields = {"role": role.value, "holder_id": holder, "mode": "test", "secret_hash": hash_}
    return fact(ApiKey.Issued, NOW, **fields)


ISSUED, REVOKED = issued(Role.MERCHANT, MERCHANT), fact(ApiKey.Revoked, LATER)
HOLDERS = [
    (Role.MERCHANT, MERCHANT),
    (Role.WALLET, APP),
    (Role.AUDITOR, "auditor"),
    (Role.OPERATOR, "operator"),
]


@pytest.mark.parametrize(("role", "holder"), HOLDERS)
def test_a_key_is_issued_to_a_holder_of_its_role_without_its_secret(
    role: Role, holder: str
) -> None:
    scenario = given().when(issue(role, holder)).then(issued(role, holder))

    assert scenario.aggregate.public_id == ids.encode("key", STREAM)
    assert make_bearer(role).secret not in str(vars(scenario.aggregate))


@pytest.mark.parametrize(
    ("role", "holder"),
    [
        (Role.MERCHANT, ""),
        (Role.MERCHANT, APP),
        (Role.WALLET, MERCHANT),
        (Role.WALLET, "app_x"),
        (Role.AUDITOR, MERCHANT),
        (Role.OPERATOR, ""),
    ],
)
def test_a_holder_that_does_not_fit_the_role_is_refused(role: Role, holder: str) -> None:
    reason = f"is not valid for a key with the role {role}"

    given().when(issue(role, holder)).then(InvalidRequest.of("holder", reason))


def test_a_key_is_revoked_once_and_then_accepts_nothing() -> None:
    assert fold(ISSUED).accepts(make_bearer())

    scenario = given(ISSUED).when(lambda key: key.revoke(at=LATER)).then(REVOKED)

    assert not scenario.aggregate.accepts(make_bearer())
    scenario.when(lambda key: key.revoke(at=LATER)).then()


def test_a_key_accepts_its_own_secret_role_and_mode_only() -> None:
    key = fold(ISSUED)

    assert not key.accepts(replace(make_bearer(), secret="x" * 59))
    assert not key.accepts(replace(make_bearer(), role=Role.WALLET))
    assert not key.accepts(replace(make_bearer(), mode="live"))


@every(st.uuids(), st.binary(min_size=32, max_size=32), st.sampled_from(Role))
def test_keys_are_parsed_and_a_mistyped_one_is_not(key_id: UUID, random: bytes, role: Role) -> None:
    key = BearerKey.make(mode="test", role=role, key_id=key_id, random=random)

    assert BearerKey.parse(key.text) == key
    assert key.secret not in repr(key)
    wrong = key.text[:-1] + ("0" if key.text[-1] != "0" else "1")
    with pytest.raises(ValueError, match="mistyped"):
        BearerKey.parse(wrong)


@every(st.text(max_size=200))
def test_no_other_text_is_a_key(text: str) -> None:
    with pytest.raises(ValueError, match="API key"):
        BearerKey.parse(text)
