"""RevokeKey: for good."""

from __future__ import annotations

from application.commands.issue_key import IssueKey
from application.commands.revoke_key import RevokeKey
from domain.merchants.api_key import ApiKey, BearerKey, Role
from tests.support.given import HOLDERS, MERCHANT, NOBODY, event, given, refused

KEY = BearerKey.make(mode="test", role=Role.MERCHANT, key_id=NOBODY, random=b"k" * 32)
ISSUE = IssueKey(key=KEY, holder_id=MERCHANT)
REVOKE = RevokeKey(key_id=KEY.key_id)


def test_a_key_is_revoked() -> None:
    scenario = given(*HOLDERS, ISSUE).when(REVOKE)

    scenario.then(event(ApiKey.Revoked, KEY.key_id))
    assert scenario.subject.revoked
    assert not scenario.subject.accepts(KEY)


def test_revoking_again_changes_nothing() -> None:
    scenario = given(*HOLDERS, ISSUE, REVOKE).when(REVOKE).then()

    assert scenario.subject.revoked


def test_an_unknown_key_is_not_found() -> None:
    given(*HOLDERS).when(REVOKE).then(refused("not-found", thing="key"))
