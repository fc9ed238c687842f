"""`qrledger keys rotate-qr`, `revoke-qr` and `list-qr`, on the key file alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from infrastructure.cli import program
from infrastructure.qr_keys import key_file
from infrastructure.qr_keys.file_keys import FileKeys


class Operator:
    """Runs commands on one key file, without a database."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "keys.json"

    def run(self, *words: str, **environment: str) -> Result:
        settings = {"QRLEDGER_QR_KEYS": str(self.path), "QRLEDGER_DATABASE_URL": "", **environment}
        return CliRunner().invoke(program, ["keys", *words], env=settings)

    def listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.run("list-qr", "--json").output)["data"]
        return found


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


def test_the_first_rotation_makes_the_file(operator: Operator) -> None:
    made = operator.run("rotate-qr")

    [key] = operator.listed()
    assert made.exit_code == 0
    assert made.output == f"made the signing key {key['id']} in {operator.path}\n"


def test_by_default_the_file_is_in_the_home_folder(operator: Operator, tmp_path: Path) -> None:
    home = {"QRLEDGER_QR_KEYS": "", "QRLEDGER_HOME": str(tmp_path / "home")}

    assert operator.run("rotate-qr", **home).exit_code == 0

    assert len(key_file.read(tmp_path / "home" / "qr-keys.json").keys) == 1


def test_rotating_retires_the_last_key(operator: Operator) -> None:
    operator.run("rotate-qr")
    [old] = operator.listed()

    rotated = operator.run("rotate-qr")

    first, second = operator.listed()
    expected = f"{second['id']} signs from now on; what {old['id']} has signed stays valid\n"
    assert rotated.output == expected
    assert first["retired_at"] == second["created_at"]
    assert (second["retired_at"], first["revoked_at"]) == (None, None)
    assert operator.path.read_text().count('"private": null') == 1


def test_revoking_the_key_that_signs_replaces_it(operator: Operator) -> None:
    operator.run("rotate-qr")
    [old] = operator.listed()

    revoked = operator.run("revoke-qr", old["id"])

    first, second = operator.listed()
    assert (revoked.exit_code, first["id"]) == (0, old["id"])
    assert revoked.output == f"{old['id']} is revoked; {second['id']} signs\n"
    assert first["retired_at"] == first["revoked_at"] == second["created_at"]
    assert FileKeys(operator.path).current().id == second["id"]


def test_revoking_a_retired_key_or_a_revoked_one_leaves_the_current_key(operator: Operator) -> None:
    operator.run("rotate-qr")
    operator.run("rotate-qr")
    old, current = [key["id"] for key in operator.listed()]

    once, twice = operator.run("revoke-qr", old), operator.run("revoke-qr", old)

    assert once.output == twice.output == f"{old} is revoked; {current} signs\n"
    assert [key["id"] for key in operator.listed()] == [old, current]


@pytest.mark.parametrize("key_id", ["NONE", "key_01890a5dac96774bbcceb302099a8057", "a\nb", ""])
def test_an_unknown_key_is_refused_in_one_line(operator: Operator, key_id: str) -> None:
    operator.run("rotate-qr")

    refused = operator.run("revoke-qr", key_id)

    assert refused.exit_code == 2
    assert refused.output.count("\n") == 1
    assert f"has no key {key_id!r}; `qrledger keys list-qr` shows them" in refused.output


def test_keys_are_listed_as_text_and_never_with_their_private_half(operator: Operator) -> None:
    operator.run("rotate-qr")
    operator.run("rotate-qr")
    old, new = operator.listed()
    operator.run("revoke-qr", old["id"])
    old, _ = operator.listed()

    shown = operator.run("list-qr").output

    assert shown == (
        f"{old['id']}  created {old['created_at']}  retired {old['retired_at']}  "
        f"revoked {old['revoked_at']}\n{new['id']}  created {new['created_at']}\n"
    )
    secret = json.loads(operator.path.read_text())["keys"][-1]["private"]
    assert secret not in shown + operator.run("list-qr", "--json").output


@pytest.mark.parametrize("command", [("list-qr",), ("rotate-qr",), ("revoke-qr", "K")])
@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("{", 0o600, "is broken"),
        ('{"format": 2}', 0o600, "has format 2; this program reads up to 1"),
        ("{", 0o644, "is open to other users: change its mode to 0600"),
    ],
    ids=["broken", "newer", "open"],
)
def test_a_file_that_cannot_be_used_is_refused_and_left_alone(
    operator: Operator, command: tuple[str, ...], text: str, mode: int, words: str
) -> None:
    operator.path.write_text(text)
    operator.path.chmod(mode)

    refused = operator.run(*command)

    assert refused.exit_code == 2
    assert refused.output == f"qrledger: the file of signing keys {operator.path} {words}\n"
    assert operator.path.read_text() == text


def test_without_a_file_there_is_nothing_to_list_or_to_revoke(operator: Operator) -> None:
    for command in (("list-qr",), ("revoke-qr", "K")):
        refused = operator.run(*command)

        assert refused.exit_code == 2
        assert "copy it from another machine, or make it with" in refused.output
