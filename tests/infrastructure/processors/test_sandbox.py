"""The sandbox: each of its behaviours, by the amount's last two digits or by name."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from application.ports.processor import (
    AmountUnsupported,
    Answer,
    OutcomeUnknown,
    State,
    Unavailable,
)
from domain.money.money import Money
from infrastructure.processors.sandbox_behaviours import BEHAVIOURS, BY_NAME, choose, table
from tests.support.processors import NOW, SandboxRig, charge, refund_of

FINALLY = {
    "approves": ("captured", "captured", 0),
    "declines": ("declined", "declined", 0),
    "redirects": ("processing", "processing", 0),
    "slow": ("processing", "captured", 1),
    "declines_later": ("processing", "declined", 1),
    "silent": ("silence", "captured", 0),
    "silent_for_ever": ("silence", "silence", 0),
    "late": ("silence", "captured", 1),
    "twice": ("captured", "captured", 2),
    "out_of_order": ("processing", "captured", 2),
    "takes_more": ("captured", "captured", 0),
    "takes_less": ("captured", "captured", 0),
    "other_currency": ("captured", "captured", 0),
    "unavailable": ("unavailable", "not_found", 0),
    "captures_when_voided": ("processing", "processing", 0),
    "unsupported": ("unsupported", "not_found", 0),
    "disputes": ("captured", "captured", 1),
    "dispute_won": ("captured", "captured", 2),
    "dispute_lost": ("captured", "captured", 2),
}
"""By behaviour: the answer to begin, the state after a minute, and the callbacks until then."""


def say(answer: Answer | type[Exception]) -> str:
    return str(answer.state) if isinstance(answer, Answer) else answer.__name__


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda one: one.name)
@pytest.mark.parametrize("named", [False, True])
def test_the_sandbox_does_what_its_table_says(behaviour: object, named: bool) -> None:
    rig = SandboxRig()
    chosen = BY_NAME[behaviour.name]  # type: ignore[attr-defined]
    minor = 1200 if named else 1200 + (chosen.digits or 0)
    charged = charge(minor, behaviour=chosen.name if named else "")
    begun, later, callbacks = FINALLY[chosen.name]

    def call(method: str) -> str:
        try:
            return str(getattr(rig.processor, method)(charged).state)
        except OutcomeUnknown:
            return "silence"
        except Unavailable:
            return "unavailable"
        except AmountUnsupported:
            return "unsupported"

    first = call("begin")
    rig.now = NOW + timedelta(seconds=60)

    assert first == begun
    assert call("status") == later
    assert len(rig.sandbox.callbacks(charged.key)) == callbacks


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("takes_more", Money(1300, "USD")),
        ("takes_less", Money(1199, "USD")),
        ("other_currency", Money(1200, "EUR")),
    ],
)
def test_the_sandbox_takes_another_amount_or_currency(name: str, taken: Money) -> None:
    answer = SandboxRig().processor.begin(charge(behaviour=name))

    assert answer.amount == taken


def test_each_callback_is_authentic_when_it_is_due_and_says_what_the_table_says() -> None:
    rig = SandboxRig()
    for number, behaviour in enumerate(BEHAVIOURS):
        if behaviour.unavailable or behaviour.unsupported:
            continue
        charged = charge(key=f"att_{number}", behaviour=behaviour.name)
        with suppress(OutcomeUnknown):
            rig.processor.begin(charged)

        sent = rig.sandbox.callbacks(charged.key)
        read = [rig.processor.read_callback(one.headers, one.body, one.due_at) for one in sent]

        assert [n.answer.state for n in read] == [state for _, state in behaviour.notices]
        assert [n.at - NOW for n in read] == [timedelta(seconds=s) for s, _ in behaviour.notices]
        assert {n.key for n in read} <= {charged.key}
        assert len({n.id for n in read}) == len({state for _, state in behaviour.notices})


@pytest.mark.parametrize(("approved", "state"), [(True, "captured"), (False, "declined")])
def test_the_payer_decides_once_on_the_page(approved: bool, state: str) -> None:
    rig = SandboxRig()
    charged = rig.make("redirects")
    reference = rig.processor.begin(charged).reference

    decided = rig.sandbox.decide(reference, approved=approved)
    again = rig.sandbox.decide(reference, approved=not approved)
    [callback] = rig.sandbox.callbacks(charged.key)
    notice = rig.processor.read_callback(callback.headers, callback.body, NOW)

    assert decided == again
    assert rig.processor.status(charged).state == state
    assert rig.processor.void(charged).state == state
    assert notice.answer.state == state
    assert rig.sandbox.decide("sbx_unknown", approved=True) is None


def test_a_voided_charge_may_be_captured_all_the_same() -> None:
    rig = SandboxRig()
    charged = charge(behaviour="captures_when_voided")
    rig.processor.begin(charged)

    voided = rig.processor.void(charged)
    [callback] = rig.sandbox.callbacks(charged.key)
    notice = rig.processor.read_callback(callback.headers, callback.body, callback.due_at)

    assert voided.state is State.VOIDED
    assert notice.answer.state is State.CAPTURED
    assert callback.due_at > NOW


def test_the_digits_of_a_refund_are_its_own() -> None:
    rig = SandboxRig()
    charged = rig.make("captures")
    rig.processor.begin(charged)

    declined = rig.processor.refund(refund_of(charged, 161, key="ref_1"))
    made = rig.processor.refund(refund_of(charged, 162, key="ref_2"))
    slow = rig.processor.refund(refund_of(charged, 163, key="ref_3"))
    rig.now += timedelta(seconds=5)

    assert (declined.state, declined.reason) == (State.DECLINED, "insufficient_funds")
    assert made.state is State.REFUNDED
    assert slow.state is State.PROCESSING
    assert rig.processor.status(refund_of(charged, 163, key="ref_3")).state is State.REFUNDED


def test_the_digits_of_the_table_are_different_and_an_unknown_name_counts_as_none() -> None:
    digits = [one.digits for one in BEHAVIOURS]

    assert len(set(digits)) == len(digits)
    assert set(FINALLY) == set(BY_NAME)
    assert choose(161, "no such behaviour").name == "declines"
    assert choose(161, "approves").name == "approves"


def test_what_the_sandbox_says_survives_a_restart() -> None:
    first, second = SandboxRig(), SandboxRig()
    charged = first.make("redirects")
    begun = first.processor.begin(charged)
    second.sandbox._store = first.store

    assert second.processor.begin(replace(charged, reference="")) == begun


def test_the_table_of_the_docs_is_the_sandboxs_own() -> None:
    page = (Path(__file__).parents[3] / "docs" / "explanation" / "processors.md").read_text("utf-8")

    shown = page.partition("<!-- sandbox -->\n")[2].partition("\n<!-- /sandbox -->")[0]

    assert shown == table()
