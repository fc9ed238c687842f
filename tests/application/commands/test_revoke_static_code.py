"""RevokeStaticCode: a merchant ends a printed code."""

from __future__ import annotations

from dataclasses import replace

from application.commands.revoke_static_code import RevokeStaticCode
from domain.static_codes.static_code import StaticCode
from tests.application.commands.test_issue_static_code import CODE_ID, ISSUE
from tests.support.given import HOLDERS, MERCHANT, NOBODY, event, given, refused

REVOKE = RevokeStaticCode(code_id=CODE_ID, merchant_id=MERCHANT)


def test_a_code_is_revoked() -> None:
    given(*HOLDERS, ISSUE).when(REVOKE).then(event(StaticCode.Revoked, CODE_ID))


def test_a_revoked_code_stays_revoked() -> None:
    scenario = given(*HOLDERS, ISSUE, REVOKE).when(REVOKE)

    scenario.then()
    assert scenario.subject.revoked_at is not None


def test_another_merchants_code_is_not_found() -> None:
    given(*HOLDERS, ISSUE).when(replace(REVOKE, merchant_id=f"mer_{NOBODY}")).then(
        refused("not-found", thing="static code")
    )


def test_an_unknown_code_is_not_found() -> None:
    given(*HOLDERS).when(REVOKE).then(refused("not-found", thing="static code"))
