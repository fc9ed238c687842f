"""Payouts while nothing has been counted: nobody is refused for lag."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from infrastructure.bootstrap.worker import working
from tests.support.api_fixture import api_fixture
from tests.support.payouts_fixture import ask, register_destination

pytestmark = pytest.mark.postgres


def test_a_payout_that_cannot_be_decided_yet_is_503_and_succeeds_under_the_same_key_later(
    make_ledger: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, key = make_ledger(), str(uuid4())
    with api_fixture(url) as api:
        register_destination(api, api.merchants[0])
        api.create_paid_session()
        assert ask(api, 1).status_code == 201
    with api_fixture(url, projections=False) as api:
        register_destination(api, api.merchants[0])
        api.create_paid_session()
        monkeypatch.setattr("api.v1.lists.CATCH_UP_SECONDS", 0.1)
        refused = ask(api, 1000, key=key)
        with working(url):
            monkeypatch.setattr("api.v1.lists.CATCH_UP_SECONDS", 20.0)
            accepted = ask(api, 1000, key=key)
            too_much = ask(api, 1, key=str(uuid4()))

    assert (refused.status_code, refused.json()["code"]) == (503, "not-caught-up")
    assert refused.json()["transient"] is True
    assert accepted.status_code == 201, accepted.text
    assert too_much.json()["code"] == "payable-insufficient"
