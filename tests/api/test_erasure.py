"""Erasure on PostgreSQL: afterwards no answer, page, list or table but the log has the texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg import sql

from infrastructure.cli import program
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from projections._runner import Runner
from projections.sessions import Sessions
from tests.faults.test_database_away import wait_for
from tests.support.api_fixture import ApiFixture, api_fixture
from tests.support.postgres import rows

pytestmark = pytest.mark.postgres
SECRET = "jane-doe"
LOG = {("ledger", "events")}
"""Where texts stay."""


@pytest.fixture(scope="module")
def api(make_ledger: Callable[[], str]) -> Iterator[ApiFixture]:
    yield from serve(make_ledger())


@pytest.fixture
def own_api(make_ledger: Callable[[], str]) -> Iterator[ApiFixture]:
    """A ledger without the webhooks of other tests, whose failures make later ones wait."""
    yield from serve(make_ledger())


def serve(url: str) -> Iterator[ApiFixture]:
    with api_fixture(url) as fixture:
        fixture.url = url
        yield fixture


def erase(api: ApiFixture, home: Path, *arguments: str) -> Result:
    environment = {"QRLEDGER_DATABASE_URL": api.url, "QRLEDGER_HOME": str(home)}
    return CliRunner().invoke(program, ["erase", *arguments], env=environment)


def pay_with_texts(
    api: ApiFixture, secret: str = SECRET
) -> tuple[dict[str, Any], str, dict[str, Any]]:
    """A session whose every text names a person: paid, and refunded in part."""
    session = api.create_session(
        order_id=f"{secret}-{uuid4()}", description=f"flowers for {secret}",
        metadata={"note": f"call {secret}", secret: "x"},
        return_url=f"https://shop.example/{secret}", callback_url=f"https://shop.example/c/{secret}",
    )  # fmt: skip
    wallet = api.open_wallet()
    claim = api.scan(session, wallet).json()["claim"]["id"]
    key = str(uuid4())
    assert api.pay(session, wallet, claim, key=key).status_code == 200
    body = {"amount": {"minor": 300, "currency": "USD"}, "reason": f"{secret} was ill"}
    path = f"/v1/payment-sessions/{session['id']}/refunds"
    refund = api.call("merchant", "POST", path, body, key=str(uuid4()))
    assert refund.status_code == 201, refund.text
    return session, wallet, refund.json()


def keep_notes(api: ApiFixture, session: dict[str, Any], secret: str) -> None:
    """What processors leave beside the log."""
    fields = json.dumps({"key": f"{session['id']}.att_x", "reason": secret})
    with psycopg.connect(api.url) as connection:
        connection.execute(
            "insert into ledger.processor_callbacks (processor, notice, sha256, fields) "
            "values ('sandbox', %s, %s, %s)",
            (str(uuid4()), bytes(32), fields),
        )


def tables_with(api: ApiFixture, text: str) -> set[tuple[str, str]]:
    """The tables of the ledger that have a text in any column of any row."""
    found = set()
    with psycopg.connect(api.url) as connection:
        names = connection.execute(
            "select schemaname, tablename from pg_tables "
            "where schemaname in ('ledger', 'read_models', 'seal')"
        ).fetchall()
        for schema, table in names:
            query = sql.SQL("select count(*) from {} t where t::text like any(%s)").format(
                sql.Identifier(schema, table)
            )
            forms = [f"%{text}%", f"%{text.encode().hex()}%"]  # bytes are shown as hexadecimal
            row = connection.execute(query, (forms,)).fetchone()
            if row and row[0]:
                found.add((schema, table))
    return found


def answers(api: ApiFixture, session: dict[str, Any], wallet: str, refund: str) -> dict[str, str]:
    """What everybody but auditors can ask of a session, by question."""
    path, token = f"/v1/payment-sessions/{session['id']}", session["checkout_url"]
    code = session["qr"]["payload"].removeprefix("http://127.0.0.1:18080")
    deliveries = api.call("merchant", "GET", "/v1/webhook-deliveries?limit=100").json()["data"]
    asked = [
        ("merchant", path), ("wallet", path), ("auditor", path), ("merchant", f"{path}/events"),
        ("merchant", f"{path}/refunds"), ("merchant", f"{path}/attempts"),
        ("merchant", f"/v1/refunds/{refund}"), ("merchant", "/v1/payment-sessions?limit=100"),
        ("merchant", "/v1/journal?limit=100"), ("wallet", f"/v1/wallets/{wallet}/payments"),
        ("", f"{path}/qr.txt"), ("", code),
        *(("merchant", f"/v1/webhook-deliveries/{one['id']}") for one in deliveries),
    ]  # fmt: skip
    found = {}
    for who, question in asked:
        answer = api.call(who, "GET", question)
        assert answer.status_code == 200, (question, answer.text)
        found[f"{who} {question}"] = answer.text
    for who, question in (("", code), ("", token.removeprefix("http://127.0.0.1:18080"))):
        found[f"page {question}"] = api.call(who, "GET", question, Accept="text/html").text
    return found


def caught_up(api: ApiFixture) -> bool:
    with psycopg.connect(api.url) as connection:
        row = connection.execute(
            "select min(position) from read_models.tracking where name = 'sessions'"
        ).fetchone()
    return row is not None and row[0] >= api.position()


def wait_for_attempt(api: ApiFixture, secret: str) -> None:
    """Wait until a webhook to the session's own address was attempted."""
    tried = "select true from ledger.webhook_attempts where strpos(url, %s) > 0"
    try:
        wait_for(lambda: rows(api.url, tried, secret), seconds=60)
    except pytest.fail.Exception:
        kept = ("process_positions", "tasks", "webhook_deliveries", "webhook_health")
        state = {table: rows(api.url, f"select * from ledger.{table}") for table in kept}
        pytest.fail(f"no attempt: {state}")


