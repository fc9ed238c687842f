"""A ledger that the program of 2026-11-20 made is migrated in one command, and all of it holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from httpx import Response
from litestar.testing import TestClient

from infrastructure import audit, bootstrap
from infrastructure.postgres.connections import DatabaseRole
from infrastructure.postgres.migrate import check, migrations
from infrastructure.settings import Settings
from tests.support.old_ledgers import restore
from tests.support.postgres import rows

pytestmark = pytest.mark.postgres
PROGRAM = [sys.executable, "-I", "-c", "from infrastructure.cli import main; main()"]
KEPT = {200, 201, 402, 410, 422}


@dataclass
class Ledger:
    """The upgraded ledger behind its API, and what was known of it before."""

    url: str
    facts: dict[str, Any]
    client: Any

    def call(
        self, who: str, method: str, path: str, body: str | None = None, key: str = ""
    ) -> Response:
        headers = {"Authorization": f"Bearer {self.facts['keys'].get(who, who)}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key:
            headers["Idempotency-Key"] = key
        response: Response = self.client.request(method, path, content=body, headers=headers)
        return response

    def again(self, request: dict[str, Any], **changes: Any) -> Response:
        """Send a stored request again; a page gets a fresh token for the same wallet."""
        asked = request | changes
        who = asked["who"]
        if who == "page":
            path = f"/v1/wallets/{asked['wallet']}/tokens"
            who = self.call(asked["app"], "POST", path, "{}").json()["token"]
        return self.call(who, asked["method"], asked["path"], asked["body"], asked["key"])


def program(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    plain = {k: v for k, v in os.environ.items() if not k.startswith("QRLEDGER_")}
    return subprocess.run(
        [*PROGRAM, *words],
        env={**plain, "QRLEDGER_DATABASE_URL": url},
        cwd=Path("/"),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture(scope="module")
def ledger(make_database: Callable[[], str]) -> Iterator[Ledger]:
    url = make_database()
    facts = restore(url)
    done = program(url, "migrate")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    settings = Settings(rate_limit=0, port=18080, live_port=18081)
    api = bootstrap.make_api(settings, url)
    with TestClient(api.app) as client, bootstrap.working(url):
        yield Ledger(url, facts, client)


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.05)
    pytest.fail("it never came")


def same(before: Any, now: Any) -> bool:
    """Equal as JSON but for addresses, `request_id`, prose and members added since."""
    if isinstance(before, dict) and isinstance(now, dict):
        return all(
            name == "request_id"
            or (name in now and (name in {"title", "detail"} or same(value, now[name])))
            for name, value in before.items()
        )
    if isinstance(before, list) and isinstance(now, list):
        return len(before) == len(now) and all(map(same, before, now))
    if isinstance(before, str) and "://" in before:
        return isinstance(now, str)
    return type(before) is type(now) and bool(before == now)


def test_one_command_and_every_invariant_holds(make_database: Callable[[], str]) -> None:
    url = make_database()
    facts = restore(url)

    first, second = program(url, "migrate"), program(url, "migrate")
    judged = program(url, "audit", "check")

    added = [one.name for one in migrations() if one.number > 2]
    assert (first.returncode, first.stderr) == (0, "")
    assert [line for line in first.stdout.splitlines() if line.startswith("applied")] == [
        f"applied {name}" for name in added
    ]
    assert (second.returncode, second.stdout) == (0, "the test ledger is up to date\n")
    assert check(url) == "test"
    assert judged.returncode == 0, judged.stdout + judged.stderr
    top_ups = "select count(*) from ledger.events where topic = 'wallet.topped_up'"
    [(references,)] = rows(url, top_ups)  # each has a stream of its own since migration 0003
    assert judged.stdout.startswith(f"{facts['position'] + references} events")


def test_read_models_are_rebuilt_and_equal_whatever_text_is_stored(
    make_database: Callable[[], str],
) -> None:
    url = make_database()
    facts = restore(url)
    assert program(url, "migrate").returncode == 0

    rebuilt = program(url, "rebuild")
    verified = program(url, "rebuild", "--verify")
    judged = program(url, "audit", "check")

    assert rebuilt.returncode == 0, rebuilt.stderr
    assert verified.returncode == 0, verified.stderr
    assert judged.returncode == 0, judged.stderr
    position = rows(url, "select min(position), max(position) from read_models.tracking")
    assert position == rows(url, "select pos, pos from ledger.head")
    assert position > [(facts["position"], facts["position"])]


def test_its_timers_fire(ledger: Ledger) -> None:
    pending = [
        one
        for one in ledger.facts["sessions"].values()
        if one["answer"].get("status") in {"created", "scanned"}
    ]
    assert len(pending) >= 6

    def last_events() -> set[str]:
        last = set()
        for one in pending:
            path = f"/v1/payment-sessions/{one['id']}/events"
            last.add(ledger.call(one["who"], "GET", path).json()["data"][-1]["type"])
        return last

    wait_for(lambda: last_events() == {"payment_session.expired"})
    wait_for(lambda: rows(ledger.url, "select 1 from ledger.due where due_at <= now()") == [])


def test_its_keys_open_and_the_revoked_ones_do_not(ledger: Ledger) -> None:
    paths = {
        "merchant": "/v1/payment-sessions",
        "wallet": f"/v1/wallets/{ledger.facts['wallets']['rich']['id']}",
        "operator": f"/v1/wallets/{ledger.facts['wallets']['rich']['id']}",
        "auditor": "/v1/events?limit=1",
    }
    other = f"/v1/wallets/{ledger.facts['wallets']['other']['id']}"

    def status_of(name: str) -> int | None:
        path = other if name == "other_wallet" else paths[name.rpartition("_")[2]]
        status = ledger.call(name, "GET", path).status_code
        return status if status != 503 else None  # the lists are being built anew

    seen = {name: wait_for(partial(status_of, name)) for name in ledger.facts["keys"]}

    assert {name for name, status in seen.items() if status == 200} == {
        "merchant", "other_merchant", "wallet", "second_wallet", "other_wallet", "auditor",
        "operator",
    }  # fmt: skip
    assert {name for name, status in seen.items() if status == 401} == {
        "revoked_merchant",
        "revoked_operator",
    }


def test_used_references_stay_refused(ledger: Ledger) -> None:
    used = [one for one in ledger.facts["requests"] if one["path"].endswith("/top-ups")]
    accepted = [one for one in used if one["status"] == 201]
    assert len(accepted) >= 12

    answers = [ledger.again(one, key=f"new-{uuid4()}") for one in accepted]
    long = ledger.facts["wallets"]["long"]["id"]
    for number in range(0, ledger.facts["top_ups"], 250):
        body = {"amount": {"minor": 1, "currency": "USD"}, "reference": f"r{number}"}
        path = f"/v1/wallets/{long}/top-ups"
        answers.append(
            ledger.call("operator", "POST", path, json.dumps(body), key=f"new-{uuid4()}")
        )

    told = {(one.status_code, one.json()["code"]) for one in answers}
    assert told == {(409, "reference-used")}


def test_every_stored_request_is_answered_again_as_before(ledger: Ledger) -> None:
    kept = [one for one in ledger.facts["requests"] if one["kept"]]
    assert {one["status"] for one in kept} == KEPT
    assert len(kept) >= 45
    events = rows(ledger.url, "select count(*) from ledger.commands where fingerprint <> ''")

    wrong = []
    for request in kept:
        answer = ledger.again(request)
        fine = (
            answer.status_code == request["status"]
            and answer.headers.get("idempotent-replayed") == "true"
            and same(request["answer"], answer.json())
        )
        if not fine:
            wrong.append(f"{request['name']}: {request['answer']} now {answer.text}")

    assert wrong == []
    assert (
        rows(ledger.url, "select count(*) from ledger.commands where fingerprint <> ''") == events
    )


def test_a_used_idempotency_key_takes_no_other_body(ledger: Ledger) -> None:
    asked = [one for one in ledger.facts["requests"] if one["name"].startswith("long top-up")]
    body = json.dumps({"amount": {"minor": 99, "currency": "USD"}, "reference": "other"})

    told = [ledger.again(one, body=body).json()["code"] for one in asked]

    assert told == ["idempotency-key-reused"] * len(asked)


def test_wallets_and_ended_sessions_read_as_before(ledger: Ledger) -> None:
    facts = ledger.facts
    ended = [
        one
        for one in facts["sessions"].values()
        if one["answer"]["status"] in {"paid", "expired", "cancelled"}
    ]
    assert {one["answer"]["status"] for one in ended} == {"paid", "expired", "cancelled"}

    for one in ended:
        now = ledger.call(one["who"], "GET", f"/v1/payment-sessions/{one['id']}")
        before = {k: v for k, v in one["answer"].items() if k not in {"server_time", "position"}}
        assert now.status_code == 200
        assert same(before, now.json()), (one["answer"], now.text)
    for name in ("poor", "other", "euro", "yen"):
        wallet = facts["wallets"][name]
        now = ledger.call(wallet["app"], "GET", f"/v1/wallets/{wallet['id']}")
        assert same(wallet["answer"], now.json()), (wallet["answer"], now.text)


def test_every_list_page_and_export_takes_the_stored_text(ledger: Ledger) -> None:
    facts = ledger.facts
    wanted = {
        one["answer"]["order_id"] for one in facts["sessions"].values() if one["who"] == "merchant"
    }

    def listed() -> set[str] | None:
        path = f"/v1/payment-sessions?limit=100&at_least={facts['position']}"
        answer = ledger.call("merchant", "GET", path)
        if answer.status_code != 200:
            return None
        return {one["order_id"] for one in answer.json()["data"]}

    assert wait_for(listed) >= wanted
    for one in facts["sessions"].values():
        path = f"/v1/payment-sessions/{one['id']}"
        assert ledger.call(one["who"], "GET", path).status_code == 200
        assert ledger.call(one["who"], "GET", f"{path}/events").status_code == 200
        code = f"/q/{one['id'].removeprefix('ps_')}"  # the tokens of 2026-11-20 have expired
        page = ledger.client.get(code, headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert ledger.client.get(f"{path}/qr.svg").status_code == 200
    seen, path = 0, "/v1/events?limit=100"
    while path:
        page = ledger.call("auditor", "GET", path).json()
        seen += len(page["data"])
        cursor = page.get("next_cursor") if page["data"] else None
        path = f"/v1/events?limit=100&cursor={cursor}" if cursor else ""
    assert seen >= facts["position"]
    assert wait_for(lambda: ledger.client.get("/readyz").status_code == 200)


def test_it_goes_on_taking_payments(ledger: Ledger) -> None:
    wallet = ledger.facts["wallets"]["rich"]
    key = str(uuid4())
    amount = {"minor": 1, "currency": "USD"}
    body = json.dumps({"order_id": key, "amount": amount})
    session = ledger.call("merchant", "POST", "/v1/payment-sessions", body).json()
    scan = json.dumps({"payload": session["qr"]["payload"], "wallet_id": wallet["id"]})
    claim = ledger.call(wallet["app"], "POST", "/v1/scans", scan).json()["claim"]["id"]
    pay = json.dumps({"claim_id": claim, "wallet_id": wallet["id"], "amount": amount})
    path = f"/v1/payment-sessions/{session['id']}/pay"

    paid = ledger.call(wallet["app"], "POST", path, pay, key)

    assert (paid.status_code, paid.json()["status"]) == (200, "paid")
    log = bootstrap.make_log(ledger.url, DatabaseRole.READER, size_max=1)
    report = audit.check(ledger.url, log)
    log.close()
    assert report.violations == []
