"""`docs/howto/issue-static-codes.md` is run as it stands."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from application.scanning import CAUSES
from infrastructure.cli import program
from tests.support.api_fixture import ApiFixture, api_fixture

pytestmark = pytest.mark.postgres
PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "issue-static-codes.md").read_text()
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
]


def test_every_command_of_the_page_works(make_ledger: Callable[[], str]) -> None:
    url = make_ledger()
    answers: list[Any] = []
    with api_fixture(url) as api:
        names = {"$MERCHANT_KEY": "merchant", "$WALLET_KEY": "wallet", "$WALLET": api.open_wallet(),
                 "$MERCHANT": api.merchants[0], "$URL": ""}  # fmt: skip
        for line in COMMANDS:
            if answers and "payloads" in answers[-1]:
                names["$CODE"] = answers[-1]["id"]
                names["$PAYLOAD"] = answers[0]["payloads"]["emv"]
            for name, value in names.items():
                line = line.replace(name, value)  # noqa: PLW2901
            if line.startswith("curl"):
                answers.append(sent(api, shlex.split(line)))
            else:
                assert "Corner Cafe" in printed(url, shlex.split(line))

    sticker, card, shown, session, revoked = answers
    assert (sticker["status"], card["amount"]["minor"]) == ("active", 700)
    assert (shown["object"], session["object"]) == ("static_code", "payment_session")
    assert (session["amount"]["minor"], session["description"]) == (1250, "Till 3")
    assert (revoked["id"], revoked["status"]) == (card["id"], "revoked")


def sent(api: ApiFixture, words: list[str]) -> Any:
    """Send a line that begins with `curl`; returns the answer."""
    who = next(word for word in words if word.startswith("Authorization")).rpartition(" ")[2]
    body = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
    response = api.call(who, words[2], words[3], body)
    assert response.status_code in {200, 201}, response.text
    return response.json()


def printed(url: str, words: list[str]) -> str:
    """Run a line of the program; returns what it prints."""
    environment = {"QRLEDGER_DATABASE_URL": url, "QRLEDGER_MODE": "test"}
    result = CliRunner().invoke(program, words[1:], env=environment)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_causes_of_the_alarm_exist() -> None:
    named = re.findall(r'cause=~?"([^"]+)"', PAGE)

    assert named
    assert {cause for one in named for cause in one.split("|")} <= set(CAUSES)