def test_after_erasure_a_text_is_nowhere_but_in_the_log(
    own_api: ApiFixture, tmp_path: Path
) -> None:
    secret = f"jane-{uuid4().hex[:8]}"
    session, wallet, refund = pay_with_texts(own_api, secret)
    keep_notes(own_api, session, secret)
    wait_for_attempt(own_api, secret)
    wait_for(lambda: caught_up(own_api))
    before = answers(own_api, session, wallet, refund["id"])

    done = erase(own_api, tmp_path, session["id"])

    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"{session['id']}  restricted, position ")
    assert "1 callbacks" in done.output
    wait_for(lambda: caught_up(own_api))
    assert sum(secret in text for text in before.values()) >= 10
    for question, text in answers(own_api, session, wallet, refund["id"]).items():
        assert secret not in text, question
    erase(own_api, tmp_path, session["id"])  # what the last webhooks have left
    assert tables_with(own_api, secret) == LOG


def test_auditors_still_see_the_sealed_bytes_and_the_past(api: ApiFixture, tmp_path: Path) -> None:
    session, _, _ = pay_with_texts(api)
    path = f"/v1/payment-sessions/{session['id']}"
    assert erase(api, tmp_path, session["id"]).exit_code == 0

    events = api.call("auditor", "GET", f"{path}/events").json()["data"]
    log = api.call("auditor", "GET", f"/v1/events?session={session['id']}&limit=100").json()["data"]
    then = api.call("auditor", "GET", f"{path}?at={session['position']}").json()

    assert events == log
    assert events[0]["data"]["description"] == f"flowers for {SECRET}"
    assert events[-1]["type"] == "payment_session.restricted"
    assert events[-1]["data"].keys() == {"timestamp"}
    assert events[-1]["actor"].startswith("cli:")
    assert then["description"] == f"flowers for {SECRET}"


def test_the_rest_of_the_session_stays(api: ApiFixture, tmp_path: Path) -> None:
    session, _, refund = pay_with_texts(api)
    path = f"/v1/payment-sessions/{session['id']}"
    before = api.call("merchant", "GET", path)
    erase(api, tmp_path, session["id"])

    after = api.call("merchant", "GET", path)

    hidden: dict[str, Any] = {"order_id": "", "description": "", "metadata": {}, "return_url": None}
    varying = {"server_time", "version", "position", "live_url", "checkout_url"}
    old = {name: value for name, value in before.json().items() if name not in varying}
    assert {k: v for k, v in after.json().items() if k not in varying} == {**old, **hidden}
    assert after.json()["merchant"]["name"] == "Cafe"
    assert after.headers["ETag"] != before.headers["ETag"]
    shown = api.call("merchant", "GET", f"/v1/refunds/{refund['id']}").json()
    assert shown == {**refund, "order_id": "", "reason": "", "position": shown["position"]}


