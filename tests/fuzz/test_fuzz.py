"""The fuzzer runs every parser, finds what is planted, and makes the text that shows it short."""

from __future__ import annotations

import pytest

from domain.qr import emv_mpm
from domain.qr.errors import Cause, InvalidQr
from tests.fuzz import inputs
from tests.fuzz.fuzz import STEPS_MAX, fuzz
from tests.fuzz.targets import TARGETS, Target
from tests.fuzz.vectors import EMV

EXECUTIONS = 1_500


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_parser_reads_hostile_texts_or_refuses_them_by_name(target: Target) -> None:
    report = fuzz(target, EXECUTIONS, seed=1)

    assert report.failures == {}
    assert report.executions == report.read + report.refused.total() == EXECUTIONS
    assert report.read > EXECUTIONS // 50
    assert len(report.refused) >= 3
    assert 0 < report.steps < STEPS_MAX // 4


def test_the_same_seed_gives_the_same_texts() -> None:
    [target, *_] = TARGETS

    assert fuzz(target, 500, seed=3) == fuzz(target, 500, seed=3)
    assert fuzz(target, 500, seed=3) != fuzz(target, 500, seed=4)


def fails_on_a_tip(text: str) -> bool:
    if emv_mpm.parse(text).tip is not None:
        raise KeyError(text)
    return True


def test_an_exception_is_found_and_its_text_is_shortened() -> None:
    [(outcome, text)] = fuzz(Target("planted", fails_on_a_tip, EMV), 300, seed=1).failures.items()

    assert outcome == "failure: KeyError"
    assert len(text) < len(EMV[0]) // 2
    with pytest.raises(KeyError):
        fails_on_a_tip(text)


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ({"reason": "x", "offset": 0}, "no cause"),
        ({"cause": "x", "reason": "x", "offset": 0}, "no cause"),
        ({"cause": Cause.CHECKSUM, "reason": "", "offset": 0}, "no reason"),
        ({"cause": Cause.CHECKSUM, "reason": "x\n", "offset": 0}, "no reason"),
        ({"cause": Cause.CHECKSUM, "reason": "x", "offset": -1}, "no offset within the text"),
        ({"cause": Cause.CHECKSUM, "reason": "x", "offset": 9_999}, "no offset within the text"),
        ({"cause": Cause.CHECKSUM, "reason": "x", "offset": True}, "no offset within the text"),
    ],
)
def test_a_refusal_without_its_facts_is_a_failure(facts: dict[str, object], outcome: str) -> None:
    def read(_text: str) -> bool:
        raise InvalidQr(**facts)  # type: ignore[arg-type]

    assert list(fuzz(Target("planted", read, ("x",)), 10, seed=1).failures) == [
        f"failure: {outcome}"
    ]


def test_a_parser_that_takes_too_many_steps_is_found() -> None:
    def read(_text: str) -> bool:
        for _ in range(STEPS_MAX):
            pass
        return True

    found = fuzz(Target("planted", read, ("x",)), 10, seed=1).failures

    assert list(found) == [f"failure: more than {STEPS_MAX} steps"]


def test_texts_reach_past_the_limits_and_into_every_object() -> None:
    report = fuzz(next(one for one in TARGETS if one.name == "emv_mpm"), 5_000, seed=2)

    assert {one.value for one in Cause} & report.refused.keys() == {
        "too-long", "unacceptable-text", "unreadable", "checksum", "repeated-object",
        "missing-object", "invalid-object",
    }  # fmt: skip
    assert inputs.CHARS_MAX > 2 * emv_mpm.CODE_CHARS_MAX
