"""A ledger made by the program of 2026-11-20 is migrated with one command and works."""

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
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest
from httpx import Response
from litestar.testing import TestClient

from application.processes.expiry import Expiry
from infrastructure import audit
from infrastructure.bootstrap.api_process import make_api
from infrastructure.bootstrap.common import read_model_versions
from infrastructure.bootstrap.worker import working
from infrastructure.opening import make_log
from infrastructure.postgres.connections import DatabaseRole
from infrastructure.postgres.migrate import check, migrations
from infrastructure.settings import Settings
from tests.support.old_ledgers import restore
from tests.support.postgres import rows

pytestmark = pytest.mark.postgres
PROGRAM = [sys.executable, "-I", "-c", "from infrastructure.cli import main; main()"]
HOME = TemporaryDirectory()
"""Of the upgraded installation; `migrate` makes its signing keys."""
STORED_STATUSES = {200, 201, 402, 410, 422}


@dataclass
class Ledger:
    """The upgraded ledger behind its API, and its facts from before the upgrade."""

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
        """Send a stored request again, with a new token for a page."""
        sent = request | changes
        who = sent["who"]
        if who == "page":
            path = f"/v1/wallets/{sent['wallet']}/tokens"
            who = self.call(sent["app"], "POST", path, "{}").json()["token"]
        return self.call(who, sent["method"], sent["path"], sent["body"], sent["key"])


