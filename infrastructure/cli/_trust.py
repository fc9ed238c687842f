"""Shared by the commands of auditors: the keys that are trusted, and small files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import rich_click as click

from domain.audit import policy as policies
from domain.audit import vkey as vkeys
from domain.audit.errors import EvidenceError
from domain.audit.policy import Policy
from domain.audit.vkey import KeyType
from infrastructure.cli import _support

NOTE_BYTES_MAX: Final = 1024 * 1024
"""Of a file that is named on the command line, before it is looked at."""
FILE: Final = click.Path(path_type=Path, dir_okay=False)
VKEYS: Final = click.option(
    "--vkey", "keys", multiple=True, metavar="VKEY", help="A key of the log that you trust."
)
POLICY: Final = click.option(
    "--policy", type=FILE, help="Logs and witnesses that you trust (C2SP tlog-policy)."
)
JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def trusted(keys: Sequence[str], policy: Path | None) -> Policy:
    """The policy of the options; a wrong one ends the program with status 2."""
    if not keys and policy is None:
        _support.fail("name a key that you trust with --vkey, or a policy with --policy")
    try:
        found = policies.parse(read(policy)) if policy else policies.of_keys()
        for text in keys:
            key = vkeys.parse(text)
            if key.type is not KeyType.NOTE:
                _support.fail("--vkey names the key of a log; witnesses belong into a policy")
            if key not in found.logs:
                found.logs.append(key)
    except EvidenceError as error:
        _support.fail(f"{'--vkey' if error.code == 'malformed-key' else policy}: {error}")
    return found


def read(path: Path) -> bytes:
    """A small file; one that cannot be read ends the program with status 2."""
    try:
        with path.open("rb") as file:
            data = file.read(NOTE_BYTES_MAX + 1)
    except OSError as error:
        _support.fail(f"{path} cannot be read: {error.strerror or error}")
    if len(data) > NOTE_BYTES_MAX:
        _support.fail(f"{path} is too large to be a checkpoint, a policy or a receipt")
    return data


def printable(text: str) -> str:
    """Text of a stranger's file for a terminal: no control characters but the newline."""
    return "".join(one if one.isprintable() or one == "\n" else "\ufffd" for one in text)
