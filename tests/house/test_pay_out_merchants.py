"""`docs/howto/pay-out-merchants.md` is run as it stands."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from infrastructure.bank import sandbox
from infrastructure.cli import program
from tests.support.api_fixture import ApiFixture, api_fixture

pytestmark = pytest.mark.postgres
PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "pay-out-merchants.md").read_text()
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
]


def run(api: ApiFixture, url: str, line: str) -> str:
    """Run a line of the page; returns what it prints."""
    words = shlex.split(line.replace("$MERCHANT_KEY", "key").replace("$MERCHANT", api.merchants[0]))
    if words[0] == "curl":
        headers = dict(word.split(": ", 1) for word in words if ": " in word and word[0] != "{")
        body = json.loads(words[words.index("-d") + 1])
        path = words[words.index("-X") + 2].removeprefix("$URL")
        key = headers["Idempotency-Key"]
        response = api.call("merchant", words[words.index("-X") + 1], path, body, key=key)
        assert response.status_code == 201, response.text
        return response.text
    environment = {"QRLEDGER_DATABASE_URL": url, "QRLEDGER_MODE": "test"}
    result = CliRunner().invoke(program, words[1:], env=environment)
    assert result.exit_code == 0, result.output
    return result.output


def test_every_command_of_the_page_works(make_ledger: Callable[[], str]) -> None:
    url = make_ledger()
    with api_fixture(url) as api:
        printed: dict[str, str] = {}
        for line in COMMANDS:
            if line.startswith("curl"):
                session = api.create_paid_session()[0]["id"]
                path = f"/v1/payment-sessions/{session}/events"
                [created, *_] = api.call("auditor", "GET", path).json()["data"]
                assert created["data"]["fee_minor"] == 38
            printed[line] = run(api, url, line)

        assert len(COMMANDS) == 12
        payout = json.loads(next(text for line, text in printed.items() if "curl" in line))
        assert payout["status"] == "requested"
        assert payout["destination"] == "cafe, main account"
        [terms] = json.loads(run(api, url, "qrledger merchants payouts $MERCHANT --json"))[
            "payouts"
        ]
        assert (terms["daily_at"], terms["zone"]) == ("06:00", "America/Sao_Paulo")
        funds = json.loads(printed["qrledger treasury status --json"])["data"]
        assert [one["moved_minor"] for one in funds] == [5000, 99_962]


def test_the_page_names_the_sandbox_banks_outcomes() -> None:
    for digits, words in {
        sandbox.RETURNS: "is returned",
        sandbox.RETURNS_LATER: "returned after it has settled",
        sandbox.REFUSES: "refused",
        sandbox.SILENT: "answered after three silent calls",
        sandbox.SILENT_FOR_EVER: "never answered",
        sandbox.ANSWERS_TWICE: "answered twice",
    }.items():
        assert re.search(rf"\b{digits}\s+{words}", PAGE), digits
    assert sandbox.SILENT_CALLS == 3
