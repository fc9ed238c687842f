"""End-to-end tests of the program's commands, run as its users run them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.sync.client import connect

from domain import times
from domain.audit import policy as policies
from domain.audit import receipt as receipts
from domain.audit import vkey
from infrastructure.cli import _demo_network
from tests.support.api_fixture import free_port
from tests.support.postgres import TestClock, rows

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(180)]
PROGRAM = [sys.executable, "-I", "-c", "from infrastructure.cli import main; main()"]


def environment(home: Path, **settings: object) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("QRLEDGER_")}
    ours = {"QRLEDGER_HOME": str(home), **{f"QRLEDGER_{k}": str(v) for k, v in settings.items()}}
    return {**inherited, **ours}


def run(home: Path, *arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        env=environment(home, **settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=home.parent,
    )


@contextmanager
def running(home: Path, *arguments: str, **settings: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*PROGRAM, *arguments],
        env=environment(home, **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=home.parent,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
        if process.stdout:
            process.stdout.close()


@pytest.fixture
def http() -> Iterator[Callable[[str], httpx.Client]]:
    """Makes HTTP clients and closes them after the test."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(httpx.Client(base_url=url, timeout=30))


Http = Callable[[str], httpx.Client]


def ports() -> dict[str, object]:
    return {"PORT": free_port(), "LIVE_PORT": free_port()}


def wait_for(condition: Callable[[], Any], seconds: float = 40) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if result := condition():
                return result
        except (httpx.TransportError, json.JSONDecodeError):
            pass
        time.sleep(0.05)
    pytest.fail(f"the condition was not met within {seconds:.0f} s")


def state_of(home: Path) -> dict[str, str] | None:
    """The contents of demo.json, or None before the demo has written it."""
    try:
        facts: dict[str, str] = json.loads((home / "demo.json").read_text())
    except FileNotFoundError:
        return None
    return facts


def facts_of(home: Path) -> dict[str, str]:
    facts: dict[str, str] = wait_for(lambda: state_of(home))
    return facts


