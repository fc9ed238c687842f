"""The examples on the page about verifying codes and offers run as they stand."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from joserfc.errors import JoseError

from domain import ids
from domain.qr import offer, static_code
from infrastructure.cli import program
from infrastructure.qr_keys import key_set
from tests.domain.qr.test_offer import OFFER
from tests.support.memory_api import MemoryApi, http_scope, respond

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "verify-codes-and-offers.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def functions() -> dict[str, Callable[..., Any]]:
    """What the page's examples define."""
    found: dict[str, Any] = {}
    for example in blocks("python"):
        exec(compile(example, "the page", "exec"), found)  # noqa: S102 - our own page
    return found


class Ledger:
    """What a wallet app sees of a ledger."""

    def __init__(self) -> None:
        self.api = MemoryApi()
        self.url = self.api.services.config.public_url
        self.code = self.api.session_id.removeprefix("ps_").upper()
        self.signing = self.api.code_keys.current()

    def get(self, path: str) -> bytes:
        headers = [(b"host", b"x"), (b"accept", b"application/jose")]
        _, body = asyncio.run(respond(self.api.app, http_scope("GET", path, "", headers)))
        found: bytes = body["body"]
        return found

    def key_set(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get("/.well-known/qrledger-keys.json"))
        return found


def test_the_example_reads_an_offer_and_refuses_what_it_must(
    functions: dict[str, Callable[..., Any]],
) -> None:
    ledger = Ledger()
    read, keys = functions["read_offer"], ledger.key_set()
    found = ledger.get(f"/Q/{ledger.code}")
    now = ledger.api.services.log.now()

    assert read(found, keys, ledger.url, ledger.code, now)["payee"]["name"] == "Cafe"
    late = now + timedelta(seconds=301)
    ended = offer.sign(OFFER, ledger.signing.id, ledger.signing.sign)
    for refused, where, code, at in (
        (found, "https://other.example", ledger.code, now),
        (found, ledger.url, "0" * 26, now),
        (found, ledger.url, ledger.code, late),
        (found[:-9], ledger.url, ledger.code, now),
        (ended.encode(), ledger.url, ledger.code, now),
    ):
        with pytest.raises((ValueError, JoseError)):
            read(refused, keys, where, code, at)


def test_an_offer_of_a_session_that_has_ended_is_not_payable(
    functions: dict[str, Callable[..., Any]],
) -> None:
    ledger = Ledger()
    code = OFFER.session_id.removeprefix("ps_")
    for status, payable in (("created", True), ("scanned", True), ("paid", False)):
        values = {name: getattr(OFFER, name) for name in OFFER.__slots__} | {"status": status}
        signed = offer.sign(type(OFFER)(**values), ledger.signing.id, ledger.signing.sign)
        arguments = (signed, ledger.key_set(), OFFER.issuer, code, OFFER.served_at)

        if payable:
            assert functions["read_offer"](*arguments)["status"] == status
        else:
            with pytest.raises(ValueError, match="the payment is paid"):
                functions["read_offer"](*arguments)


def test_the_example_tells_a_genuine_code_from_others(
    functions: dict[str, Callable[..., Any]],
) -> None:
    ledger = Ledger()
    genuine, keys = functions["is_genuine"], ledger.key_set()
    code_id = ids.decode("ps", ledger.api.session_id)
    key = ledger.signing
    code = static_code.address(ledger.url, code_id, key.id, key.sign)

    assert genuine(code, keys, ledger.url)
    assert not genuine(code.replace(f"/{key.id}/", "/K9/"), keys, ledger.url)
    other = static_code.address(ledger.url, code_id, key.id, lambda text: key.sign(text + b"x"))
    assert not genuine(other, keys, ledger.url)

    ledger.api.code_keys.revoke(key.id)

    assert not genuine(code, ledger.key_set(), ledger.url)


def run(line: str, path: Path) -> Result:
    words = shlex.split(line)
    assert words[:2] == ["qrledger", "keys"]
    return CliRunner().invoke(program, words[1:], env={"QRLEDGER_QR_KEYS": str(path)})


def test_the_file_and_the_commands_of_the_page_are_as_described(tmp_path: Path) -> None:
    path = tmp_path / "qr-keys.json"
    [shown] = blocks("json")
    path.touch(mode=0o600)
    path.write_text(shown)
    key = key_set.from_json(shown.encode()).current
    assert key_set.from_json(shown.encode()).to_json().decode() == shown

    for line in "".join(blocks("sh")).splitlines():
        result = run(line.replace("$KEY", key.id), path)
        assert result.exit_code == 0, result.output

    [old, new] = key_set.from_json(path.read_bytes()).keys
    assert (old.id, new.revoked_at) == (key.id, None)
    assert old.revoked_at is not None


def test_a_lost_file_is_made_again_from_a_list(tmp_path: Path) -> None:
    path = tmp_path / "qr-keys.json"
    run("qrledger keys rotate-qr", path)
    saved = json.loads(run("qrledger keys list-qr --json", path).output)["data"]
    path.unlink()

    run("qrledger keys rotate-qr", path)
    file = json.loads(path.read_text())
    now = file["keys"][0]["created_at"]
    file["keys"][:0] = [{**key, "private": None, "retired_at": now} for key in saved]
    path.write_text(json.dumps(file))

    found = run("qrledger keys list-qr", path)
    assert found.exit_code == 0, found.output
    assert found.output.startswith(saved[0]["id"])
    assert datetime.fromisoformat(now)
