"""The static code as an aggregate, and the sessions that a wallet opens by it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domain import ids
from domain.errors import InvalidRequest
from domain.money.money import AMOUNT_MINOR_MAX, Money
from domain.qr.errors import Cause, InvalidQr
from domain.sessions.errors import AmountMismatch
from domain.static_codes.code_sessions import CodeSessions
from domain.static_codes.errors import AmountOutsideLimits
from domain.static_codes.static_code import StaticCode
from domain.static_codes.terms import Terms
from tests.support.aggregates import STREAM, fact, given
from tests.support.memory_log import START

LATER = START + timedelta(seconds=5)
CODE, MERCHANT = ids.encode("sc", STREAM), ids.encode("mer", STREAM)
FIELDS: dict[str, Any] = {
    "merchant_id": MERCHANT, "merchant_name": "Cafe", "currency": "KWD", "exponent": 3,
    "amount_minor": None, "min_minor": 5, "max_minor": 90, "label": "Till 3", "key_id": "K1",
    "payloads": {"url": "X"},
}  # fmt: skip
ISSUED = fact(StaticCode.Issued, START, **FIELDS)
REVOKED = fact(StaticCode.Revoked, START)
OPEN = Terms(currency="KWD", min_minor=5, max_minor=90)
FIXED = Terms(currency="KWD", amount_minor=50)


def issue(label: str = "Till 3", terms: Terms = OPEN) -> StaticCode:
    return StaticCode.issue(
        code_id=STREAM, merchant_id=MERCHANT, merchant_name="Cafe", terms=terms, label=label,
        key_id="K1", payloads={"url": "X"}, at=START,
    )  # fmt: skip


def test_a_code_is_issued_with_its_terms_and_texts() -> None:
    scenario = given().when(lambda _: issue())

    scenario.then(ISSUED)
    assert scenario.aggregate.terms == OPEN
    assert scenario.aggregate.public_id == CODE


def test_a_fixed_amount_is_stated() -> None:
    fixed = {**FIELDS, "amount_minor": 50, "min_minor": None, "max_minor": None}

    given().when(lambda _: issue(terms=FIXED)).then(fact(StaticCode.Issued, START, **fixed))


@pytest.mark.parametrize("label", ["x" * 81, "a\x00b", "a\nb", "\ud800"])
def test_a_label_that_cannot_be_stored_is_refused(label: str) -> None:
    with pytest.raises(InvalidRequest, match="label"):
        issue(label)


def test_a_code_is_revoked_once() -> None:
    given(ISSUED).when(lambda code: code.revoke(at=LATER)).then(fact(StaticCode.Revoked, LATER))
    given(ISSUED, REVOKED).when(lambda code: code.revoke(at=LATER)).then()


def test_a_revoked_code_opens_nothing() -> None:
    given(ISSUED).when(lambda code: code.check_active()).then()
    given(ISSUED, REVOKED).when(lambda code: code.check_active()).then(
        InvalidQr(cause=Cause.REVOKED_CODE, reason="the merchant has revoked it", offset=0)
    )


# What may be paid.


@pytest.mark.parametrize("minor", [5, 6, 89, 90])
def test_an_amount_within_the_limits_is_the_price(minor: int) -> None:
    assert OPEN.price(Money(minor, "KWD"), CODE) == Money(minor, "KWD")


@pytest.mark.parametrize("offered", [Money(4, "KWD"), Money(91, "KWD"), Money(50, "USD")])
def test_an_amount_outside_the_limits_is_refused_with_them(offered: Money) -> None:
    with pytest.raises(AmountOutsideLimits) as refused:
        OPEN.price(offered, CODE)

    assert refused.value.facts == {
        "static_code_id": CODE, "currency": "KWD", "min_minor": 5, "max_minor": 90,
        "offered_minor": offered.minor, "offered_currency": offered.currency,
    }  # fmt: skip


@pytest.mark.parametrize("minor", [1, AMOUNT_MINOR_MAX])
def test_without_limits_any_amount_may_be_paid(minor: int) -> None:
    assert Terms(currency="USD").price(Money(minor, "USD"), CODE) == Money(minor, "USD")


def test_an_open_amount_must_be_entered() -> None:
    with pytest.raises(InvalidRequest, match="amount"):
        OPEN.price(None, CODE)


@pytest.mark.parametrize("offered", [None, Money(50, "KWD")])
def test_a_fixed_amount_is_the_price(offered: Money | None) -> None:
    assert FIXED.price(offered, CODE) == Money(50, "KWD")


@pytest.mark.parametrize("offered", [Money(49, "KWD"), Money(50, "USD")])
def test_another_amount_than_the_fixed_one_is_refused(offered: Money) -> None:
    with pytest.raises(AmountMismatch) as refused:
        FIXED.price(offered, CODE)

    assert refused.value.facts == {
        "static_code_id": CODE, "asked_minor": 50, "asked_currency": "KWD",
        "offered_minor": offered.minor, "offered_currency": offered.currency,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "amounts"),
    [
        ("currency", {"currency": "HRK"}),
        ("amount.currency", {"amount": Money(5, "EUR")}),
        ("min.currency", {"minimum": Money(5, "EUR")}),
        ("max.currency", {"maximum": Money(5, "EUR")}),
        ("amount.minor", {"amount": Money(0, "USD")}),
        ("min.minor", {"minimum": Money(-1, "USD")}),
        ("max.minor", {"maximum": Money(AMOUNT_MINOR_MAX + 1, "USD")}),
        ("amount", {"amount": Money(5, "USD"), "minimum": Money(5, "USD")}),
        ("amount", {"amount": Money(5, "USD"), "maximum": Money(5, "USD")}),
        ("min", {"minimum": Money(6, "USD"), "maximum": Money(5, "USD")}),
    ],
)
def test_terms_that_contradict_themselves_are_refused_by_name(
    name: str, amounts: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Terms.of(**{"currency": "USD", **amounts})

    params: Any = refused.value.facts["invalid_params"]
    assert [param["name"] for param in params] == [name]


# The sessions of a wallet.

WALLET_ID = UUID("01890a5d-ac96-774b-bcce-b302099a8058")
SESSIONS = {"static_code_id": CODE, "wallet_id": ids.encode("wal", WALLET_ID)}
FIRST = fact(CodeSessions.Opened, START, session_id="ps_1", **SESSIONS)


def test_the_first_session_starts_the_stream() -> None:
    scenario = given().when(
        lambda _: CodeSessions.start(
            code_id=STREAM, wallet_id=WALLET_ID, session_id="ps_1", at=START
        )
    )

    scenario.then(FIRST)
    assert scenario.aggregate.id == CodeSessions.stream_id(STREAM, WALLET_ID)


def test_the_next_session_continues_it() -> None:
    scenario = given(FIRST).when(lambda sessions: sessions.open("ps_2", at=LATER))

    scenario.then(fact(CodeSessions.Opened, LATER, session_id="ps_2", **SESSIONS))
    assert scenario.aggregate.session_id == "ps_2"


def test_each_wallet_and_each_code_has_a_stream_of_its_own() -> None:
    assert CodeSessions.stream_id(STREAM, WALLET_ID) != CodeSessions.stream_id(WALLET_ID, STREAM)