def servers_of(home: Path) -> list[str]:
    """Command lines of the PostgreSQL processes of a home, read from /proc."""
    servers = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # the process has ended
            command = (
                (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            )
            if str(home) in command and "postgres" in command:
                servers.append(command)
    return servers


def test_demo_once_completes_a_payment_and_leaves_no_process_behind(home: Path) -> None:
    completed = run(home, "demo", "--once", **ports())

    assert completed.returncode == 0, completed.stderr
    assert "is paid" in completed.stdout
    assert "Corner Cafe's balance: $" in completed.stdout
    assert "Corner Cafe, $123.45" in completed.stdout
    assert completed.stdout.count("curl -s") == 4
    assert "█" in completed.stdout
    assert (home / "demo.json").stat().st_mode & 0o777 == 0o600
    assert servers_of(home) == []
    assert not (home / "postgres" / "data" / "postmaster.pid").exists()


def test_without_arguments_the_program_says_where_to_start(home: Path) -> None:
    completed = run(home)

    assert (completed.returncode, completed.stderr) == (0, "")
    assert "qrledger demo" in completed.stdout
    assert "qrledger --help" in completed.stdout
    assert len(completed.stdout.splitlines()) < 12


def sealed_receipt(client: httpx.Client, path: str, headers: dict[str, str]) -> bytes:
    """The receipt, as soon as the sealer has sealed it."""
    until = time.monotonic() + 60
    while (response := client.get(path, headers=headers)).status_code == 503:
        assert (response.json()["code"], time.monotonic() < until) == ("not-sealed", True)
        time.sleep(float(response.headers["Retry-After"]))
    assert response.status_code == 200, response.text
    return response.content


def test_the_demo_keeps_serving_until_ctrl_c(home: Path, http: Http) -> None:
    with running(home, "demo", **ports()) as demo:
        facts = facts_of(home)
        assert set(facts) == {
            "base_url", "live_base_url", "merchant_key", "wallet_key", "auditor_key",
            "operator_key", "merchant_id", "wallet_id", "log_vkey", "witness_vkey",
        }  # fmt: skip
        client = http(facts["base_url"])
        key = {"Authorization": f"Bearer {facts['wallet_key']}"}
        wallet = client.get(f"/v1/wallets/{facts['wallet_id']}", headers=key).json()
        assert wallet["available"] == {
            "minor": 1_000_000, "currency": "USD", "exponent": 2, "display": "$10,000.00",
        }  # fmt: skip
        body = {"order_id": "A-1", "amount": {"minor": 450, "currency": "USD"}}
        merchant = {"Authorization": f"Bearer {facts['merchant_key']}"}
        session = client.post("/v1/payment-sessions", json=body, headers=merchant).json()
        with connect(session["live_url"]) as screen:
            assert json.loads(screen.recv())["type"] == "snapshot"
            scan = {"payload": session["qr"]["payload"], "wallet_id": facts["wallet_id"]}
            claim = client.post("/v1/scans", json=scan, headers=key).json()["claim"]["id"]
            assert json.loads(screen.recv())["event"] == "payment_session.scanned"
            pay = {"claim_id": claim, "wallet_id": facts["wallet_id"], "amount": body["amount"]}
            path = f"/v1/payment-sessions/{session['id']}/pay"
            paid = client.post(path, json=pay, headers={**key, "Idempotency-Key": "k"})
            assert paid.json()["status"] == "paid"
            assert json.loads(screen.recv())["event"] == "payment_session.paid"
        receipt = sealed_receipt(client, f"/v1/payment-sessions/{session['id']}/receipt", merchant)
        note = receipts.parse(receipt).note
        assert receipts.parse(receipt).verify().topic == "payment_session.paid"
        assert note.verify([vkey.parse(facts["log_vkey"])])
        endorsed = policies.parse(client.get("/v1/log/policy").content).check(note)
        assert [str(one) for one in endorsed.witnesses] == [facts["witness_vkey"]]
        metrics = client.get("/metrics")
        assert (metrics.status_code, "qrledger_append" in metrics.text) == (200, True)
        second = run(home, "demo", **ports())
        assert (second.returncode, len(second.stderr.strip().splitlines())) == (2, 1)
        assert "another demo" in second.stderr
        demo.send_signal(signal.SIGINT)
        assert demo.wait(30) == 0
    assert servers_of(home) == []


def test_the_demo_restarts_after_kill_9_with_its_sessions(home: Path, http: Http) -> None:
    with running(home, "demo", **ports()) as demo:
        facts = facts_of(home)
        body = {"order_id": "A-1", "amount": {"minor": 450, "currency": "USD"}}
        merchant = {"Authorization": f"Bearer {facts['merchant_key']}"}
        client = http(facts["base_url"])
        session = client.post("/v1/payment-sessions", json=body, headers=merchant).json()
        demo.kill()
        demo.wait(10)

    with running(home, "demo", **ports()):
        again = wait_for(lambda: newer_than(facts, state_of(home)))
        auditor = {"Authorization": f"Bearer {again['auditor_key']}"}
        client = http(again["base_url"])
        stored = client.get(f"/v1/payment-sessions/{session['id']}", headers=auditor).json()
        assert stored["order_id"] == "A-1"
        old = {"Authorization": f"Bearer {facts['auditor_key']}"}
        assert client.get("/v1/events", headers=old).status_code == 401
    wait_for(lambda: servers_of(home) == [])


def test_a_killed_embedded_server_is_restarted(home: Path, http: Http) -> None:
    with running(home, "demo", **ports()):
        facts = facts_of(home)
        auditor = {"Authorization": f"Bearer {facts['auditor_key']}"}
        client = http(facts["base_url"])
        pid = int((home / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: client.get("/readyz").status_code == 503)
        wait_for(lambda: client.get("/readyz").status_code == 200)
        assert client.get("/v1/events", headers=auditor).status_code == 200


README = Path(__file__).parents[2] / "README.md"


def _plain(line: str) -> str:
    """A line without what differs from run to run: numbers, their width, and ids."""
    numbers = re.sub(r" *[0-9][0-9,.]*", "0", re.sub(r"[0-9a-zA-Z]{26}", "id", line))
    return numbers.rstrip()


def of_the_readme() -> list[str]:
    """The lines that `make run` prints, as the README shows them; without the code and what is left out."""
    [block] = re.findall(
        r"^```\n(  till creates.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE
    )
    return [_plain(line) for line in block.splitlines() if line and not re.search("[█…]", line)]


def test_every_printed_address_opens_something_for_a_person(home: Path, http: Http) -> None:
    with running(home, "demo", **ports()) as demo:
        assert demo.stdout
        lines: list[str] = []
        while not lines or not lines[-1].startswith("Try:"):
            lines.append(demo.stdout.readline())
        facts = facts_of(home)
        client = http(facts["base_url"])
        text = "".join(lines)
        printed = {_plain(line) for line in lines}
        assert [line for line in of_the_readme() if line not in printed] == []
        addresses = re.findall(r"^ +(https?://\S+)$", text, re.MULTILINE | re.IGNORECASE)
        live = facts["live_base_url"].replace("ws://", "http://")

        pages = {url: client.get(url, headers={"Accept": "text/html"}) for url in addresses}

        assert f"{facts['base_url']}/" in addresses
        assert len(addresses) == 5
        for url, page in pages.items():
            assert page.status_code == 200, url
            assert page.headers["content-type"].startswith("text/html"), url
        assert facts["base_url"] in client.get(live).text
        [code] = [url for url in addresses if url.isupper()]
        headers = {"Accept": "application/json"}
        assert client.get(code, headers=headers).json()["status"] == "created"
        keys = [value for name, value in facts.items() if name.endswith("_key")]
        assert not any(key in page.text for key in keys for page in pages.values())
        form = {"number": os.urandom(16).hex(), "amount": "4.50"}
        made = client.post("/demo/payments", data=form, headers={"Origin": facts["base_url"]})
        assert (made.status_code, "$4.50" in made.text) == (200, True)


def test_a_demo_on_the_network_gives_out_the_machines_address(home: Path, http: Http) -> None:
    host = _demo_network.address()
    with running(home, "demo", "--lan", **ports()) as demo:
        assert demo.stdout
        assert host in demo.stdout.readline()
        facts = facts_of(home)
        client = http(facts["base_url"])
        page = client.get("/", headers={"Accept": "text/html"})
        form = {"number": os.urandom(16).hex(), "amount": "4.50"}
        made = client.post("/demo/payments", data=form, headers={"Origin": facts["base_url"]})

        assert facts["base_url"].startswith(f"http://{host}:")
        assert facts["live_base_url"].startswith(f"ws://{host}:")
        assert "data:image/svg+xml" in page.text
        assert (made.status_code, "$4.50" in made.text) == (200, True)


def newer_than(earlier: dict[str, str], current: dict[str, str] | None) -> dict[str, str] | None:
    return current if current and current["auditor_key"] != earlier["auditor_key"] else None


def test_separate_processes_on_one_database(
    home: Path, make_database: Callable[[], str], http: Http
) -> None:
    url = make_database()
    runtime, runtime_url = make_login(url)
    database = {"DATABASE_URL": runtime_url, "MIGRATE_URL": url, **ports()}
    second_api = {**database, **ports()}
    too_early = run(home, "serve", **database)
    assert (too_early.returncode, "qrledger migrate" in too_early.stderr) == (2, True)

    migrate = [*PROGRAM, "migrate", "--runtime", runtime]
    migrations = [
        subprocess.Popen(migrate, env=environment(home, **database), cwd=home.parent)
        for _ in range(3)
    ]
    assert [process.wait(30) for process in migrations] == [0, 0, 0]
    merchant = run(home, "merchants", "register", "Shop", **database).stdout.strip()
    app = run(home, "apps", "register", "App", **database).stdout.strip()
    keys = {
        role: run(home, "keys", "create", role, "--holder", holder, **database).stdout.strip()
        for role, holder in (("merchant", merchant), ("wallet", app), ("operator", ""))
    }
    limit = [run(home, "keys", "create", "operator", **database).returncode for _ in range(2)]
    assert limit == [0, 1]
    listed = run(home, "keys", "list", **database).stdout
    assert (listed.count("key_"), "revoked" in listed) == (4, False)
    assert keys["merchant"].rpartition("_")[2] not in listed

    def headers(role: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {keys[role]}", "Idempotency-Key": os.urandom(8).hex()}

    with (
        running(home, "serve", **database),
        running(home, "serve", **second_api),
        running(home, "work", **database),
        running(home, "work", **database),
        running(home, "notify", **database),
    ):
        one, two = (http(f"http://127.0.0.1:{p['PORT']}") for p in (database, second_api))
        wait_for(lambda: one.get("/readyz").status_code == 200)
        wait_for(lambda: two.get("/readyz").status_code == 200)
        amount = {"minor": 500, "currency": "USD"}
        wallet = one.post("/v1/wallets", json={"currency": "USD"}, headers=headers("wallet")).json()
        path = f"/v1/wallets/{wallet['id']}"
        top_up = {"amount": amount, "reference": "r"}
        assert two.post(f"{path}/top-ups", json=top_up, headers=headers("operator")).is_success
        body = {"order_id": "A-1", "amount": amount}
        session = one.post("/v1/payment-sessions", json=body, headers=headers("merchant")).json()
        with connect(session["live_url"]) as screen:
            assert json.loads(screen.recv())["seq"] == 1
            scan = {"payload": session["qr"]["payload"], "wallet_id": wallet["id"]}
            scanned = one.post("/v1/scans", json=scan, headers=headers("wallet")).json()
            assert json.loads(screen.recv())["seq"] == 2
            pay = {"claim_id": scanned["claim"]["id"], "wallet_id": wallet["id"], "amount": amount}
            pay_path = f"/v1/payment-sessions/{session['id']}/pay"
            paid = one.post(pay_path, json=pay, headers=headers("wallet")).json()
            assert json.loads(screen.recv())["session"]["status"] == "paid"
        query = f"?at_least={paid['position']}"
        rows_ = one.get(f"/v1/payment-sessions{query}", headers=headers("merchant")).json()["data"]
        assert [row["status"] for row in rows_] == ["paid"]
        assert run(home, "rebuild", "--verify", **database).returncode == 0
        assert run(home, "rebuild", **database).returncode == 0
        assert run(home, "rebuild", "--verify", **database).returncode == 0
        _execute(url, "update read_models.sessions set description = 'changed'")
        changed = run(home, "rebuild", "--verify", "sessions", **database)
        assert (changed.returncode, "only in the live table" in changed.stderr) == (1, True)
        clean = run(home, "audit", "check", **database)
        assert (clean.returncode, ": 0 violations\n" in clean.stdout) == (0, True)
        _execute(url, "update read_models.sessions set status = 'created'")
        dirty = run(home, "audit", "check", **database)
        assert (dirty.returncode, "rows-equal-the-fold" in dirty.stderr) == (1, True)
        logins = (
            "select distinct usename::text from pg_stat_activity"
            " where datname = %s and usename is not null"  # PostgreSQL's background workers have no login
        )
        assert rows(server_url(url), logins, url.rpartition("/")[2]) == [(runtime,)]
    last = rows(url, "select max(notification_id), count(*) from ledger.events")
    assert last[0][0] == last[0][1]


def make_login(url: str) -> tuple[str, str]:
    """Create a runtime login as docs/howto/run-on-postgresql.md describes; returns name and URL."""
    parts = urlsplit(url)
    name = f"{parts.path[1:]}_app"
    _execute(url, f"create role {name} login password 'made-up'")
    host = parts.netloc.rpartition("@")[2]
    return name, parts._replace(netloc=f"{name}:made-up@{host}").geturl()


def server_url(url: str) -> str:
    return urlsplit(url)._replace(path="/postgres").geturl()


def _execute(url: str, statement: str) -> None:
    import psycopg  # noqa: PLC0415

    with psycopg.connect(url) as connection:
        connection.execute(statement)


def test_a_session_expires_and_its_checkout_screen_is_notified(
    home: Path, make_database: Callable[[], str], http: Http
) -> None:
    url = make_database()
    with running(home, "demo", DATABASE_URL=url, **ports()):
        facts = facts_of(home)
        merchant = {"Authorization": f"Bearer {facts['merchant_key']}"}
        body = {"order_id": "A", "amount": {"minor": 1, "currency": "USD"}}
        client = http(facts["base_url"])
        session = client.post("/v1/payment-sessions", json=body, headers=merchant).json()
        with connect(session["live_url"]) as screen:
            assert json.loads(screen.recv())["type"] == "snapshot"
            TestClock(url).set(times.from_text(session["expires_at"]))
            message = json.loads(screen.recv(timeout=30))
        assert message["event"] == "payment_session.expired"
        assert client.post("/v1/payment-sessions", json=body, headers=merchant).status_code == 201


@pytest.mark.parametrize(
    ("arguments", "settings", "expected"),
    [
        (["serve"], {"PROT": "1"}, "QRLEDGER_PROT"),
        (["serve"], {"PORT": "x"}, "port"),
        (["demo"], {"MODE": "live"}, "test ledger"),
        (["demo", "--lan"], {"MODE": "live", "HOST": "192.0.2.7"}, "test ledger"),
        (["demo", "--lan"], {"PUBLIC_URL": "https://pay.example"}, "PUBLIC_URL"),
        (["demo"], {"HOST": "192.0.2.7"}, "demo --lan"),
        (["serve"], {"HOST": "192.0.2.7"}, "by http"),
        (["serve"], {"DATABASE_URL": "postgresql://127.0.0.1:1/x"}, "cannot be reached"),
        (["serve"], {"DATABASE_URL": "postgresql://127.0.0.1:1/x"}, "refused"),
        (["serve"], {"DATABASE_URL": "postgresql://127.0.0.1:1/x"}, '"127.0.0.1", port 1'),
        (["serve"], {"DATABASE_URL": "postgresql://nobody.invalid/x"}, "nobody.invalid"),
        (["serve"], {"DATABASE_URL": "mysql://me:s3cret@db/x"}, "must be postgresql://"),
        (["serve"], {"MODE": "prod"}, "setting mode: must be live or test"),
        (["serve"], {"WEBHOOK_LOOPBACK": "7"}, "must be true or false"),
        (["serve"], {"PORT": "0"}, "from 1 to 65535"),
        (["keys", "create", "merchant", "--holder", "app_x"], {}, "merchants register"),
        (["keys", "create", "wallet"], {}, "apps register"),
        (["keys", "create", "auditor", "--holder", "mer_x"], {}, "leave out --holder"),
        (["rebuild", "nothing"], {}, "no read model"),
        (["keys", "revoke", "x"], {}, "not a key"),
        (["demo"], {"HOME": "/proc/none"}, "QRLEDGER_HOME"),
        (["migrate"], {"HOME": "/proc/none"}, "QRLEDGER_HOME"),
        (["serve"], {"DATABASE_URL": "postgresql//me:s3cret@db/x"}, "database_url"),
        (["migrate"], {"MIGRATE_URL": "postgresql://me:s3cr#et/@db/x"}, "migrate_url"),
        (["migrate"], {"MIGRATE_URL": "postgresql://me:s3cret@127.0.0.1:1/x"}, "be reached"),
        (["serve"], {"MIGRATE_URL": "postgresql://me:s3cret@127.0.0.1:1/x"}, "DATABASE_URL"),
        (["serve"], {"PUBLIC_URL": "https://me:s3cret@pay.example"}, "public_url"),
    ],
)
def test_an_invalid_configuration_or_argument_is_reported_on_one_line(
    home: Path, arguments: list[str], settings: dict[str, str], expected: str
) -> None:
    completed = run(home, *arguments, **settings)

    assert completed.returncode == 2
    assert len(completed.stderr.strip().splitlines()) == 1, completed.stderr
    assert expected in completed.stderr
    assert completed.stderr.startswith("qrledger: ")
    assert "s3cr" not in completed.stderr + completed.stdout


@pytest.mark.parametrize("taken", [["PORT"], ["LIVE_PORT"], ["PORT", "LIVE_PORT"]])
def test_a_port_in_use_is_reported_with_its_setting(
    home: Path, taken: list[str], make_database: Callable[[], str]
) -> None:
    settings = ports()
    with ExitStack() as stack:
        for setting in taken:
            address = ("127.0.0.1", int(str(settings[setting])))
            stack.enter_context(socket.create_server(address))
        completed = run(home, "demo", "--once", DATABASE_URL=make_database(), **settings)

    assert completed.returncode == 2
    lines = completed.stderr.splitlines()
    assert "is a superuser" in lines[0]
    assert not any(line.startswith("Traceback") for line in lines)
    assert lines[-1].endswith(f"free the port, or set QRLEDGER_{taken[0]}")


def test_no_secret_is_written_to_the_log(
    home: Path, make_database: Callable[[], str], http: Http
) -> None:
    url = make_database()
    with running(home, "demo", DATABASE_URL=url, **ports()) as demo:
        facts = facts_of(home)
        client = http(facts["base_url"])
        wrong = facts["merchant_key"][:-1] + "!"
        client.get("/v1/events", headers={"Authorization": f"Bearer {wrong}"})
        client.post("/v1/payment-sessions", content=b"{", headers={"Authorization": wrong})
        demo.send_signal(signal.SIGINT)
        text = demo.stdout.read() if demo.stdout else ""
    lines = [line for line in text.splitlines() if line.startswith("{")]
    assert not any(facts["merchant_key"][-20:] in line for line in lines)
    assert str(urlsplit(url).password) not in text
