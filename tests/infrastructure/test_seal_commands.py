"""`qrledger seal …` and `migrate --sealer`: what is printed, and bad input in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner, Result

from domain.audit import vkey
from infrastructure.cli import program
from infrastructure.sealing.home import SealHome
from tests.support.postgres import rows
from tests.support.sealed_ledger import login

pytestmark = pytest.mark.postgres
Run = Callable[..., Result]


@pytest.fixture
def environment(make_database: Callable[[], str], tmp_path: Path) -> dict[str, str]:
    return {
        "QRLEDGER_HOME": str(tmp_path / "home"),
        "QRLEDGER_DATABASE_URL": make_database(),
        "QRLEDGER_MODE": "test",
        "QRLEDGER_SEAL_HOME": str(tmp_path / "seal"),
    }


def run(environment: dict[str, str], *words: str, **more: str) -> Result:
    return CliRunner().invoke(program, words, env={**environment, **more})


def events(environment: dict[str, str], topic: str) -> list[tuple[int, str, Any]]:
    """Position, actor and fields of the events of a topic."""
    found = rows(
        environment["QRLEDGER_DATABASE_URL"],
        "select notification_id, actor, convert_from(state, 'UTF8') from ledger.events"
        " where topic = %s order by 1",
        topic,
    )
    return [(position, actor, json.loads(state)) for position, actor, state in found]


def test_migrate_names_the_log_once_as_its_first_event(environment: dict[str, str]) -> None:
    named = {"QRLEDGER_LOG_ORIGIN": "pay.example"}
    first = run(environment, "migrate", **named)
    second = run(environment, "migrate", QRLEDGER_LOG_ORIGIN="other.example")

    [(position, actor, state)] = events(environment, "log.opened")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert f"the log is sealed under the name {state['origin']}\n" in first.output
    assert "sealed under" not in second.output
    assert position == 1
    assert actor.startswith("cli:")
    assert state["origin"].startswith("pay.example/test/")
    assert state["leaf_format"] == 1


def test_a_live_log_is_not_named_by_default(environment: dict[str, str]) -> None:
    live = {"QRLEDGER_MODE": "live"}
    first = run(environment, "migrate", **live)
    assert (first.exit_code, events(environment, "log.opened")) == (0, [])
    assert "set QRLEDGER_LOG_ORIGIN" in first.output
    early = run(environment, "seal", "keys", "rotate", **live)
    assert (early.exit_code, "QRLEDGER_LOG_ORIGIN" in early.output) == (1, True)

    run(environment, "migrate", **live, QRLEDGER_PUBLIC_URL="https://pay.example")

    [(_, _, state)] = events(environment, "log.opened")
    assert state["origin"].startswith("pay.example/live/")


@pytest.mark.parametrize(
    "host", ["https://pay.example", "Pay.example", "pay example", "a+b", "pay.example/x"]
)
def test_an_origin_that_is_no_host_is_refused(environment: dict[str, str], host: str) -> None:
    done = run(environment, "migrate", QRLEDGER_LOG_ORIGIN=host)

    assert done.exit_code == 2
    assert done.output.startswith("qrledger: setting log_origin: must be a host name")


def test_keys_are_made_listed_and_retired(environment: dict[str, str]) -> None:
    run(environment, "migrate")
    keys = [vkey.parse(run(environment, "seal", "keys", "rotate").output.strip()) for _ in range(2)]
    old = keys[0].key_id.hex()

    retired = run(environment, "seal", "keys", "retire", old, "--size", "3", "--reason", "lost")
    listed = json.loads(run(environment, "seal", "keys", "list", "--json").output)["data"]
    text = run(environment, "seal", "keys", "list").output

    assert (retired.exit_code, retired.output) == (0, f"{old} is retired at size 3\n")
    assert [(key["vkey"], key["state"], key["retired_at_size"]) for key in listed] == [
        (str(keys[0]), "retired", 3),
        (str(keys[1]), "signing", None),
    ]
    assert text.splitlines()[0] == f"{old}  retired  at size 3  {keys[0]}"
    [(_, actor, state)] = events(environment, "log.key_retired")
    assert actor.startswith("cli:")
    assert (state["key_id"], state["size"], state["reason"]) == (old, 3, "lost")


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (("retire", "ffffffff", "--reason", "x"), "the log has no such key"),
        (("retire", "x" * 5000, "--reason", "x"), "the log has no such key"),
        (("retire", "ffffffff", "--reason", ""), "must have 1 to 500 characters"),
        (("retire", "ffffffff", "--reason", "x" * 501), "must have 1 to 500 characters"),
        (("retire", "ffffffff", "--reason", "x", "--size", "-1"), "must be a whole number"),
        (("retire", "ffffffff", "--reason", "x", "--size", "٣"), "must be a whole number"),
    ],
)
def test_bad_input_is_one_line(
    environment: dict[str, str], words: tuple[str, ...], word: str
) -> None:
    run(environment, "migrate")
    done = run(environment, "seal", "keys", *words)

    assert done.exit_code in {1, 2}
    assert len(done.output.splitlines()) == 1
    assert word in done.output
    assert len(done.output) < 300


def test_the_sealer_says_in_one_line_why_it_does_not_start(environment: dict[str, str]) -> None:
    url = environment["QRLEDGER_DATABASE_URL"]
    own = run(environment, "seal")
    assert (own.exit_code, "set QRLEDGER_SEAL_DATABASE_URL" in own.output) == (2, True)

    name, seal_url = login(url, "sealer")
    assert run(environment, "migrate", "--sealer", name).exit_code == 0
    sealing = {"QRLEDGER_SEAL_DATABASE_URL": seal_url}
    keyless = run(environment, "seal", **sealing)
    assert (keyless.exit_code, "no key of" in keyless.output) == (2, True)

    owner = run(environment, "seal", QRLEDGER_SEAL_DATABASE_URL=url)
    assert (owner.exit_code, "is a superuser" in owner.output) == (2, True)

    SealHome(Path(environment["QRLEDGER_SEAL_HOME"])).halt("the log ends at position 3")
    halted = run(environment, "seal", **sealing)
    assert (halted.exit_code, "sealing has halted: the log ends at" in halted.output) == (1, True)
    missing = run(environment, "seal", "--adopt", "/nowhere", **sealing)
    assert (missing.exit_code, "/nowhere cannot be read" in missing.output) == (2, True)
    for done in (own, keyless, owner, halted, missing):
        lines = [line for line in done.output.splitlines() if not line.startswith("{")]
        assert len(lines) == 1, done.output
        assert "secret" not in done.output
        assert urlsplit(seal_url).netloc not in done.output


def test_a_restart_without_cause_records_nothing(environment: dict[str, str]) -> None:
    run(environment, "migrate")
    done = run(environment, "seal", "restart", "--reason", "a test")

    assert done.exit_code == 0, done.output
    assert "nothing was sealed as" in done.output
    assert events(environment, "log.restarted") == []
