"""The port of the signing keys: one contract for the key file and the fake."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from application.errors import SigningUnavailable
from application.ports.code_keys import CodeKeys
from domain.qr.static_code import KEY_ID, SIGNATURE_BYTES, SignatureVerdict
from infrastructure.qr_keys import key_file
from infrastructure.qr_keys.file_keys import FileKeys
from tests.support.memory_keys import MemoryKeys

pytestmark = pytest.mark.contract
START = datetime(2026, 1, 1, tzinfo=UTC)
TEXT = b"HTTPS://PAY.EXAMPLE/S/01H455VB4PEX5VSKNK084SN02Q/K1/"


@dataclass
class Subject:
    """An adapter, and how an operator changes its keys."""

    keys: CodeKeys
    rotate: Callable[[], object]
    revoke: Callable[[str], object]
    none_left: Callable[[], CodeKeys]
    """A process that has just been started without any key."""


def of_file(folder: Path) -> Subject:
    path = folder / "qr-keys.json"
    key_file.create_if_absent(path, Ed25519PrivateKey.generate(), START)
    return Subject(
        FileKeys(path),
        lambda: key_file.change(path, lambda k: k.rotated(Ed25519PrivateKey.generate(), START)),
        lambda key_id: key_file.change(
            path, lambda k: k.revoked(key_id, Ed25519PrivateKey.generate(), START)
        ),
        lambda: FileKeys(folder / "none.json"),
    )


def of_memory(_folder: Path) -> Subject:
    keys = MemoryKeys()

    def none_left() -> CodeKeys:
        keys.lose()
        return keys

    return Subject(keys, lambda: keys.rotate(f"K{len(keys.private) + 1}"), keys.revoke, none_left)


@pytest.fixture(params=[of_file, of_memory], ids=["file", "memory"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    made: Subject = request.param(tmp_path)
    return made


def test_what_the_current_key_signs_is_valid_and_nothing_else_is(subject: Subject) -> None:
    key = subject.keys.current()

    signature = key.sign(TEXT)

    assert KEY_ID.fullmatch(key.id)
    assert len(signature) == SIGNATURE_BYTES
    assert subject.keys.verify(key.id, TEXT, signature) is SignatureVerdict.VALID
    for text, wrong in (
        (TEXT + b" ", signature), (TEXT.lower(), signature), (b"", signature),
        (TEXT, signature[:-1]), (TEXT, signature + b"\0"), (TEXT, b""), (TEXT, bytes(64)),
    ):  # fmt: skip
        assert subject.keys.verify(key.id, text, wrong) is SignatureVerdict.BAD_SIGNATURE


@pytest.mark.parametrize("key_id", ["", "NONE", "k1", "\0", "\ud800", "A" * 10_000])
def test_a_key_that_is_not_listed_is_unknown(subject: Subject, key_id: str) -> None:
    signature = subject.keys.current().sign(TEXT)

    assert subject.keys.verify(key_id, TEXT, signature) is SignatureVerdict.UNKNOWN_KEY


def test_a_retired_key_signs_nothing_new_and_its_signatures_stay_valid(subject: Subject) -> None:
    old = subject.keys.current()
    signature = old.sign(TEXT)

    subject.rotate()

    new = subject.keys.current()
    assert new.id != old.id
    assert subject.keys.verify(old.id, TEXT, signature) is SignatureVerdict.VALID
    assert subject.keys.verify(new.id, TEXT, signature) is SignatureVerdict.BAD_SIGNATURE
    assert subject.keys.verify(new.id, TEXT, new.sign(TEXT)) is SignatureVerdict.VALID


def test_no_signature_of_a_revoked_key_is_valid(subject: Subject) -> None:
    old = subject.keys.current()
    signature = old.sign(TEXT)
    subject.rotate()

    subject.revoke(old.id)

    assert subject.keys.verify(old.id, TEXT, signature) is SignatureVerdict.REVOKED_KEY
    assert subject.keys.verify(old.id, TEXT, bytes(64)) is SignatureVerdict.REVOKED_KEY


def test_a_revoked_key_that_signs_is_replaced_in_the_same_step(subject: Subject) -> None:
    old = subject.keys.current()

    subject.revoke(old.id)

    new = subject.keys.current()
    assert new.id != old.id
    assert subject.keys.verify(new.id, TEXT, new.sign(TEXT)) is SignatureVerdict.VALID
    assert subject.keys.verify(old.id, TEXT, old.sign(TEXT)) is SignatureVerdict.REVOKED_KEY


def test_every_key_is_listed_oldest_first_with_its_times(subject: Subject) -> None:
    first = subject.keys.current().id
    subject.rotate()
    second = subject.keys.current().id
    subject.rotate()
    third = subject.keys.current().id
    subject.revoke(second)

    listed = subject.keys.public_keys()

    assert [key.id for key in listed] == [first, second, third]
    assert [key.retired_at is None for key in listed] == [False, False, True]
    assert [key.revoked_at is None for key in listed] == [True, False, True]
    assert all(key.created_at.utcoffset() == timedelta() for key in listed)
    signature = subject.keys.current().sign(TEXT)
    Ed25519PublicKey.from_public_bytes(listed[-1].raw).verify(signature, TEXT)


def test_without_a_key_nothing_is_signed_and_every_key_is_unknown(subject: Subject) -> None:
    key = subject.keys.current()

    keys = subject.none_left()

    with pytest.raises(SigningUnavailable) as refused:
        keys.current()
    assert refused.value.transient
    assert keys.verify(key.id, TEXT, key.sign(TEXT)) is SignatureVerdict.UNKNOWN_KEY
    assert list(keys.public_keys()) == []


def test_nothing_printable_of_a_key_contains_its_private_half(subject: Subject) -> None:
    shown = repr((subject.keys, subject.keys.current(), subject.keys.public_keys()))

    assert not re.search("private_bytes|seed", shown)
