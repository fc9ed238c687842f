"""The port of the processors: one contract for every adapter and the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from application.ports.processor import (
    CALLBACK_SECONDS_MAX,
    BadSignature,
    Irrelevant,
    Malformed,
    OutcomeUnknown,
    State,
    Subject,
)
from tests.support.processors import NOW, RIGS, Rig, refund_of

pytestmark = pytest.mark.contract


@pytest.fixture(params=RIGS)
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with RIGS[request.param]() as made:
        yield made


# Charges.


def test_a_charge_is_captured_once_however_often_it_is_begun(rig: Rig) -> None:
    charged = rig.make("captures")

    first, again = rig.processor.begin(charged), rig.processor.begin(charged)

    assert first.state is State.CAPTURED
    assert first.amount == charged.amount
    assert first.reference
    assert again == first
    assert rig.processor.status(replace(charged, reference=first.reference)) == first
    assert rig.taken_minor() == charged.amount.minor


def test_a_declined_charge_says_why_in_a_code_and_takes_nothing(rig: Rig) -> None:
    charged = rig.make("declines")

    answer = rig.processor.begin(charged)

    assert answer.state is State.DECLINED
    assert answer.reason.replace("_", "").isalpha()
    assert rig.processor.status(replace(charged, reference=answer.reference)).state == "declined"
    assert rig.taken_minor() == 0


def test_a_payer_is_sent_to_a_page_until_the_charge_is_voided(rig: Rig) -> None:
    charged = rig.make("redirects")

    begun = rig.processor.begin(charged)
    known = replace(charged, reference=begun.reference)
    asked = rig.processor.status(known)
    voided = rig.processor.void(known)

    assert begun.state is asked.state is State.PROCESSING
    assert begun.redirect_url == asked.redirect_url
    assert begun.redirect_url.startswith("https://")
    assert voided.state is State.VOIDED
    assert not voided.redirect_url
    assert rig.processor.status(known).state is State.VOIDED
    assert rig.taken_minor() == 0


def test_voiding_what_is_captured_changes_nothing_and_says_so(rig: Rig) -> None:
    charged = rig.make("captures")

    begun = rig.processor.begin(charged)
    answer = rig.processor.void(replace(charged, reference=begun.reference))

    assert answer == begun
    assert rig.taken_minor() == charged.amount.minor


def test_a_charge_that_was_voided_before_it_arrived_takes_nothing(rig: Rig) -> None:
    charged = rig.make("captures")

    voided = rig.processor.void(charged)
    try:
        late = rig.processor.begin(charged).state
    except OutcomeUnknown:
        late = State.NOT_FOUND

    assert voided.state is State.VOIDED
    assert late is not State.CAPTURED
    assert rig.taken_minor() == 0


def test_the_processor_does_not_know_what_it_has_never_received(rig: Rig) -> None:
    charged = rig.make("captures")

    assert rig.processor.status(charged).state is State.NOT_FOUND
    assert rig.taken_minor() == 0


def test_an_authorised_charge_is_captured_or_voided(rig: Rig) -> None:
    first = replace(rig.make("captures"), capture=False)
    begun = rig.processor.begin(first)
    held = rig.taken_minor()
    captured = rig.processor.capture(replace(first, reference=begun.reference))
    second = replace(rig.make("captures"), capture=False)
    voided = rig.processor.void(replace(second, reference=rig.processor.begin(second).reference))

    assert begun.state is State.AUTHORISED
    assert begun.amount == first.amount
    assert held == 0
    assert captured.state is State.CAPTURED
    assert rig.processor.capture(replace(first, reference=begun.reference)) == captured
    assert voided.state is State.VOIDED
    assert rig.taken_minor() == first.amount.minor


def test_no_answer_is_unknown_and_never_a_second_charge(rig: Rig) -> None:
    charged = rig.make("silent")

    with pytest.raises(OutcomeUnknown):
        rig.processor.begin(charged)
    asked = rig.processor.status(charged)

    assert asked.state is State.CAPTURED
    assert asked.amount == charged.amount
    assert rig.taken_minor() == charged.amount.minor


# Refunds.


def test_a_refund_is_made_once_however_often_it_is_asked_for(rig: Rig) -> None:
    charged = rig.make("captures")
    reference = rig.processor.begin(charged).reference
    order = refund_of(charged, 500, reference=reference)

    unknown = rig.processor.status(order)
    first, again = rig.processor.refund(order), rig.processor.refund(order)

    assert unknown.state is State.NOT_FOUND
    assert first.state is State.REFUNDED
    assert first.amount == order.amount
    assert again == first
    assert rig.processor.status(replace(order, reference=first.reference)) == first
    assert rig.returned_minor() == 500
    assert rig.taken_minor() == charged.amount.minor


# Callbacks.


def test_a_callback_is_read_if_the_processor_has_signed_it(rig: Rig) -> None:
    charged = rig.make("captures")
    reference = rig.processor.begin(charged).reference
    body = rig.captured_callback(charged, reference)

    notice = rig.processor.read_callback(rig.sign(body, NOW), body, NOW)

    assert notice.subject is Subject.CHARGE
    assert notice.key == charged.key
    assert notice.charge_reference == reference
    assert notice.answer.state is State.CAPTURED
    assert notice.answer.amount == charged.amount
    assert notice.id


@pytest.mark.parametrize("seconds", [-CALLBACK_SECONDS_MAX - 1, CALLBACK_SECONDS_MAX + 1])
def test_a_callback_is_refused_outside_the_window_on_either_side(rig: Rig, seconds: int) -> None:
    charged = rig.make("captures")
    body = rig.captured_callback(charged, rig.processor.begin(charged).reference)
    late = NOW + timedelta(seconds=seconds)
    edge = timedelta(seconds=abs(seconds) - 1)

    with pytest.raises(BadSignature):
        rig.processor.read_callback(rig.sign(body, late), body, NOW)
    assert rig.processor.read_callback(rig.sign(body, NOW), body, NOW + edge).key == charged.key
    assert rig.processor.read_callback(rig.sign(body, NOW), body, NOW - edge).key == charged.key


def test_a_callback_that_is_not_signed_as_it_is_has_no_effect(rig: Rig) -> None:
    body = rig.captured_callback(rig.make("captures"), "reference")
    signed = dict(rig.sign(body, NOW))

    for headers in (
        {},
        *({n: v for n, v in signed.items() if n != name} for name in signed),
        *({**signed, name: ""} for name in signed),
        *(
            {**signed, name: value[:-1] + ("0" if value[-1] != "0" else "1")}
            for name, value in signed.items()
        ),
        *({**signed, name: "\u0661" * 10} for name in signed),
        *({**signed, name: "a,b=c;t=,v1=" * 500} for name in signed),
    ):
        with pytest.raises(BadSignature):
            rig.processor.read_callback(headers, body, NOW)
    for other in (body + b" ", body.replace(b"1200", b"1201"), b""):
        with pytest.raises(BadSignature):
            rig.processor.read_callback(signed, other, NOW)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"1", b'"x"', b"{}", b"\xff\xfe", b"<html></html>", b"[" * 60_000,
     b'{"id": 1}', b'{"id": "a", "type": 3}'],
)  # fmt: skip
def test_a_signed_callback_that_is_none_is_malformed(rig: Rig, body: bytes) -> None:
    with pytest.raises(Malformed):
        rig.processor.read_callback(rig.sign(body, NOW), body, NOW)


@pytest.mark.parametrize(
    "minor", ["1200.0", "1200.5", '"1200"', "0", "-1", "true", "null", "1e3", "9" * 30]
)
def test_an_amount_that_is_not_a_whole_number_is_malformed(rig: Rig, minor: str) -> None:
    charged = rig.make("captures")
    body = rig.captured_callback(charged, rig.processor.begin(charged).reference)
    bad = body.replace(b"1200", minor.encode())

    with pytest.raises(Malformed):
        rig.processor.read_callback(rig.sign(bad, NOW), bad, NOW)


def test_a_callback_about_something_else_is_irrelevant(rig: Rig) -> None:
    body = rig.irrelevant_callback()

    with pytest.raises(Irrelevant):
        rig.processor.read_callback(rig.sign(body, NOW), body, NOW)
