"""Stripe: its SDK against a fake of its wire format, and its published fixtures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import stripe

from application.ports.processor import (
    Irrelevant,
    Malformed,
    NeedsPerson,
    OutcomeUnknown,
    State,
    Subject,
    Unavailable,
)
from domain.money.money import Money
from infrastructure.processors.checks import check_api_key
from infrastructure.processors.stripe_objects import Dispute, Intent, Refund
from tests.support.fake_stripe import (
    API_KEY,
    FIXTURES,
    WEBHOOK_SECRET,
    FakeStripe,
    event,
    fixture,
    serving,
    sign,
)
from tests.support.processors import NOW, StripeRig, charge, refund_of


@pytest.fixture
def rig() -> Iterator[StripeRig]:
    with serving(FakeStripe()) as fake:
        yield StripeRig(fake)


# What is sent.


def test_a_charge_is_confirmed_on_the_server_under_our_key(rig: StripeRig) -> None:
    rig.processor.begin(rig.make("captures"))

    [sent] = rig.fake.requests
    assert sent == {
        "amount": "1200",
        "currency": "usd",
        "confirm": "true",
        "capture_method": "automatic",
        "confirmation_method": "automatic",
        "metadata": {"qrledger_key": "att_1", "qrledger_session": "ps_1"},
        "payment_method": "pm_card_visa",
        "automatic_payment_methods": {"enabled": "true", "allow_redirects": "always"},
        "return_url": "https://pay.example/return",
        "description": "2 coffees",
    }


@pytest.mark.parametrize(
    "source", ["", "tok_visa", "pm_", "pm_a/../b", "pm_\u0430", "pm_" + "a" * 300]
)
def test_a_source_that_is_none_is_declined_without_a_call(rig: StripeRig, source: str) -> None:
    answer = rig.processor.begin(charge(source=source))

    assert (answer.state, answer.reason) == (State.DECLINED, "payment_method_required")
    assert not rig.fake.calls


def test_without_a_source_the_payer_is_sent_to_the_method_of_the_setting() -> None:
    with serving(FakeStripe()) as fake:
        answer = StripeRig(fake, redirect_method="ideal").processor.begin(charge())

    assert answer.redirect_url.startswith("https://hooks.stripe.example/")
    assert fake.requests[0]["payment_method_data"] == {"type": "ideal"}


@pytest.mark.parametrize(
    ("key", "mode"),
    [
        ("sk_live_0123456789abcdef", "test"), ("sk_test_0123456789abcdef", "live"),
        ("rk_live_0123456789abcdef", "test"), ("pk_test_0123456789abcdef", "test"),
        ("", "test"), ("sk_test_", "test"), ("sk_test_0123456789abcdef\n", "test"),
        ("sk_test_0123456789abcd\u0435f", "test"), ("whsec_0123456789abcdef", "test"),
    ],
)  # fmt: skip
def test_a_key_of_the_wrong_mode_is_refused_and_not_quoted(key: str, mode: str) -> None:
    with pytest.raises(ValueError) as refused:
        check_api_key(key, mode)

    assert not key or key not in str(refused.value)


# What is answered.

HALF = b'{"id": "pi_1", "object": "payment_intent", "amo'
ANSWERS: dict[str, tuple[int, bytes]] = {
    "html": (200, b"<html>maintenance</html>"),
    "error": (500, b'{"error": {"type": "api_error", "message": "down"}}'),
    "gateway": (502, b"<html>bad gateway</html>"),
    "conflict": (409, b'{"error": {"type": "invalid_request_error", "code": "lock_timeout"}}'),
    "redirect": (302, b""),
    "nothing": (0, b""),
    "empty": (200, b""),
    "half": (200, HALF),
    "list": (200, b"[]"),
    "number": (200, b"1"),
    "text": (200, b'"captured"'),
    "not utf-8": (200, b"\xff\xfe"),
    "no fields": (200, b"{}"),
    "float": (200, json.dumps(fixture("payment_intent", amount=1200.5)).encode()),
    "amount as text": (200, json.dumps(fixture("payment_intent", amount="1200")).encode()),
    "other status": (200, json.dumps(fixture("payment_intent", status="maybe")).encode()),
    "nothing received": (200, json.dumps(fixture("payment_intent", status="succeeded")).encode()),
    "live mode": (200, json.dumps(fixture("payment_intent", livemode=True)).encode()),
    "bad id": (200, json.dumps(fixture("payment_intent", id="../x", status="canceled")).encode()),
    "bad redirect": (200, json.dumps(fixture("payment_intent", status="requires_action", next_action={"type": "redirect_to_url", "redirect_to_url": {"url": "javascript:alert(1)"}})).encode()),
    "other action": (200, json.dumps(fixture("payment_intent", status="requires_action", next_action={"type": "use_stripe_sdk"})).encode()),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_is_none_leaves_the_outcome_unknown(rig: StripeRig, name: str) -> None:
    charged = rig.make("captures")
    rig.fake.answers.append(lambda status, body: ANSWERS[name])

    with pytest.raises(OutcomeUnknown) as unknown:
        rig.processor.begin(charged)

    assert API_KEY not in str(unknown.value)
    assert rig.processor.begin(charged).state is State.CAPTURED
    assert rig.taken_minor() == 1200


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_refused_call_has_changed_nothing(rig: StripeRig, status: int) -> None:
    body = b'{"error": {"type": "invalid_request_error", "message": "%s"}}' % API_KEY.encode()
    rig.fake.answers.append(lambda _, __: (status, body))

    with pytest.raises(Unavailable) as refused:
        rig.processor.begin(rig.make("captures"))

    assert API_KEY not in str(refused.value)


def test_a_request_that_stripe_does_not_accept_is_a_decline_with_its_code(rig: StripeRig) -> None:
    answer = rig.processor.begin(charge(source="pm_missing"))

    assert (answer.state, answer.reason) == (State.DECLINED, "resource_missing")


def test_a_status_of_a_reference_that_stripe_does_not_know_is_unknown(rig: StripeRig) -> None:
    for reference in ("pi_404", "../refunds", "pi_1?a=b"):
        with pytest.raises(OutcomeUnknown):
            rig.processor.status(charge(reference=reference))


def test_a_payer_who_fails_at_the_bank_is_a_decline(rig: StripeRig) -> None:
    charged = rig.make("redirects")
    reference = rig.processor.begin(charged).reference
    failure = {"type": "card_error", "code": "payment_intent_authentication_failure"}
    rig.fake.returned(reference, status="requires_payment_method", last_payment_error=failure)

    answer = rig.processor.status(replace(charged, reference=reference))

    assert (answer.state, answer.reason) == (
        State.DECLINED,
        "payment_intent_authentication_failure",
    )


# Keys.


def test_a_search_that_lags_never_leads_to_a_second_charge(rig: StripeRig) -> None:
    charged = rig.make("silent")
    rig.fake.finds = False

    with pytest.raises(OutcomeUnknown):
        rig.processor.begin(charged)
    with pytest.raises(OutcomeUnknown):
        rig.processor.void(charged)
    first = rig.processor.status(charged)
    again = rig.processor.begin(charged)

    assert first.state is State.NOT_FOUND
    assert again.state is State.CAPTURED
    assert rig.taken_minor() == 1200


def test_a_begin_that_arrives_after_the_void_takes_nothing(rig: StripeRig) -> None:
    charged = rig.make("captures")
    voided = rig.processor.void(charged)

    late = rig.processor.begin(charged)

    assert voided.state is late.state is State.VOIDED
    assert rig.taken_minor() == 0


def test_after_a_day_stripe_is_asked_and_otherwise_a_person(rig: StripeRig) -> None:
    charged, other = rig.make("captures"), rig.make("captures")
    reference = rig.processor.begin(charged).reference
    refunded = refund_of(charged, 300, reference=reference)
    rig.processor.refund(refunded)
    rig.now = NOW + timedelta(hours=24)

    assert rig.processor.begin(charged).state is State.CAPTURED
    assert rig.processor.refund(refunded).state is State.REFUNDED
    for call in (rig.processor.begin, rig.processor.void):
        with pytest.raises(NeedsPerson):
            call(other)
    with pytest.raises(NeedsPerson):
        rig.processor.refund(refund_of(charged, 300, key="ref_2", reference=reference))
    assert rig.taken_minor() == 1200
    assert rig.returned_minor() == 300


def test_a_manual_confirmation_is_finished_by_a_second_begin() -> None:
    with serving(FakeStripe()) as fake:
        rig = StripeRig(fake, confirms_manually=True)
        charged = rig.make("redirects")
        reference = rig.processor.begin(charged).reference
        known = replace(charged, reference=reference)
        waiting = rig.processor.begin(known)
        fake.returned(reference)
        back = rig.processor.status(known)
        fake._intent(reference)["payment_method"] = "pm_card_visa"
        done, again = rig.processor.begin(known), rig.processor.begin(known)

    assert waiting.state is State.PROCESSING
    assert back.state is State.CONFIRMABLE
    assert done.state is again.state is State.CAPTURED
    assert sum(call.endswith("/confirm") for call in fake.calls) == 1


def test_a_refund_beyond_what_was_taken_is_declined(rig: StripeRig) -> None:
    charged = rig.make("captures")
    reference = rig.processor.begin(charged).reference

    answer = rig.processor.refund(refund_of(charged, 1201, reference=reference))

    assert (answer.state, answer.reason) == (State.DECLINED, "charge_already_refunded")


# Callbacks.


def read(rig: StripeRig, body: bytes) -> Any:
    return rig.processor.read_callback(sign(body, NOW.timestamp()), body, NOW)


def test_our_signatures_are_those_of_the_sdk(rig: StripeRig) -> None:
    body = rig.captured_callback(charge(), "pi_1")
    header = stripe.WebhookSignature.generate_signature_header(
        body.decode(), WEBHOOK_SECRET, int(NOW.timestamp())
    )

    notice = rig.processor.read_callback({"stripe-signature": header}, body, NOW)
    wrong = {
        "stripe-signature": f"t={int(NOW.timestamp())},v1={'0' * 64},{header.partition(',')[2]}"
    }

    assert notice.key == "att_1"
    assert rig.processor.read_callback(wrong, body, NOW) == notice
    assert stripe.WebhookSignature.verify_header(
        body, sign(body, NOW.timestamp())["stripe-signature"], WEBHOOK_SECRET
    )


@pytest.mark.parametrize(
    ("kind", "changes", "state"),
    [
        ("payment_intent.succeeded", {"status": "succeeded", "amount_received": 1099}, "captured"),
        ("payment_intent.processing", {"status": "processing"}, "processing"),
        ("payment_intent.canceled", {"status": "canceled"}, "voided"),
        ("payment_intent.payment_failed", {"status": "requires_payment_method"}, "declined"),
        ("payment_intent.amount_capturable_updated", {"status": "requires_capture", "amount_capturable": 1099}, "authorised"),
    ],
)  # fmt: skip
def test_an_event_about_a_charge_says_how_it_stands(
    rig: StripeRig, kind: str, changes: dict[str, Any], state: str
) -> None:
    intent = fixture("payment_intent", metadata={"qrledger_key": "att_1"}, **changes)

    notice = read(rig, event(kind, intent))

    assert (notice.subject, notice.key, notice.answer.state) == (Subject.CHARGE, "att_1", state)
    assert notice.charge_reference == intent["id"]


@pytest.mark.parametrize(
    ("status", "state"),
    [("needs_response", "dispute_opened"), ("under_review", "dispute_opened"), ("won", "dispute_won"), ("lost", "dispute_lost")],
)  # fmt: skip
def test_an_event_about_a_dispute_names_the_charge(rig: StripeRig, status: str, state: str) -> None:
    dispute = fixture("dispute", status=status, payment_intent="pi_1")

    notice = read(rig, event("charge.dispute.created", dispute))

    assert (notice.subject, notice.charge_reference) == (Subject.DISPUTE, "pi_1")
    assert notice.answer.state == state
    assert notice.answer.amount == Money(1000, "USD")


def test_an_event_about_a_refund_names_ours(rig: StripeRig) -> None:
    refund = fixture("refund", metadata={"qrledger_key": "ref_1"}, payment_intent="pi_1")

    notice = read(rig, event("refund.updated", refund))

    assert (notice.subject, notice.key) == (Subject.REFUND, "ref_1")
    assert notice.answer.state is State.REFUNDED


@pytest.mark.parametrize(
    "body",
    [
        event("payment_intent.succeeded", fixture("payment_intent", status="succeeded", amount_received=1)),
        event("payment_intent.created", fixture("payment_intent")),
        event("refund.updated", fixture("refund")),
        event("charge.dispute.created", fixture("dispute")),
        event("charge.dispute.created", fixture("dispute", status="won")),
        event("payment_intent.succeeded", fixture("payment_intent", metadata={"qrledger_key": "a"}), livemode=True),
        json.dumps(fixture("event")).encode(),
    ],
)  # fmt: skip
def test_an_event_that_is_not_ours_is_irrelevant(rig: StripeRig, body: bytes) -> None:
    with pytest.raises(Irrelevant):
        read(rig, body)


@pytest.mark.parametrize("created", [10**30, -(10**15), 1.5, "1", None])
def test_a_time_that_is_none_is_malformed(rig: StripeRig, created: Any) -> None:
    intent = fixture("payment_intent", metadata={"qrledger_key": "att_1"}, status="canceled")

    with pytest.raises(Malformed):
        read(rig, event("payment_intent.canceled", intent, created=created))


def test_the_published_fixtures_are_read_as_they_are(rig: StripeRig) -> None:
    resources = FIXTURES["resources"]

    assert msgspec.convert(resources["payment_intent"], Intent).amount == 1099
    assert msgspec.convert(resources["refund"], Refund).status == "succeeded"
    assert msgspec.convert(resources["dispute"], Dispute).reason == "general"
    with pytest.raises(Irrelevant):
        read(rig, json.dumps(resources["event"]).encode())
