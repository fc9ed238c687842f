"""The decision table of attempts: what each word leads to in each state."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain.money.money import Amount, Money
from domain.sessions.attempt import (
    ACTIVE,
    UNANSWERED_MAX,
    Attempt,
    AttemptStatus,
    Heard,
)
from domain.sessions.attempts import WORDS, Effect, Word, effect_of, word_of
from domain.sessions.state import Funding

ACCEPTED = Heard(AttemptStatus.PROCESSING, "r")
DECLINED, VOIDED = Heard(AttemptStatus.DECLINED, "r"), Heard(AttemptStatus.VOIDED, "r")
SILENT = Heard(AttemptStatus.UNKNOWN, "r")
SAID = {
    "accepted": ACCEPTED,
    "captured 10 USD": Heard(AttemptStatus.CAPTURED, "r", Money(10, "USD")),
    "captured 11 USD": Heard(AttemptStatus.CAPTURED, "r", Money(11, "USD")),
    "captured  9 USD": Heard(AttemptStatus.CAPTURED, "r", Money(9, "USD")),
    "captured 10 JPY": Heard(AttemptStatus.CAPTURED, "r", Money(10, "JPY")),
    "another capture": Heard(AttemptStatus.CAPTURED, "r2", Money(10, "USD")),
    "declined": DECLINED,
    "voided": VOIDED,
    "no answer": SILENT,
}
PROCESSOR = """
                 started   processing  unknown  captured  declined  voided
accepted         accept    -           accept   -         -         -
captured 10 USD  pay       pay         pay      -         late      late
captured 11 USD  over      over        over     conflict  late      late
captured  9 USD  all       all         all      conflict  late      late
captured 10 JPY  all       all         all      conflict  late      late
another capture  pay       pay         pay      late      late      late
declined         decline   decline     decline  conflict  -         -
voided           void      void        void     conflict  -         -
no answer        unknown   unknown     -        -         -         -
"""
WALLET = """
                 started   processing  unknown  captured  declined  voided
accepted         accept    -           accept   -         -         -
captured 10 USD  pay       pay         pay      -         conflict  conflict
captured 11 USD  refuse    refuse      refuse   conflict  conflict  conflict
captured  9 USD  refuse    refuse      refuse   conflict  conflict  conflict
captured 10 JPY  refuse    refuse      refuse   conflict  conflict  conflict
another capture  pay       pay         pay      conflict  conflict  conflict
declined         decline   decline     decline  conflict  -         -
voided           void      void        void     conflict  -         -
no answer        unknown   unknown     -        -         -         -
"""
"""A processor that only authorises has no money that could be returned."""
SHORT = {
    "-": Effect.NOTHING, "accept": Effect.ACCEPT, "pay": Effect.PAY, "over": Effect.PAY_OVER,
    "all": Effect.SUSPEND_ALL, "late": Effect.LATE, "decline": Effect.DECLINE,
    "void": Effect.VOID, "unknown": Effect.MARK, "conflict": Effect.CONFLICT,
    "refuse": Effect.REFUSE,
}  # fmt: skip
WORD_CHARS = 17


def attempt(status: AttemptStatus, funding: Funding = Funding.PROCESSOR) -> Attempt:
    captured = Amount(10, "USD", 2) if status is AttemptStatus.CAPTURED else None
    return Attempt(
        id="att_1",
        processor="sandbox",
        funding=funding,
        amount=Money(10, "USD"),
        wallet_id=None,
        wallet_app_id=None,
        claim_id=None,
        status=status,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        reference="r",
        captured=captured,
    )


def cases() -> list[tuple[Funding, str, AttemptStatus, Effect]]:
    found = []
    for funding, table in ((Funding.PROCESSOR, PROCESSOR), (Funding.WALLET, WALLET)):
        head, *lines = table.strip("\n").splitlines()
        for line in lines:
            said, effects = line[:WORD_CHARS].strip(), line[WORD_CHARS:].split()
            for status, effect in zip(head.split(), effects, strict=True):
                found.append((funding, said, AttemptStatus(status), SHORT[effect]))
    return found


@pytest.mark.parametrize(("funding", "said", "status", "effect"), cases())
def test_every_word_has_one_effect_in_every_state(
    funding: Funding, said: str, status: AttemptStatus, effect: Effect
) -> None:
    before = attempt(status, funding)

    assert effect_of(before, word_of(before, SAID[said])) is effect


def test_the_table_is_whole() -> None:
    assert set(WORDS) == set(Word)
    assert {len(line) for line in WORDS.values()} == {len(AttemptStatus)}
    assert {said for _, said, _, _ in cases()} == set(SAID)


def test_only_a_word_that_is_an_end_ends_an_attempt() -> None:
    ends = {Effect.PAY, Effect.PAY_OVER, Effect.SUSPEND_ALL, Effect.DECLINE, Effect.VOID}

    for status in ACTIVE:
        for said, heard in SAID.items():
            before = attempt(status)
            assert (effect_of(before, word_of(before, heard)) in ends) is (
                said not in {"accepted", "no answer"}
            )


def test_silence_is_recorded_a_limited_number_of_times() -> None:
    before = replace(attempt(AttemptStatus.PROCESSING), unanswered=UNANSWERED_MAX)

    assert effect_of(before, word_of(before, SILENT)) is Effect.NOTHING


def test_a_reference_that_is_missing_means_the_known_one() -> None:
    before = attempt(AttemptStatus.CAPTURED)

    again = Heard(AttemptStatus.CAPTURED, "", Money(10, "USD")).cleaned(before)
    assert word_of(before, again) is Word.AGAIN
    assert Heard(AttemptStatus.DECLINED).cleaned(replace(before, reference="")).reference == "att_1"
