"""Push on PostgreSQL with a real push service on this machine: subscribed, paid, sent, ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infrastructure.database import make_push_key
from infrastructure.home_keys import BadKeyFile
from infrastructure.push.keys import FILE
from tests.faults.test_database_away import wait_for
from tests.infrastructure.test_web_push import answering
from tests.support.api_fixture import ApiFixture, api_fixture
from tests.support.memory_push import Browser
from tests.support.postgres import rows
from tests.support.receiver import receiving

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def api(make_ledger: Callable[[], str]) -> Iterator[ApiFixture]:
    """A ledger that may call this machine."""
    with api_fixture(url := make_ledger(), webhook_loopback=True) as api:
        api.url = url
        yield api


def pay(api: ApiFixture, wallet: str) -> str:
    session = api.create_session()
    claim = api.scan(session, wallet).json()["claim"]["id"]
    assert api.pay(session, wallet, claim).status_code == 200
    return str(session["id"])


def test_a_payment_reaches_the_device_and_410_ends_the_subscription(api: ApiFixture) -> None:
    browser, wallet = Browser(), api.open_wallet()
    with receiving(answering(201)) as service:
        body = {"transport": "webpush", **browser.subscription(f"{service.url}/a"), "amounts": True}
        path = f"/v1/wallets/{wallet}/push-subscriptions"
        assert api.call("wallet", "POST", path, body).status_code == 201

        first = pay(api, wallet)
        [call] = service.wait_for(1)
        service.answer = answering(410)
        pay(api, wallet)
        service.wait_for(2)
        query = "select count(*) from ledger.push_subscriptions"
        wait_for(lambda: rows(api.url, query) == [(0,)])
        pay(api, wallet)

    message = json.loads(browser.decrypt(call.body))
    assert (message["type"], message["session"]) == ("payment_session.paid", first)
    assert "$10.00" in message["body"]
    key = api.call("", "GET", "/v1/push-key").json()["public_key"]
    assert call.headers["authorization"].endswith(f", k={key}")
    assert len(service.calls) == 2


def test_the_key_is_made_once_and_readable_by_its_owner_only(api: ApiFixture) -> None:
    file = Path(api.settings.home) / FILE
    before = file.read_bytes()

    assert not make_push_key(api.settings)

    assert file.stat().st_mode & 0o777 == 0o600
    assert len(before) == 32
    assert file.read_bytes() == before
    file.chmod(0o644)
    with pytest.raises(BadKeyFile):
        make_push_key(api.settings)
    file.chmod(0o600)
