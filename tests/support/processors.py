"""Every processor that the contract is run against, each made to show the outcome of a test."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

from application.ports.processor import (
    Answer,
    Charge,
    Notice,
    Processor,
    RefundOrder,
    State,
    Subject,
)
from domain import times
from domain.money.money import Money
from infrastructure.processors.generic_psp import GenericPsp
from infrastructure.processors.outbound import Outbound
from infrastructure.processors.sandbox import Sandbox
from infrastructure.processors.sandbox_store import MemorySandboxStore
from infrastructure.processors.signatures import sign
from infrastructure.processors.stripe_processor import Stripe
from tests.support import fake_stripe
from tests.support.reference_psp import SECRET, ReferencePsp, serving

NOW: Final = datetime(2026, 11, 2, 12, tzinfo=UTC)
Signed = tuple[Mapping[str, str], bytes]


def charge(minor: int = 1200, *, key: str = "att_1", **changes: Any) -> Charge:
    """A charge of a session that is open for 15 minutes."""
    values: dict[str, Any] = {
        "key": key,
        "session_id": "ps_1",
        "attempt_id": key,
        "amount": Money(minor, "USD"),
        "expires_at": NOW + timedelta(minutes=15),
        "description": "2 coffees",
        "return_url": "https://pay.example/return",
        "begun_at": NOW,
    }
    return Charge(**values | changes)


def refund_of(
    charged: Charge, minor: int, *, key: str = "ref_1", reference: str = ""
) -> RefundOrder:
    """A refund of a charge."""
    return RefundOrder(
        key=key,
        charge_key=charged.key,
        charge_reference=reference,
        amount=Money(minor, charged.amount.currency),
        begun_at=NOW,
    )


def captured_notice(key: str, **changes: Any) -> Notice:
    """A notice that a charge of 12.00 USD was captured."""
    answer = Answer(state=State.CAPTURED, reference="r-1", amount=Money(1200, "USD"))
    values: dict[str, Any] = {
        "id": "n-1",
        "subject": Subject.CHARGE,
        "key": key,
        "charge_reference": "r-1",
        "answer": answer,
        "at": NOW,
    }
    return Notice(**values | changes)


class Rig(ABC):
    """A processor, and the levers of its other side."""

    processor: Processor

    @abstractmethod
    def make(self, outcome: str) -> Charge:
        """A new charge that is going to be `captures`, `declines`, `redirects` or `silent`."""

    @abstractmethod
    def taken_minor(self) -> int:
        """All the money that the processor has taken, refunds not deducted."""

    @abstractmethod
    def returned_minor(self) -> int:
        """All the money that the processor has given back."""

    @abstractmethod
    def sign(self, body: bytes, at: datetime) -> Mapping[str, str]:
        """The headers of a callback that the processor signs."""

    @abstractmethod
    def captured_callback(self, charged: Charge, reference: str) -> bytes:
        """The body of a callback that says that a charge was captured."""

    @abstractmethod
    def irrelevant_callback(self) -> bytes:
        """The body of a well-formed callback about something else."""


def _callback(key: str, **changes: Any) -> bytes:
    message: dict[str, Any] = {
        "id": "notice-1",
        "subject": "charge",
        "key": key,
        "status": "captured",
        "amount": {"minor": 1200, "currency": "USD"},
        "at": times.to_text(NOW),
    }
    return json.dumps(message | changes).encode()


class SandboxRig(Rig):
    """The sandbox; outcomes by the amount's last two digits."""

    DIGITS: Final = {"captures": 0, "declines": 61, "redirects": 62, "silent": 65}

    def __init__(self) -> None:
        self.store = MemorySandboxStore()
        self.now = NOW
        self.sandbox = Sandbox(
            self.store, secret=SECRET, public_url="https://pay.example", now=lambda: self.now
        )
        self.processor: Processor = self.sandbox
        self._numbers = count(1)

    def make(self, outcome: str) -> Charge:
        return charge(1200 + self.DIGITS[outcome], key=f"att_{next(self._numbers)}")

    def taken_minor(self) -> int:
        return sum(r.minor for r in self.store.rows if r.state == "captured")

    def returned_minor(self) -> int:
        return sum(r.minor for r in self.store.rows if r.state == "refunded")

    def sign(self, body: bytes, at: datetime) -> Mapping[str, str]:
        return sign(
            SECRET, method="POST", path="/v1/callbacks/sandbox", body=body, now=at, nonce="a" * 32
        )

    def captured_callback(self, charged: Charge, reference: str) -> bytes:
        return _callback(charged.key, reference=reference)

    def irrelevant_callback(self) -> bytes:
        return _callback("att_1", subject="newsletter")


