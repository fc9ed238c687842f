"""Secrets derived from a key in the ledger's home: stable, apart, private, made once."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from infrastructure.home_keys import BadKeyFile
from infrastructure.webhooks.secrets import FILE, DerivedSecrets, key_file


def test_a_secret_is_the_same_for_ever_and_of_its_owner_and_number_alone(tmp_path: Path) -> None:
    first, again = (DerivedSecrets(key_file(tmp_path)) for _ in range(2))

    assert first.signer("whe_1", 1).secret == again.signer("whe_1", 1).secret
    assert len(first.signer("whe_1", 1).secret) == 32
    pairs = [("whe_1", 1), ("whe_1", 2), ("whe_11", 1), ("whe_1 1", 1), ("mer_1", 1)]
    secrets = {first.signer(owner, number).secret for owner, number in pairs}
    assert len(secrets | {first.public_key(*pair) for pair in pairs}) == 2 * len(pairs)


def test_the_public_key_verifies(tmp_path: Path) -> None:
    secrets = DerivedSecrets(key_file(tmp_path))

    signature = secrets.signer("whe_1", 1).sign(b"text")

    key = Ed25519PublicKey.from_public_bytes(secrets.public_key("whe_1", 1))
    key.verify(signature, b"text")


def test_the_key_is_made_once_whoever_comes_first(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: key_file(tmp_path / "home")(), range(16)))

    assert len(keys) == 1
    assert [path.name for path in (tmp_path / "home").iterdir()] == [FILE]
    assert (tmp_path / "home" / FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"short", bytes(33)])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    (tmp_path / FILE).chmod(0o600)

    with pytest.raises(BadKeyFile):
        key_file(tmp_path)()


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(os.urandom(32))
    (tmp_path / FILE).chmod(0o644)

    with pytest.raises(BadKeyFile):
        key_file(tmp_path)()
