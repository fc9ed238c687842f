from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.audit import leaf, receipt
from domain.audit.errors import (
    EvidenceError,
    InvalidProof,
    MalformedLeaf,
    MalformedNote,
    MalformedReceipt,
)
from domain.audit.leaf import Leaf
from domain.audit.merkle import hash_leaf, inclusion_proof, nodes_of, root_of
from domain.audit.note import Checkpoint
from domain.audit.receipt import Receipt
from domain.audit.vkey import KeyType, SigningKey

KEY = SigningKey.of("example.com/log", KeyType.NOTE, bytes(32))
LEAVES = [
    leaf.encode(Leaf(n, bytes(16), 1, n, bytes(16), bytes(16), 1, "a", "t", b"{}"))
    for n in range(1, 12)
]
HASHES = [hash_leaf(one) for one in LEAVES]
HEAD = Checkpoint("example.com/log", 11, root_of(HASHES))
PROOF = inclusion_proof(4, 11, nodes_of(HASHES))
RECEIPT = Receipt(LEAVES[4], 4, PROOF, HEAD.note(KEY))
TEXT = RECEIPT.encode()


def check(data: bytes) -> None:
    found = receipt.parse(data)
    found.verify()
    found.note.verify([KEY.verifier])


def test_a_receipt_is_read_as_it_was_written() -> None:
    found = receipt.parse(TEXT)

    assert found.encode() == TEXT
    assert found.verify().position == 5
    assert found.checkpoint == HEAD
    assert TEXT.startswith(b"c2sp.org/tlog-proof@v1\nextra AQAAAAAAAAAF")


def test_a_log_of_one_event_has_a_receipt_without_hashes() -> None:
    head = Checkpoint("example.com/log", 1, HASHES[0])

    found = receipt.parse(Receipt(LEAVES[0], 0, [], head.note(KEY)).encode())

    assert found.verify().position == 1


@given(st.integers(0, len(TEXT) - 1), st.integers(0, 7))
def test_no_bit_of_a_receipt_can_change(at: int, bit: int) -> None:
    data = bytearray(TEXT)
    data[at] ^= 1 << bit

    with pytest.raises(EvidenceError):
        check(bytes(data))


def test_the_leaf_of_another_event_is_refused() -> None:
    for other in (LEAVES[3], LEAVES[4][:-1], b"", LEAVES[4] + b"\0"):
        with pytest.raises(InvalidProof):
            replace(RECEIPT, leaf_bytes=other).verify()


def test_a_leaf_that_is_in_the_tree_but_has_another_position_is_refused() -> None:
    """A log that numbers wrongly cannot give a receipt for it."""
    hashes = [HASHES[1], HASHES[0]]
    head = Checkpoint("example.com/log", 2, root_of(hashes)).note(KEY)

    with pytest.raises(MalformedReceipt, match="position 2"):
        Receipt(LEAVES[1], 0, [HASHES[0]], head).verify()


def test_what_is_in_the_tree_but_no_leaf_is_refused() -> None:
    head = Checkpoint("example.com/log", 1, hash_leaf(b"hello")).note(KEY)

    with pytest.raises(MalformedLeaf):
        Receipt(b"hello", 0, [], head).verify()


CASES = {
    "nothing": b"",
    "another version": TEXT.replace(b"@v1", b"@v2"),
    "carriage returns": TEXT.replace(b"\n", b"\r\n"),
    "no leaf": b"\n".join([TEXT.split(b"\n")[0], *TEXT.split(b"\n")[2:]]),
    "no index": TEXT.replace(b"index 4\n", b""),
    "a leading zero": TEXT.replace(b"index 4", b"index 04"),
    "digits of another script": TEXT.replace(b"index 4", "index ٤".encode()),
    "a huge index": TEXT.replace(b"index 4", b"index " + b"9" * 19),
    "a very long index": TEXT.replace(b"index 4", b"index " + b"9" * 5000),
    "two spaces": TEXT.replace(b"index 4", b"index  4"),
    "a hash without padding": TEXT.replace(b"=\n", b"\n", 1),
    "a short hash": TEXT.replace(b"index 4\n", b"index 4\nAAAA\n"),
    "64 hashes": TEXT.replace(b"index 4\n", b"index 4\n" + (b"A" * 43 + b"=\n") * 64),
    "not UTF-8": b"\xff" + TEXT,
    "no empty line": TEXT.replace(b"\n\n", b"\n"),
    "too long": TEXT.replace(b"extra ", b"extra " + b"AAAA" * 70_000),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_no_receipt_is_refused(name: str) -> None:
    with pytest.raises(MalformedReceipt):
        receipt.parse(CASES[name])


def test_a_receipt_ends_with_a_signed_note() -> None:
    for damaged in (TEXT[:-1], TEXT + b"\n", TEXT.partition(b"\n\n")[0] + b"\n\n"):
        with pytest.raises(MalformedNote):
            receipt.parse(damaged)
