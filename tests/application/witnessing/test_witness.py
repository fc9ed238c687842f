"""A witness never cosigns two heads that no single log could have."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from application.ports.witness_memory import MemoryUnavailable
from application.witnessing.witness import Witness
from domain.audit import note as notes
from domain.audit.errors import (
    BadSignature,
    EvidenceError,
    HeadConflict,
    InvalidProof,
    MalformedCheckpoint,
    MalformedSubmission,
    OtherLog,
    UnknownSigner,
)
from domain.audit.merkle import EMPTY_ROOT
from domain.audit.note import Checkpoint, Note, Signature
from domain.audit.submission import Submission
from infrastructure.witnessing.memory import FileMemory
from tests.support.witnesses import (
    KEY,
    LOG,
    NEW_LOG,
    NOW,
    ORIGIN,
    OTHER_LOG,
    History,
    make_witness,
)

ONE, FORK = History(), History(forked_at=5)


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return make_witness(tmp_path)


def check_cosigned(line: str, checkpoint: Checkpoint) -> None:
    [signature] = notes.parse_lines(line)
    assert Note(checkpoint.text, [signature]).verify([KEY.verifier]) == {KEY.verifier: NOW}


def refused(witness: Witness, data: bytes, error: type[EvidenceError]) -> EvidenceError:
    with pytest.raises(error) as raised:
        witness.add_checkpoint(data)
    assert type(raised.value) is error
    return raised.value


def test_every_head_that_continues_the_last_one_is_cosigned(witness: Witness) -> None:
    for old, size in [(0, 0), (0, 1), (1, 7), (7, 8), (8, 8), (8, 300), (300, 300)]:
        check_cosigned(witness.add_checkpoint(ONE.request(old, size)), ONE.head(size))


@pytest.mark.parametrize("old", [0, 1, 2, 3, 6, 7, 8, 13, 16, 31])
def test_sizes_lead_to_each_other(tmp_path: Path, old: int) -> None:
    for size in {old, old + 1, 32, 33, 47, 256, 257, 300}:
        witness = make_witness(tmp_path / f"{size}")
        witness.add_checkpoint(ONE.request(0, old))
        check_cosigned(witness.add_checkpoint(ONE.request(old, size)), ONE.head(size))


def test_the_memory_outlives_the_process(tmp_path: Path) -> None:
    make_witness(tmp_path).add_checkpoint(ONE.request(0, 8))

    restarted = make_witness(tmp_path)

    refused(restarted, FORK.request(0, 8), HeadConflict)
    check_cosigned(restarted.add_checkpoint(ONE.request(8, 9)), ONE.head(9))


def test_another_root_of_the_same_size_is_refused_and_kept_as_evidence(
    witness: Witness, tmp_path: Path
) -> None:
    witness.add_checkpoint(ONE.request(0, 8))

    for old in (8, 0, 3):
        error = refused(witness, FORK.request(old, 8), HeadConflict)
        assert isinstance(error, HeadConflict)
        assert error.size == 8
    refused(witness, History(forked_at=6).request(8, 8), HeadConflict)

    [evidence] = tmp_path.glob("*.fork")
    assert notes.parse(evidence.read_bytes()).text == FORK.head(8).text
    assert FileMemory(tmp_path).head(ORIGIN) == ONE.head(8)


def test_a_forked_log_is_refused_at_every_later_size(witness: Witness) -> None:
    witness.add_checkpoint(ONE.request(0, 8))

    for size in range(9, 60):
        refused(witness, FORK.request(8, size), InvalidProof)
    check_cosigned(witness.add_checkpoint(ONE.request(8, 60)), ONE.head(60))


def test_a_log_that_was_set_back_is_refused_with_the_known_size(witness: Witness) -> None:
    witness.add_checkpoint(ONE.request(0, 20))

    for old, size in [(0, 8), (8, 8), (8, 9), (8, 20), (0, 20), (0, 30), (19, 30), (21, 30)]:
        error = refused(witness, ONE.request(old, size), HeadConflict)
        assert isinstance(error, HeadConflict)
        assert error.size == 20


def test_a_proof_of_another_length_is_refused(witness: Witness) -> None:
    witness.add_checkpoint(ONE.request(0, 7))
    proof, note = ONE.proof(7, 20), ONE.note(20)

    for spoilt in (
        [], proof[:-1], proof[1:], [*proof, proof[0]], [proof[0], *proof], [*proof, bytes(32)],
        proof[::-1], [bytes(32)] * 63, [bytes([proof[0][0] ^ 1]) + proof[0][1:], *proof[1:]],
    ):  # fmt: skip
        refused(witness, Submission(7, spoilt, note).encode(), InvalidProof)
    check_cosigned(witness.add_checkpoint(ONE.request(7, 20)), ONE.head(20))


def test_a_proof_from_nothing_or_to_the_same_size_is_empty(witness: Witness) -> None:
    refused(witness, Submission(0, [bytes(32)], ONE.note(8)).encode(), InvalidProof)
    witness.add_checkpoint(ONE.request(0, 8))

    refused(witness, Submission(8, [bytes(32)], ONE.note(8)).encode(), InvalidProof)


def test_the_empty_log_has_one_root(witness: Witness) -> None:
    other = Checkpoint(ORIGIN, 0, bytes(32)).note(LOG)

    refused(witness, Submission(0, [], other).encode(), HeadConflict)

    assert ONE.head(0).root == EMPTY_ROOT
    check_cosigned(witness.add_checkpoint(ONE.request(0, 0)), ONE.head(0))


def test_an_old_size_larger_than_the_new_one_is_malformed(witness: Witness) -> None:
    refused(witness, Submission(9, [], ONE.note(8)).encode(), MalformedSubmission)


def test_a_log_that_the_witness_does_not_know_is_refused(tmp_path: Path) -> None:
    witness = make_witness(tmp_path, logs=[OTHER_LOG])

    refused(witness, ONE.request(0, 8), OtherLog)


def test_logs_do_not_see_each_others_heads(witness: Witness) -> None:
    other = History(forked_at=0, origin=OTHER_LOG.verifier.name)

    witness.add_checkpoint(ONE.request(0, 8))

    check_cosigned(witness.add_checkpoint(other.request(0, 8, OTHER_LOG)), other.head(8))
    refused(witness, ONE.request(0, 9, OTHER_LOG), UnknownSigner)


@pytest.mark.parametrize(
    ("signatures", "error"),
    [
        ([OTHER_LOG], UnknownSigner),
        ([NEW_LOG], UnknownSigner),
        ([KEY], UnknownSigner),
    ],
)
def test_a_checkpoint_that_no_key_of_the_log_has_signed_is_refused(
    witness: Witness, signatures: list[object], error: type[EvidenceError]
) -> None:
    note = ONE.head(8).note()
    for key in signatures:
        note = note.signed_by(key, time=NOW)  # type: ignore[arg-type]

    refused(witness, Submission(0, [], note).encode(), error)


def test_a_signature_that_is_not_valid_is_refused(witness: Witness) -> None:
    [good] = ONE.note(8).signatures
    bad = good._replace(signature=bytes(64))
    text = ONE.head(8).text

    for signatures in (
        [bad],
        [bad, good],
        [good, bad],
        [good, good],
        [good._replace(signature=b"x")],
    ):
        refused(witness, Submission(0, [], Note(text, signatures)).encode(), BadSignature)


def test_during_a_rotation_either_key_is_enough(tmp_path: Path) -> None:
    for number, logs in enumerate(([LOG], [NEW_LOG], [LOG, NEW_LOG])):
        witness = make_witness(tmp_path / str(number), logs=logs)
        line = witness.add_checkpoint(ONE.request(0, 8, LOG, NEW_LOG))
        check_cosigned(line, ONE.head(8))


def test_signatures_of_unknown_keys_are_ignored(witness: Witness) -> None:
    others = [Signature(f"w{n}.example", bytes(4), bytes(72)) for n in range(60)]
    note = Note(ONE.head(8).text, [*ONE.note(8).signatures, *others])

    check_cosigned(witness.add_checkpoint(Submission(0, [], note).encode()), ONE.head(8))


def test_extension_lines_are_not_cosigned(witness: Witness) -> None:
    note = Note(ONE.head(8).text + "more\n", ()).signed_by(LOG)

    refused(witness, Submission(0, [], note).encode(), MalformedCheckpoint)


class FailingMemory(FileMemory):
    """Cannot keep anything, or finds that it kept something else."""

    def keep(self, note: Note) -> None:
        raise MemoryUnavailable


def test_nothing_is_signed_that_is_not_kept(tmp_path: Path) -> None:
    failing = Witness(KEY, [LOG.verifier], FailingMemory(tmp_path), lambda: NOW)

    with pytest.raises(MemoryUnavailable):
        failing.add_checkpoint(ONE.request(0, 8))

    check_cosigned(make_witness(tmp_path).add_checkpoint(FORK.request(0, 8)), FORK.head(8))


class ObservedKey:
    """Looks at the memory whenever it signs."""

    def __init__(self, memory: FileMemory) -> None:
        self._memory = memory
        self.verifier = KEY.verifier

    def sign(self, text: str, *, time: int | None = None) -> bytes:
        assert self._memory.head(ORIGIN) == notes.parse_checkpoint(text)
        return KEY.sign(text, time=time)


def test_a_head_is_in_the_memory_before_it_is_signed(tmp_path: Path) -> None:
    memory = FileMemory(tmp_path)
    witness = Witness(ObservedKey(memory), [LOG.verifier], memory, lambda: NOW)  # type: ignore[arg-type]

    for old, size in [(0, 1), (1, 8), (8, 8)]:
        check_cosigned(witness.add_checkpoint(ONE.request(old, size)), ONE.head(size))


def test_concurrent_requests_of_two_histories_get_one(witness: Witness) -> None:
    seed = random.randrange(2**32)
    requests = [
        (history, old, size)
        for history in (ONE, FORK)
        for size in range(1, 30)
        for old in (0, size // 2, size - 1, size)
    ] * 2
    random.Random(seed).shuffle(requests)

    def ask(request: tuple[History, int, int]) -> Checkpoint | None:
        history, old, size = request
        try:
            witness.add_checkpoint(history.request(old, size))
        except (HeadConflict, InvalidProof):
            return None
        return history.head(size)

    with ThreadPoolExecutor(8) as pool:
        cosigned = {head for head in pool.map(ask, requests) if head is not None}

    assert cosigned, seed
    by_size = {head.size: head for head in cosigned}
    assert len(by_size) == len(cosigned), seed
    common = {head for head in cosigned if head.size <= 5}
    for history in (ONE, FORK):
        if cosigned - common <= {history.head(size) for size in range(30)}:
            return
    pytest.fail(f"two histories were cosigned, seed {seed}")
