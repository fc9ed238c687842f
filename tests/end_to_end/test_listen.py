"""`qrledger listen` and `events tail`, run as a developer runs them, beside the demo."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from domain import ids
from tests.end_to_end.test_demo_endings import member_of
from tests.end_to_end.test_program import (
    PROGRAM,
    environment,
    facts_of,
    newer_than,
    ports,
    run,
    running,
    state_of,
    wait_for,
)
from tests.support.ledger_fixture import LedgerFixture
from tests.support.receiver import Got, receiving

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(180)]
SESSIONS = 5


@contextmanager
def following(home: Path, *command: str, **settings: object) -> Iterator[subprocess.Popen[str]]:
    """A command that runs until Ctrl-C; what it writes to standard error is for people."""
    home.mkdir(exist_ok=True)
    with (home / "following.log").open("a") as log:
        process = subprocess.Popen(
            [*PROGRAM, *command], env=environment(home, **settings), stdout=subprocess.PIPE,
            stderr=log, text=True, cwd=home.parent,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def introduction(listener: subprocess.Popen[str]) -> dict[str, Any]:
    """The first line of `listen --json`."""
    assert listener.stdout is not None
    facts: dict[str, Any] = json.loads(listener.stdout.readline())
    return facts


def stop(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Ctrl-C; the status and what was printed."""
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    printed = process.stdout.read()
    return process.wait(30), printed


def pay(facts: dict[str, str], order: str) -> str:
    """Walk a session to paid; its id."""
    body = {"order_id": order, "amount": {"minor": 450, "currency": "USD"}}
    merchant = {"Authorization": f"Bearer {facts['merchant_key']}"}
    wallet = {"Authorization": f"Bearer {facts['wallet_key']}", "Idempotency-Key": order}
    with closing(httpx.Client(base_url=facts["base_url"], timeout=30)) as client:
        session = client.post("/v1/payment-sessions", json=body, headers=merchant).json()
        scan = {"payload": session["qr"]["payload"], "wallet_id": facts["wallet_id"]}
        claim = client.post("/v1/scans", json=scan, headers=wallet).json()["claim"]["id"]
        payment = {"claim_id": claim, "wallet_id": facts["wallet_id"], "amount": body["amount"]}
        path = f"/v1/payment-sessions/{session['id']}/pay"
        assert client.post(path, json=payment, headers=wallet).json()["status"] == "paid"
    return str(session["id"])


def seqs(calls: list[Got]) -> dict[str, list[int]]:
    """Which events of each session were told, in the order of the calls."""
    told: defaultdict[str, list[int]] = defaultdict(list)
    for call in calls:
        data = json.loads(call.body)["data"]
        told[data["session"]["id"]].append(data["seq"])
    return dict(told)


def test_beside_the_demo_nothing_is_missed_when_the_notifier_is_killed(home: Path) -> None:
    addresses = ports()
    with receiving() as receiver, running(home, "demo", **addresses) as demo:
        facts = facts_of(home)
        command = ["listen", "--forward-to", receiver.url, "--json"]
        with following(home, *command, **addresses) as listener:
            about, merchant = introduction(listener), facts["merchant_id"]
            paid = [pay(facts, f"before-{n}") for n in range(SESSIONS)]
            notifier = member_of(home, "notify")
            assert notifier
            os.kill(notifier, signal.SIGKILL)
            ended = demo.wait(60)
            with running(home, "demo", **addresses):
                again = wait_for(lambda: newer_than(facts, state_of(home)))
                created = run(home, "keys", "create", "merchant", "--holder", merchant)
                again["merchant_key"] = created.stdout.strip()  # the demo has registered another
                paid += [pay(again, f"after-{n}") for n in range(SESSIONS)]
                calls = wait_for(lambda: complete(receiver.calls, paid))
                status, printed = stop(listener)

    assert ended == 1
    assert about["merchant_id"] == facts["merchant_id"]
    told = seqs(calls)
    assert len(paid) == 2 * SESSIONS
    assert {session: told[session] for session in paid} == {one: [1, 2, 3] for one in paid}
    assert len({call.headers["webhook-id"] for call in calls}) == len(calls)
    for call in calls:
        Webhook(about["secret"]).verify(call.body, dict(call.headers))
    assert status == 0
    assert all(json.loads(line)["outcome"] == "delivered" for line in printed.splitlines())


def complete(calls: list[Got], paid: list[str]) -> list[Got] | None:
    """The calls, once every session that was paid has been told of to its end."""
    told = seqs(calls)
    return list(calls) if all(told.get(one, [])[-1:] == [3] for one in paid) else None