def program(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    plain = {k: v for k, v in os.environ.items() if not k.startswith("QRLEDGER_")}
    return subprocess.run(
        [*PROGRAM, *words],
        env={**plain, "QRLEDGER_DATABASE_URL": url, "QRLEDGER_HOME": HOME.name},
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
    settings = Settings(home=HOME.name, rate_limit=0, port=18080, live_port=18081)
    api = make_api(settings, url)
    with TestClient(api.app) as client, working(url):
        yield Ledger(url, facts, client)


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.05)
    pytest.fail("it never came")


def same(before: Any, now: Any) -> bool:
    """Equal as JSON except for addresses, `request_id`, prose and members added since."""
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
    if isinstance(before, str) and before.startswith("/problems/"):  # absolute since
        return isinstance(now, str) and now.endswith(before)
    return type(before) is type(now) and bool(before == now)


def test_after_one_command_every_invariant_holds(make_database: Callable[[], str]) -> None:
    url = make_database()
    facts = restore(url)

    first, second = program(url, "migrate"), program(url, "migrate")
    judged = program(url, "audit", "check")

    added = [m.name for m in migrations() if m.number > 2]
    assert (first.returncode, first.stderr) == (0, "")
    assert [line for line in first.stdout.splitlines() if line.startswith("applied")] == [
        f"applied {name}" for name in added
    ]
    assert (second.returncode, second.stdout) == (0, "the test ledger is up to date\n")
    assert check(url) == "test"
    assert judged.returncode == 0, judged.stdout + judged.stderr
    top_ups = "select count(*) from ledger.events where topic = 'wallet.topped_up'"
    [(references,)] = rows(url, top_ups)  # each has a stream of its own since migration 0003
    opened = 1  # the log has its name since migration 0018
    assert judged.stdout.startswith(f"{facts['position'] + references + opened} events")


def test_timers_become_tasks_and_expiry_goes_on_at_its_position(
    make_database: Callable[[], str],
) -> None:
    url = make_database()
    restore(url)
    timers = rows(url, "select kind, key::text, due_at from ledger.due order by kind, key::text")
    query = "select name, position from ledger.process_positions"
    positions = rows(url, query)
    assert len(timers) >= 6

    assert program(url, "migrate").returncode == 0

    assert rows(url, "select process, key, due_at from ledger.tasks order by 1, 2") == timers
    [(head,)] = rows(url, "select pos from ledger.head")
    [(opened,)] = rows(url, "select notification_id from ledger.events where topic = 'log.opened'")
    assert opened == head
    begun = [("push", head - 1), ("webhooks", head - 1)]
    assert rows(url, f"{query} order by name") == [*positions, *begun]
    [(topics,)] = rows(url, "select topics from ledger.process_positions where name = 'expiry'")
    first = {"created", "paid", "expired", "cancelled"}  # the worker begins to follow the others
    assert set(topics) == {f"payment_session.{word}" for word in first} < Expiry.topics()


def test_read_models_are_rebuilt_and_equal_for_any_stored_text(
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


def test_old_timers_fire(ledger: Ledger) -> None:
    pending = [
        session
        for session in ledger.facts["sessions"].values()
        if session["answer"].get("status") in {"created", "scanned"}
    ]
    assert len(pending) >= 6

    def last_events() -> set[str]:
        last = set()
        for session in pending:
            path = f"/v1/payment-sessions/{session['id']}/events"
            last.add(ledger.call(session["who"], "GET", path).json()["data"][-1]["type"])
        return last

    wait_for(lambda: last_events() == {"payment_session.expired"})
    wait_for(lambda: rows(ledger.url, "select 1 from ledger.tasks where due_at <= now()") == [])


def test_old_keys_work_and_revoked_ones_do_not(ledger: Ledger) -> None:
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
        return status if status != 503 else None  # the lists are being rebuilt

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
    used = [r for r in ledger.facts["requests"] if r["path"].endswith("/top-ups")]
    accepted = [r for r in used if r["status"] == 201]
    assert len(accepted) >= 12

    responses = [ledger.again(r, key=f"new-{uuid4()}") for r in accepted]
    long = ledger.facts["wallets"]["long"]["id"]
    for number in range(0, ledger.facts["top_ups"], 250):
        body = {"amount": {"minor": 1, "currency": "USD"}, "reference": f"r{number}"}
        path = f"/v1/wallets/{long}/top-ups"
        responses.append(
            ledger.call("operator", "POST", path, json.dumps(body), key=f"new-{uuid4()}")
        )

    results = {(r.status_code, r.json()["code"]) for r in responses}
    assert results == {(409, "reference-used")}


def test_every_stored_request_is_replayed_with_its_response(ledger: Ledger) -> None:
    stored = [r for r in ledger.facts["requests"] if r["kept"]]
    assert {request["status"] for request in stored} == STORED_STATUSES
    assert len(stored) >= 45
    events = rows(ledger.url, "select count(*) from ledger.commands where fingerprint <> ''")

    wrong = []
    for request in stored:
        response = ledger.again(request)
        fine = (
            response.status_code == request["status"]
            and response.headers.get("idempotent-replayed") == "true"
            and same(request["answer"], response.json())
        )
        if not fine:
            wrong.append(f"{request['name']}: {request['answer']} now {response.text}")

    assert wrong == []
    assert (
        rows(ledger.url, "select count(*) from ledger.commands where fingerprint <> ''") == events
    )


def test_a_used_idempotency_key_is_refused_with_another_body(ledger: Ledger) -> None:
    requests = [r for r in ledger.facts["requests"] if r["name"].startswith("long top-up")]
    body = json.dumps({"amount": {"minor": 99, "currency": "USD"}, "reference": "other"})

    codes = [ledger.again(r, body=body).json()["code"] for r in requests]

    assert codes == ["idempotency-key-reused"] * len(requests)


def test_wallets_and_ended_sessions_read_as_before(ledger: Ledger) -> None:
    facts = ledger.facts
    ended = [
        session
        for session in facts["sessions"].values()
        if session["answer"]["status"] in {"paid", "expired", "cancelled"}
    ]
    assert {session["answer"]["status"] for session in ended} == {"paid", "expired", "cancelled"}

    for session in ended:
        now = ledger.call(session["who"], "GET", f"/v1/payment-sessions/{session['id']}")
        before = {
            k: v for k, v in session["answer"].items() if k not in {"server_time", "position"}
        }
        assert now.status_code == 200
        assert same(before, now.json()), (session["answer"], now.text)
    for name in ("poor", "other", "euro", "yen"):
        wallet = facts["wallets"][name]
        now = ledger.call(wallet["app"], "GET", f"/v1/wallets/{wallet['id']}")
        assert same(wallet["answer"], now.json()), (wallet["answer"], now.text)


def test_every_list_page_and_export_shows_the_stored_text(ledger: Ledger) -> None:
    facts = ledger.facts
    expected = {
        session["answer"]["order_id"]
        for session in facts["sessions"].values()
        if session["who"] == "merchant"
    }

    def listed() -> set[str] | None:
        path = f"/v1/payment-sessions?limit=100&at_least={facts['position']}"
        response = ledger.call("merchant", "GET", path)
        if response.status_code != 200:
            return None
        return {session["order_id"] for session in response.json()["data"]}

    assert wait_for(listed) >= expected
    for session in facts["sessions"].values():
        path = f"/v1/payment-sessions/{session['id']}"
        assert ledger.call(session["who"], "GET", path).status_code == 200
        assert ledger.call(session["who"], "GET", f"{path}/events").status_code == 200
        code = f"/q/{session['id'].removeprefix('ps_')}"  # the tokens of 2026-11-20 have expired
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


def test_the_upgraded_ledger_accepts_payments(ledger: Ledger) -> None:
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
    log = make_log(ledger.url, DatabaseRole.READER, size_max=1)
    report = audit.check(ledger.url, log, versions=read_model_versions())
    log.close()
    assert report.violations == []