def test_a_command_that_is_sent_again_is_answered_without_texts(
    api: ApiFixture, tmp_path: Path
) -> None:
    body = {
        "order_id": str(uuid4()), "amount": {"minor": 1000, "currency": "USD"},
        "description": f"flowers for {SECRET}",
    }  # fmt: skip
    key = str(uuid4())
    session = api.call("merchant", "POST", "/v1/payment-sessions", body, key=key).json()
    api.call("merchant", "POST", f"/v1/payment-sessions/{session['id']}/cancel", {})
    assert erase(api, tmp_path, session["id"]).exit_code == 0

    again = api.call("merchant", "POST", "/v1/payment-sessions", body, key=key)

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert again.json()["version"] == 1
    assert SECRET not in again.text


def test_refunds_and_the_order_go_on(api: ApiFixture, tmp_path: Path) -> None:
    session, _, _ = pay_with_texts(api)
    erase(api, tmp_path, session["id"])
    body = {"amount": {"minor": 100, "currency": "USD"}, "reason": f"{SECRET} again"}
    path = f"/v1/payment-sessions/{session['id']}/refunds"

    refund = api.call("merchant", "POST", path, body, key=str(uuid4()))
    order = {"order_id": session["order_id"], "amount": {"minor": 1000, "currency": "USD"}}
    second = api.call("merchant", "POST", "/v1/payment-sessions", order)

    assert (refund.status_code, refund.json()["reason"]) == (201, "")
    assert (second.status_code, second.json()["code"]) == (409, "order-paid")


def test_a_rebuilt_read_model_has_no_texts_either(api: ApiFixture, tmp_path: Path) -> None:
    session, _, _ = pay_with_texts(api)
    erase(api, tmp_path, session["id"])
    wait_for(lambda: caught_up(api))
    pool = ConnectionPool(api.url, DatabaseRole.PROJECTOR, size_max=1)
    runner = Runner(Sessions, pool.connection)

    log: Any = api.services.log
    runner.rebuild(lambda after, limit: log.page(after, limit, Sessions.topics()))

    pool.close()
    path = f"/v1/payment-sessions?order_id={session['order_id']}"
    assert api.call("merchant", "GET", path).json()["data"] == []
    assert ("read_models", "sessions") not in tables_with(api, session["order_id"])


def test_wallets_are_erased_with_what_they_paid(api: ApiFixture, tmp_path: Path) -> None:
    session, wallet, _ = pay_with_texts(api)
    with psycopg.connect(api.url) as connection:
        connection.execute(
            "insert into ledger.push_subscriptions (id, wallet_id, transport, sealed, language, amounts) "
            "values ('psh_1', %s, 'webpush', 'x', '', false)",
            (wallet,),
        )

    first = erase(api, tmp_path, wallet, "--with-payments", "--json")
    second = erase(api, tmp_path, wallet, "--with-payments", "--json")

    data = json.loads(first.output)["data"]
    assert [one["subject"] for one in data] == [wallet, session["id"]]
    assert data[0]["deleted"]["push_subscriptions"] == 1
    assert json.loads(first.output)["refused"] == []
    assert [one["position"] for one in json.loads(second.output)["data"]] == [
        one["position"] for one in data
    ]
    assert api.call("wallet", "GET", f"/v1/payment-sessions/{session['id']}").json()[
        "description"
    ] == ""  # fmt: skip


def test_what_cannot_be_erased_is_said_in_one_line(api: ApiFixture, tmp_path: Path) -> None:
    session = api.create_session()
    head = api.position()

    going_on = erase(api, tmp_path, session["id"])
    unknown = erase(api, tmp_path, "ps_01h455vb4pex5vsknk084sn02q")

    assert going_on.exit_code == 1
    assert f"The payment session {session['id']} is created" in going_on.output
    assert unknown.exit_code == 1
    for bad in ("mer_01h455vb4pex5vsknk084sn02q", "", "ps_", "wal_x", "\0", "ps_" + "7" * 1000):
        assert erase(api, tmp_path, bad).exit_code == 2
    assert erase(api, tmp_path).exit_code == 2
    assert api.position() == head