def test_a_second_run_goes_on_where_the_first_one_was_stopped(
    home: Path, database_url: str, postgres_log: Any
) -> None:
    ledger = LedgerFixture(postgres_log)
    settings = {"DATABASE_URL": database_url}
    with receiving() as receiver:
        command = ["listen", "--forward-to", receiver.url, "--merchant", ledger.merchant, "--json"]
        ledger.create_session()
        with following(home, *command, **settings) as listener:
            introduction(listener)
            ledger.create_session()
            receiver.wait_for(1)
            first = stop(listener)
        ledger.create_session()
        with following(home, *command, **settings) as listener:
            introduction(listener)
            receiver.wait_for(2)
            second = stop(listener)
        with following(home, *command, "--after", "0", **settings) as listener:
            introduction(listener)
            calls = receiver.wait_for(5)
            third = stop(listener)

    assert (first[0], second[0], third[0]) == (0, 0, 0)
    positions = [json.loads(call.body)["data"]["position"] for call in calls]
    assert positions == [positions[3], positions[4], positions[2], positions[0], positions[1]]
    assert positions[2] < positions[0] < positions[1]
    lines = [json.loads(line) for line in third[1].splitlines() if line.startswith("{")]
    assert [line["position"] for line in lines] == positions[2:]
    assert {line["outcome"] for line in lines} == {"delivered"}


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_output_is_coloured_on_a_terminal_unless_no_color_is_set(
    home: Path, database_url: str, postgres_log: Any, variables: dict[str, str], coloured: bool
) -> None:
    ledger = LedgerFixture(postgres_log)
    session = ledger.create_session()
    ours, theirs = pty.openpty()
    variables = {**environment(home, DATABASE_URL=database_url), "TERM": "xterm", **variables}
    with receiving() as receiver:
        command = ["listen", "--forward-to", receiver.url, "--merchant", ledger.merchant]
        process = subprocess.Popen(
            [*PROGRAM, *command, "--after", "0"], env=variables, stdout=theirs, stderr=theirs,
            stdin=subprocess.DEVNULL, cwd=home.parent,
        )  # fmt: skip
        os.close(theirs)
        receiver.wait_for(1)
        printed = b""
        while b" ms\r\n" not in printed:
            printed += os.read(ours, 4096)
        process.send_signal(signal.SIGTERM)
        status = process.wait(30)
        os.close(ours)

    assert (b"\x1b[32m" in printed) is coloured
    assert (b"\x1b[" in printed) is coloured
    assert b"whsec_" in printed
    assert session
    assert status == 0


def test_the_log_is_followed_without_a_gap(
    home: Path, database_url: str, postgres_log: Any
) -> None:
    ledger = LedgerFixture(postgres_log)
    for _ in range(3):
        ledger.create_session()
    command = ["events", "tail", "--after", "0", "--json"]
    with following(home, *command, DATABASE_URL=database_url) as tail:
        assert tail.stdout is not None
        first = [json.loads(tail.stdout.readline()) for _ in range(postgres_log.head())]
        session = ledger.create_session()
        ledger.send(ledger.cancel(session))
        later = [
            json.loads(tail.stdout.readline())
            for _ in range(postgres_log.head() - first[-1]["position"])
        ]
        status, rest = stop(tail)

    assert [one["position"] for one in first + later] == list(range(1, postgres_log.head() + 1))
    assert {"payment_session.created", "payment_session.cancelled"} <= {o["type"] for o in later}
    assert (status, rest) == (0, "")


def test_types_and_sessions_can_be_picked(home: Path, database_url: str, postgres_log: Any) -> None:
    ledger = LedgerFixture(postgres_log)
    ledger.send(ledger.cancel(ledger.create_session()))
    session = ledger.create_session()
    ledger.send(ledger.cancel(session))
    command = ["events", "tail", "--after", "0", "--type", "payment_session.cancelled"]
    command += ["--session", ids.encode("ps", session)]
    with following(home, *command, DATABASE_URL=database_url) as tail:
        assert tail.stdout is not None
        line = tail.stdout.readline()
        status, rest = stop(tail)

    assert "payment_session.cancelled" in line
    assert ids.encode("ps", session) in line
    assert "\x1b" not in line
    assert (status, rest) == (0, "")


@pytest.mark.parametrize("command", [["events", "tail", "--after", "0"], ["listen"]])
def test_it_ends_quietly_when_nobody_reads_its_output_any_more(
    home: Path, database_url: str, postgres_log: Any, command: list[str]
) -> None:
    ledger = LedgerFixture(postgres_log)
    with receiving() as receiver:
        if command == ["listen"]:
            command += ["--forward-to", receiver.url, "--merchant", ledger.merchant]
        with following(home, *command, DATABASE_URL=database_url) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.stdout.close()
            ledger.create_session()
            status = wait_for(process.poll)
            process.stdout = None

    assert status == 1
    assert "Traceback" not in (home / "following.log").read_text()
