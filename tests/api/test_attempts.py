"""Attempts through a processor as the API shows them; the processor's words are sent as commands."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from uuid_utils.compat import uuid7

from application.bus import Bus
from application.command import Command, Envelope
from application.commands.accept_attempt import AcceptAttempt
from application.commands.capture_attempt import CaptureAttempt
from application.commands.decline_attempt import DeclineAttempt
from application.commands.set_processors import SetProcessors
from domain import ids
from domain.money.money import Money
from tests.support.api_fixture import USD_10, ApiFixture

pytestmark = pytest.mark.postgres
SANDBOX = {"processor": "sandbox"}
SILENT: dict[str, Any] = {"metadata": {"sandbox": "silent_for_ever"}}
"""Of a session whose processor says nothing: the tests do."""


def say(api: ApiFixture, command: Command) -> None:
    Bus(api.services.log).send(Envelope(command=command, command_id=uuid7(), actor="test"))


@pytest.fixture(autouse=True)
def enabled(api: ApiFixture) -> None:
    merchant_id = ids.decode("mer", api.merchants[0])
    say(api, SetProcessors(merchant_id=merchant_id, processors=("sandbox",)))


def path_of(session: dict[str, Any], *rest: str) -> str:
    return "/".join(["/v1/payment-sessions", session["id"], *rest])


def attempt_of(api: ApiFixture, session: dict[str, Any]) -> dict[str, Any]:
    [attempt, *_] = api.call("auditor", "GET", path_of(session, "attempts")).json()["data"]
    return {
        "session_id": ids.decode("ps", session["id"]),
        "attempt_id": ids.decode("att", attempt["id"]),
    }


def capture(api: ApiFixture, session: dict[str, Any]) -> None:
    facts: dict[str, Any] = {"reference": f"pi_{session['id']}", "money": Money(1000, "USD")}
    say(api, CaptureAttempt(**attempt_of(api, session), **facts))


def test_a_merchant_starts_an_attempt_and_lists_it(api: ApiFixture) -> None:
    session, key = api.create_session(**SILENT), str(uuid4())

    started = api.call("merchant", "POST", path_of(session, "attempts"), SANDBOX, key=key)

    assert started.status_code == 202, started.text
    assert (started.json()["status"], started.json()["next_action"]) == ("processing", None)
    say(api, AcceptAttempt(**attempt_of(api, session), reference="pi_1"))
    [attempt] = api.call("merchant", "GET", path_of(session, "attempts")).json()["data"]
    assert attempt | {"id": "", "created_at": ""} == {
        "object": "payment_attempt", "id": "", "livemode": False, "processor": "sandbox", "status": "processing",
        "amount": {**USD_10, "exponent": 2, "display": "$10.00"}, "reference": "pi_1",
        "created_at": "",
    }  # fmt: skip


def test_a_replay_answers_by_the_attempts_present_state(api: ApiFixture) -> None:
    for word, status in ((capture, 200), (None, 402)):
        session, key = api.create_session(**SILENT), str(uuid4())
        place = path_of(session, "attempts")
        assert api.call("merchant", "POST", place, SANDBOX, key=key).status_code == 202

        if word is not None:
            word(api, session)
        else:
            say(api, DeclineAttempt(**attempt_of(api, session)))
        replay = api.call("merchant", "POST", place, SANDBOX, key=key)

        assert replay.status_code == status, replay.text
        assert replay.json().get("status") in {"paid", 402}


def test_a_wallet_pays_through_a_processor_with_its_claim(api: ApiFixture) -> None:
    session, wallet = api.create_session(**SILENT), api.open_wallet()
    claim = api.scan(session, wallet).json()["claim"]["id"]

    started = api.call("wallet", "POST", path_of(session, "attempts"), SANDBOX)

    assert started.status_code == 202, started.text
    body = {"claim_id": claim, "wallet_id": wallet, "amount": USD_10}
    waiting = api.call("wallet", "POST", path_of(session, "pay"), body, key=str(uuid4()))
    assert (waiting.status_code, waiting.json()["status"]) == (202, "processing")
    capture(api, session)
    paid = api.call("wallet", "POST", path_of(session, "pay"), body, key=str(uuid4()))
    assert (paid.status_code, paid.json()["paid"]["funding"]) == (200, "processor")
    assert paid.json()["paid"]["wallet_id"] == wallet


def test_a_session_in_flight_cannot_be_cancelled(api: ApiFixture) -> None:
    session = api.create_session(**SILENT)
    api.call("merchant", "POST", path_of(session, "attempts"), SANDBOX)

    refused = api.call("merchant", "POST", path_of(session, "cancel"))

    assert (refused.status_code, refused.json()["code"]) == (409, "payment-in-flight")


def test_a_processor_that_is_not_enabled_is_refused(api: ApiFixture) -> None:
    session = api.create_session(**SILENT)

    for processor, status in (("stripe", 422), ("", 400), ("x" * 31, 400), ("a\x00", 400)):
        body = {"processor": processor}
        response = api.call("merchant", "POST", path_of(session, "attempts"), body)
        assert response.status_code == status, response.text


def test_late_money_is_accepted_once_and_flagged(api: ApiFixture) -> None:
    session = api.create_session(**SILENT)
    api.call("merchant", "POST", path_of(session, "attempts"), SANDBOX)
    say(api, DeclineAttempt(**attempt_of(api, session)))
    api.call("merchant", "POST", path_of(session, "cancel"))
    nothing = api.call("merchant", "POST", path_of(session, "accept"))
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing-to-accept")
    capture(api, session)

    first = api.call("merchant", "POST", path_of(session, "accept"))
    again = api.call("merchant", "POST", path_of(session, "accept"))

    assert (first.status_code, again.status_code) == (200, 200)
    assert (first.json()["status"], first.json()["flags"]) == ("paid", ["late"])
    listed = api.call(
        "merchant", "GET", f"/v1/payment-sessions?at_least={first.json()['position']}"
    )
    [row] = [one for one in listed.json()["data"] if one["id"] == session["id"]]
    assert (row["status"], row["flags"]) == ("paid", ["late"])


def test_the_reserved_part_of_a_balance_is_what_refunds_wait_for(api: ApiFixture) -> None:
    session = api.create_session(**SILENT)
    api.call("merchant", "POST", path_of(session, "attempts"), SANDBOX)
    capture(api, session)
    body = {"amount": {"minor": 466, "currency": "USD"}}  # 66: the processor never answers
    position = api.call("merchant", "GET", path_of(session)).json()["position"]
    [usd] = api.call("merchant", "GET", f"/v1/balance?at_least={position}").json()["data"]
    before = usd["payable"]["minor"]

    refund = api.call("merchant", "POST", path_of(session, "refunds"), body, key=str(uuid4()))

    assert (refund.status_code, refund.json()["status"]) == (201, "pending")
    place = f"/v1/balance?at_least={refund.json()['position']}"
    [usd] = api.call("merchant", "GET", place).json()["data"]
    assert (usd["payable"]["minor"], usd["reserved"]["minor"]) == (before - 466, 466)