class PspRig(Rig):
    """The generic PSP against the reference server."""

    def __init__(self, psp: ReferencePsp) -> None:
        self.psp = psp
        self._numbers = count(1)
        nonces = (f"{number:032x}" for number in count(1))
        self.processor = GenericPsp(
            psp.base_url,
            SECRET,
            new_nonce=lambda: next(nonces),
            now=lambda: NOW,
            outbound=Outbound(seconds_max=5),
        )

    def make(self, outcome: str) -> Charge:
        outcomes = {"declines": "declined", "redirects": "redirect"}
        self.psp.outcome = outcomes.get(outcome, "captured")
        if outcome == "silent":
            self.psp.answers.append(lambda raw: (0, {}, b""))
        return charge(key=f"att_{next(self._numbers)}")

    def taken_minor(self) -> int:
        charges = self.psp.charges.values()
        return sum(one["amount"]["minor"] for one in charges if one["status"] == "captured")

    def returned_minor(self) -> int:
        refunds = self.psp.refunds.values()
        return sum(one["amount"]["minor"] for one in refunds if one["status"] == "refunded")

    def sign(self, body: bytes, at: datetime) -> Mapping[str, str]:
        return sign(
            SECRET, method="POST", path="/v1/callbacks/psp", body=body, now=at, nonce="a" * 32
        )

    def captured_callback(self, charged: Charge, reference: str) -> bytes:
        return _callback(charged.key, reference=reference)

    def irrelevant_callback(self) -> bytes:
        return _callback("att_1", subject="newsletter")


@contextmanager
def sandbox_rig() -> Iterator[Rig]:
    yield SandboxRig()


@contextmanager
def psp_rig() -> Iterator[Rig]:
    with serving(ReferencePsp(now=NOW.timestamp)) as psp:
        yield PspRig(psp)


RIGS: Final[dict[str, Callable[[], Any]]] = {"sandbox": sandbox_rig, "psp": psp_rig}
"""A context manager for each processor."""


class StripeRig(Rig):
    """Stripe's SDK against the fake of its wire format."""

    SOURCES: Final = {
        "captures": "pm_card_visa",
        "declines": "pm_card_chargeDeclined",
        "redirects": "pm_card_authenticationRequired",
        "silent": "pm_card_visa",
    }

    def __init__(self, fake: fake_stripe.FakeStripe, **settings: Any) -> None:
        self.fake = fake
        self.now = NOW
        self._numbers = count(1)
        self.processor = Stripe(
            fake_stripe.API_KEY,
            fake_stripe.WEBHOOK_SECRET,
            mode="test",
            now=lambda: self.now,
            api_base=fake.base_url,
            **settings,
        )

    def make(self, outcome: str) -> Charge:
        if outcome == "silent":
            self.fake.answers.append(lambda status, body: (0, b""))
        return charge(key=f"att_{next(self._numbers)}", source=self.SOURCES[outcome])

    def taken_minor(self) -> int:
        return sum(one["amount_received"] for one in self.fake.intents.values())

    def returned_minor(self) -> int:
        return sum(one["amount"] for one in self.fake.refunds.values())

    def sign(self, body: bytes, at: datetime) -> Mapping[str, str]:
        return fake_stripe.sign(body, at.timestamp())

    def captured_callback(self, charged: Charge, reference: str) -> bytes:
        changes = {"id": reference, "status": "succeeded", "amount_received": 1200}
        metadata = {"qrledger_key": charged.key}
        intent = fake_stripe.fixture("payment_intent", metadata=metadata, **changes)
        return fake_stripe.event("payment_intent.succeeded", intent)

    def irrelevant_callback(self) -> bytes:
        return json.dumps(fake_stripe.fixture("event")).encode()


@contextmanager
def stripe_rig() -> Iterator[Rig]:
    with fake_stripe.serving(fake_stripe.FakeStripe()) as fake:
        yield StripeRig(fake)


RIGS["stripe"] = stripe_rig
