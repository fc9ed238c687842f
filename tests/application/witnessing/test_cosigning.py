"""Published is the newest head that meets the quorum; a witness that is away costs nothing else."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import pytest

from application.ports.witnesses import NoAnswer, WitnessAnswer
from application.witnessing.cosigning import (
    AWAY_SECONDS,
    COSIGN_AGAIN_SECONDS,
    ROUNDS_MAX,
    Cosigning,
)
from domain.audit.errors import OtherLog, QuorumMissing
from domain.audit.note import Note
from domain.audit.vkey import VerifierKey
from tests.support.witnesses import (
    KEYS,
    LOG,
    NOW,
    OTHER_LOG,
    Clock,
    History,
    LocalWitnesses,
    make_witness,
    policy_of,
)

ONE, FORK = History(), History(forked_at=5)
VKEYS = [key.verifier for key in KEYS]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def witnesses(tmp_path: Path) -> LocalWitnesses:
    return LocalWitnesses({k.verifier: make_witness(tmp_path / k.verifier.name, k) for k in KEYS})


def endorse(cosigning: Cosigning, size: int, history: History = ONE) -> Note:
    return cosigning.endorse(history.note(size), history.prove(size))


def test_all_witnesses_cosign_each_head(witnesses: LocalWitnesses, clock: Clock) -> None:
    policy = policy_of("all")
    cosigning = Cosigning(policy, witnesses, clock)

    for size in (1, 8, 8, 300):
        note = endorse(cosigning, size)

        assert policy.check(note).witnesses == dict.fromkeys(VKEYS, NOW)
        assert policy.check(note).checkpoint == ONE.head(size)
    assert cosigning.problems == {}
    assert len(witnesses.rounds) == 4


def test_the_size_of_a_witness_is_learnt_from_its_answer(
    witnesses: LocalWitnesses, clock: Clock
) -> None:
    policy = policy_of("all")
    endorse(Cosigning(policy, witnesses, clock), 7)

    policy.check(endorse(Cosigning(policy, witnesses, clock), 20))

    assert len(witnesses.rounds) == 1 + 2


def test_another_process_of_the_log_may_have_asked(witnesses: LocalWitnesses, clock: Clock) -> None:
    one, two = (Cosigning(policy_of("all"), witnesses, clock) for _ in range(2))

    for size in range(1, 20, 2):
        endorse(one, size)
        endorse(two, size + 1)


def test_a_witness_that_is_away_is_left_out_for_a_while(
    witnesses: LocalWitnesses, clock: Clock
) -> None:
    policy = policy_of("2")
    cosigning = Cosigning(policy, witnesses, clock)
    witnesses.away = {VKEYS[1]}

    assert set(policy.check(endorse(cosigning, 8)).witnesses) == {VKEYS[0], VKEYS[2]}
    assert cosigning.problems == {"w1.example": "no answer: ConnectError"}
    endorse(cosigning, 9)
    assert witnesses.rounds == [set(VKEYS), {VKEYS[0], VKEYS[2]}]

    witnesses.away = set()
    clock.seconds += AWAY_SECONDS
    assert set(policy.check(endorse(cosigning, 10)).witnesses) == set(VKEYS)
    assert cosigning.problems == {}


def test_without_the_quorum_nothing_is_endorsed_until_the_witnesses_are_back(
    witnesses: LocalWitnesses, clock: Clock
) -> None:
    cosigning = Cosigning(policy_of("2"), witnesses, clock)
    witnesses.away = set(VKEYS[:2])

    for size in (8, 9):
        with pytest.raises(QuorumMissing):
            endorse(cosigning, size)
    assert cosigning.is_due()

    witnesses.away = set()
    clock.seconds += AWAY_SECONDS
    endorse(cosigning, 10)
    assert not cosigning.is_due()


def test_an_unchanged_head_is_due_again_after_an_hour(
    witnesses: LocalWitnesses, clock: Clock
) -> None:
    cosigning = Cosigning(policy_of("all"), witnesses, clock)
    assert cosigning.is_due()
    first = endorse(cosigning, 8)

    clock.seconds += COSIGN_AGAIN_SECONDS - 1
    assert not cosigning.is_due()
    clock.seconds += 1
    assert cosigning.is_due()

    again = cosigning.endorse(first, ONE.prove(8))
    assert len(again.signatures) == len(first.signatures) == 1 + len(KEYS)
    assert not cosigning.is_due()


def test_a_forked_log_is_not_endorsed(
    witnesses: LocalWitnesses, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    endorse(Cosigning(policy_of("all"), witnesses, clock), 8)
    forked = Cosigning(policy_of("any"), witnesses, clock)

    with caplog.at_level(logging.ERROR):
        for size in (8, 9, 20):
            with pytest.raises(QuorumMissing):
                endorse(forked, size, FORK)
            assert all("the log is forked" in reason for reason in forked.problems.values())

    assert len(forked.problems) == len(KEYS)
    assert "the log is forked" in caplog.text


def test_a_log_that_was_set_back_is_not_endorsed(witnesses: LocalWitnesses, clock: Clock) -> None:
    cosigning = Cosigning(policy_of("any"), witnesses, clock)
    endorse(cosigning, 20)

    for again in (cosigning, Cosigning(policy_of("any"), witnesses, clock)):
        with pytest.raises(QuorumMissing):
            endorse(again, 8)
        assert "the log was set back" in again.problems["w0.example"]
    with pytest.raises(QuorumMissing):
        endorse(Cosigning(policy_of("any"), witnesses, clock), 30, FORK)


def test_a_problem_is_logged_once(
    witnesses: LocalWitnesses, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    cosigning = Cosigning(policy_of("2"), witnesses, clock)
    witnesses.away = {VKEYS[1]}

    with caplog.at_level(logging.WARNING):
        for size in range(1, 5):
            endorse(cosigning, size)
            clock.seconds += AWAY_SECONDS
        witnesses.away = set()
        endorse(cosigning, 9)

    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_a_witness_without_an_address_is_not_asked(witnesses: LocalWitnesses, clock: Clock) -> None:
    cosigning = Cosigning(policy_of("2", urls=["https://a.example", "", "https://c.example"]),
                          witnesses, clock)  # fmt: skip

    endorse(cosigning, 8)

    assert witnesses.rounds[0] == {VKEYS[0], VKEYS[2]}


def test_a_head_of_another_log_is_not_endorsed(witnesses: LocalWitnesses, clock: Clock) -> None:
    other = History(origin=OTHER_LOG.verifier.name)

    with pytest.raises(OtherLog):
        Cosigning(policy_of("any"), witnesses, clock).endorse(
            other.note(8, OTHER_LOG), other.prove(8)
        )


class Answering:
    """A witness that answers the same to everybody."""

    def __init__(self, status: int, body: bytes) -> None:
        self.answer = WitnessAnswer(status, body)
        self.asked = 0

    def ask(
        self, requests: Mapping[VerifierKey, bytes]
    ) -> Mapping[VerifierKey, WitnessAnswer | NoAnswer]:
        self.asked += 1
        return dict.fromkeys(requests, self.answer)


def line(size: int, history: History = ONE, key: int = 0) -> bytes:
    note = Note(history.head(size).text, ()).signed_by(KEYS[key], time=NOW)
    return note.signatures[0].line.encode()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"\n"),
        (200, b"\xff"),
        (200, b"{}"),
        (200, line(9)),
        (200, line(8, FORK)),
        (200, line(8, key=1)),
        (200, line(8) * 2),
        (200, line(8).replace(b"\n", b"\r\n")),
        (200, line(8).replace(b"\n", b"")),
        (200, b"x\n" + line(8)),
        (200, LOG.verifier.name.encode()),
        (200, line(8) * 2000),
        (204, line(8)),
        (302, line(8)),
        (404, b""),
        (403, b""),
        (409, b""),
        (409, b"4"),
        (409, b"04\n"),
        (409, b"-4\n"),
        (409, b"4\r\n"),
        (409, b"9" * 5000 + b"\n"),
        (409, b"9223372036854775807\n"),
        (409, b"9\n"),
        (409, b"8\n"),
        (409, b"4\n"),
        (422, b""),
        (500, b""),
        (999, b""),
    ],
    ids=range(30),
)
def test_any_other_answer_leaves_the_witness_out(status: int, body: bytes, clock: Clock) -> None:
    witness = Answering(status, body)
    cosigning = Cosigning(policy_of("any", urls=["https://a.example"]), witness, clock)

    for _ in range(2):
        with pytest.raises(QuorumMissing):
            endorse(cosigning, 8)

    assert 1 <= len(cosigning.problems["w0.example"]) <= 200
    assert witness.asked <= 2 * ROUNDS_MAX


def test_lines_of_other_keys_in_an_answer_are_ignored(clock: Clock) -> None:
    policy = policy_of("any", urls=["https://a.example"])
    witness = Answering(200, line(8, key=2) + line(8) + line(8, key=1))

    note = endorse(Cosigning(policy, witness, clock), 8)

    assert [one.name for one in note.signatures] == [LOG.verifier.name, "w0.example"]
