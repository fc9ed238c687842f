"""Payments through the sandbox with the real worker: what the payer is answered, and when."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from httpx import Response
from uuid_utils.compat import uuid7

from application.bus import Bus
from application.command import Envelope
from application.commands.set_processors import SetProcessors
from domain import ids
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.processor_rests import PostgresProcessorRests
from tests.support.api_fixture import USD_10, ApiFixture, api_fixture

pytestmark = pytest.mark.postgres
SANDBOX = {"processor": "sandbox"}
SECONDS_MAX = 30


@pytest.fixture(scope="module")
def api(make_ledger: Callable[[], str]) -> Iterator[ApiFixture]:
    url = make_ledger()
    with api_fixture(url) as api:
        api.url = url
        merchant_id = ids.decode("mer", api.merchants[0])
        enable = SetProcessors(merchant_id=merchant_id, processors=("sandbox", "psp"))
        Bus(api.services.log).send(Envelope(command=enable, command_id=uuid7(), actor="test"))
        yield api


def session_that(api: ApiFixture, behaviour: str) -> dict[str, Any]:
    return api.create_session(metadata={"sandbox": behaviour})


def start(
    api: ApiFixture, session: dict[str, Any], who: str = "merchant", **options: Any
) -> Response:
    path = f"/v1/payment-sessions/{session['id']}/attempts"
    return api.call(who, "POST", path, SANDBOX, **options)


def until(read: Callable[[], Response], is_so: Callable[[Response], bool]) -> Response:
    """Ask again until the answer is so."""
    deadline = time.monotonic() + SECONDS_MAX
    while not is_so(response := read()):
        assert time.monotonic() < deadline, response.text
    return response


def test_a_processor_that_approves_at_once_has_paid_within_the_wait(api: ApiFixture) -> None:
    session, key = session_that(api, "approves"), str(uuid4())
    start(api, session, key=key)

    paid = until(lambda: start(api, session, key=key), lambda one: one.status_code != 202)

    assert (paid.status_code, paid.json()["status"]) == (200, "paid")
    assert paid.json()["paid"]["funding"] == "processor"


def test_a_processor_that_declines_is_a_refusal(api: ApiFixture) -> None:
    session, key = session_that(api, "declines"), str(uuid4())
    start(api, session, key=key)

    declined = until(lambda: start(api, session, key=key), lambda one: one.status_code != 202)

    assert (declined.status_code, declined.json()["code"]) == (402, "payment-declined")


def test_a_processor_that_is_slow_pays_by_its_callback(api: ApiFixture) -> None:
    session, key = session_that(api, "slow"), str(uuid4())

    first = start(api, session, key=key)
    paid = until(lambda: start(api, session, key=key), lambda one: one.status_code != 202)

    assert (first.status_code, first.json()["status"]) == (202, "processing")
    assert (paid.status_code, paid.json()["status"]) == (200, "paid")


def test_a_payer_follows_the_redirect_approves_and_comes_back_to_us(api: ApiFixture) -> None:
    session = session_that(api, "redirects")
    token = session["checkout_url"].partition("token=")[2]
    start(api, session, token)
    begun = until(
        lambda: start(api, session, token), lambda one: one.json()["next_action"] is not None
    )
    page = urlsplit(begun.json()["next_action"]["url"]).path

    approved = api.client.post(
        f"{page}/approve", headers={"Accept": "text/html"}, follow_redirects=False
    )
    back = urlsplit(approved.headers["location"]).path
    paid = until(lambda: api.call("", "GET", back), lambda one: one.json()["status"] == "paid")

    assert back.startswith(f"/return/{session['id']}/")
    assert paid.json()["paid_at"]
    assert api.call("auditor", "GET", f"/v1/payment-sessions/{session['id']}").json()["paid"]


def test_a_wallet_pays_by_a_source(api: ApiFixture) -> None:
    session, wallet = session_that(api, "approves"), api.open_wallet(0)
    claim = api.scan(session, wallet).json()["claim"]["id"]
    source, key = {"processor": "sandbox", "token": f"tok_{uuid4().hex}"}, str(uuid4())

    def pay() -> Response:
        return api.pay(session, wallet, claim, key=key, source=source)

    paid = until(pay, lambda one: one.status_code != 202)

    assert (paid.status_code, paid.json()["paid"]["wallet_id"]) == (200, wallet)
    body = api.call("auditor", "GET", f"/v1/payment-sessions/{session['id']}/events").text
    assert source["token"] not in body
    attempt = paid.json()["paid"]["attempt_id"]
    until(
        lambda: api.call("", "GET", "/healthz"),
        lambda _: not api.services.notes.of(attempt).source,
    )


def test_a_processor_at_rest_is_refused_until_it_answers_again(api: ApiFixture) -> None:
    session = api.create_session(amount=USD_10)
    pool = ConnectionPool(api.url, DatabaseRole.PROJECTOR, size_max=1)
    rests = PostgresProcessorRests(pool.connection)

    rests.note("sandbox", 30)
    refused = start(api, session)
    rests.note("sandbox", 0)
    accepted = start(api, session)
    pool.close()

    assert (refused.status_code, refused.json()["code"]) == (503, "processor-unavailable")
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert accepted.status_code in {200, 202}


def test_a_processor_that_is_enabled_but_not_configured_is_unavailable(api: ApiFixture) -> None:
    session = api.create_session()
    path = f"/v1/payment-sessions/{session['id']}/attempts"

    refused = api.call("merchant", "POST", path, {"processor": "psp"})

    assert (refused.status_code, refused.json()["code"]) == (503, "processor-unavailable")
