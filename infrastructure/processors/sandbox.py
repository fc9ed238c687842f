"""The sandbox: a processor of test ledgers that moves no money and misbehaves on demand.

What becomes of a charge follows from its row and the time (`sandbox_behaviours`), so every process
and every restart answers alike. It signs its callbacks and has them read like any PSP's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from application.ports.processor import (
    AmountUnsupported,
    Answer,
    Charge,
    Notice,
    OutcomeUnknown,
    RefundOrder,
    State,
    Subject,
    Unavailable,
)
from application.ports.sandbox import DueNotice
from domain import ids, times
from domain.money.money import AMOUNT_MINOR_MAX, Money
from infrastructure.processors import psp_messages, signatures
from infrastructure.processors.sandbox_behaviours import (
    BY_NAME,
    VOIDED_CAPTURE_SECONDS,
    Behaviour,
    choose,
)
from infrastructure.processors.sandbox_store import SandboxStore, Stored

NAME: Final = "sandbox"
CALLBACK_PATH: Final = f"/v1/callbacks/{NAME}"
PAGE_PATH: Final = f"/{NAME}"
_DISPUTES: Final = frozenset({State.DISPUTE_OPENED, State.DISPUTE_WON, State.DISPUTE_LOST})


@dataclass(frozen=True, slots=True)
class SignedCallback:
    """A callback of the sandbox, ready to be sent."""

    due_at: datetime
    headers: Mapping[str, str]
    body: bytes


class Sandbox:
    """`application.ports.processor.Processor` without money. Thread-safe."""

    def __init__(
        self,
        store: SandboxStore,
        *,
        secret: bytes,
        public_url: str,
        now: Callable[[], datetime],
    ) -> None:
        """Make the sandbox of a test ledger.

        Args:
            store: remembers charges.
            secret: signs its callbacks.
            public_url: the origin of the page that asks the payer.
            now: the ledger's time.
        """
        self._store = store
        self._secret = secret
        self._public_url = public_url
        self._now = now

    def begin(self, charge: Charge) -> Answer:
        """See `Processor`."""
        behaviour = choose(charge.amount.minor, charge.behaviour)
        if behaviour.unsupported:
            msg = "the sandbox cannot express this amount"
            raise AmountUnsupported(msg)
        if behaviour.unavailable:
            msg = "the sandbox accepts nothing"
            raise Unavailable(msg)
        row = self._store.begin(
            self._row(charge, behaviour, capture=charge.capture, return_url=charge.return_url)
        )
        return self._say("begin", row)

    def capture(self, charge: Charge) -> Answer:
        """See `Processor`."""
        row = self._find(charge.key)
        if row is None:
            return Answer(state=State.NOT_FOUND)
        if row.state is State.AUTHORISED:
            row = self._store.settle(row.key, State.CAPTURED, self._now())
        return self._say("capture", row)

    def void(self, charge: Charge) -> Answer:
        """See `Processor`."""
        row = self._find(charge.key)
        if row is None:
            behaviour = choose(charge.amount.minor, charge.behaviour)
            row = self._store.begin(self._row(charge, behaviour, state=State.VOIDED))
        if row.state in {State.PROCESSING, State.AUTHORISED}:
            row = self._store.settle(row.key, State.VOIDED, self._now())
        return self._say("void", row)

    def refund(self, order: RefundOrder) -> Answer:
        """See `Processor`."""
        behaviour = choose(order.amount.minor)
        if behaviour.unavailable:
            msg = "the sandbox accepts nothing"
            raise Unavailable(msg)
        row = self._store.begin(self._row(order, behaviour, charge_key=order.charge_key))
        return self._say("refund", row)

    def status(self, asked: Charge | RefundOrder) -> Answer:
        """See `Processor`."""
        row = self._find(asked.key)
        return Answer(state=State.NOT_FOUND) if row is None else self._say("status", row)

    def read_callback(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        """See `Processor`."""
        return psp_messages.read_callback(self._secret, CALLBACK_PATH, headers, body, now)

    # The payer's page.

    def waiting(self, reference: str) -> Stored | None:
        """The charge whose payer is asked on the page of this reference; None if none is."""
        row = self._store.find_reference(reference)
        if row is None or row.charge_key or BY_NAME[row.behaviour].outcome is not None:
            return None
        return row

    def decide(self, reference: str, *, approved: bool) -> Stored | None:
        """What the payer has decided; the first decision counts, and a void before it.

        Returns the charge as it stands then; None if no payer is asked.
        """
        row = self.waiting(reference)
        if row is None:
            return None
        taken = State.CAPTURED if row.capture else State.AUTHORISED
        return self._store.settle(row.key, taken if approved else State.DECLINED, self._now())

    # Callbacks.

    def callbacks(self, key: str) -> Sequence[SignedCallback]:
        """Every callback of a charge, those to come included, signed for when they are due."""
        row = self._find(key)
        if row is None or row.charge_key:
            return ()
        behaviour = BY_NAME[row.behaviour]
        due = [(row.begun_at + timedelta(seconds=s), state) for s, state in behaviour.notices]
        if row.settled_at is not None and row.state is State.VOIDED:
            wait = timedelta(seconds=VOIDED_CAPTURE_SECONDS)
            lies = behaviour.captures_when_voided
            due = [(row.settled_at + wait, State.CAPTURED)] if lies else []
        elif row.settled_at is not None and behaviour.outcome is None:
            due = [(row.settled_at, row.state)]
        return [self._callback(row, state, due_at) for due_at, state in due]

    def notices(self, key: str) -> Sequence[DueNotice]:
        """See `SandboxNotices`: each callback is read as it would be when it is due."""
        return [
            DueNotice(
                one.due_at,
                self.read_callback(one.headers, one.body, one.due_at),
                hashlib.sha256(one.body).digest(),
            )
            for one in self.callbacks(key)
        ]

    def _callback(self, row: Stored, state: State, due_at: datetime) -> SignedCallback:
        disputed = state in _DISPUTES
        message: dict[str, Any] = {
            "id": f"{row.reference}-{state}",
            "subject": Subject.DISPUTE if disputed else Subject.CHARGE,
            "key": row.key,
            "reference": f"{row.reference}-dispute" if disputed else row.reference,
            "charge_reference": row.reference,
            "status": state,
            "at": times.to_text(due_at),
            "amount": psp_messages.encode_amount(_taken(row)),
            "reason": _reason(row, state),
        }
        body = msgspec.json.encode(message)
        nonce = ids.derive("sandbox callback", row.key, state, times.to_text(due_at)).hex
        headers = signatures.sign(
            self._secret, method="POST", path=CALLBACK_PATH, body=body, now=due_at, nonce=nonce
        )
        return SignedCallback(due_at, headers, body)

    # Rows.

    def _row(self, asked: Charge | RefundOrder, behaviour: Behaviour, **changes: Any) -> Stored:
        values: dict[str, Any] = {"charge_key": "", "capture": True, "return_url": ""}
        return Stored(
            key=asked.key,
            reference=f"sbx_{ids.derive('sandbox', asked.key).hex}",
            minor=asked.amount.minor,
            currency=asked.amount.currency,
            behaviour=behaviour.name,
            begun_at=self._now(),
            **({"state": State.PROCESSING} | values | changes),
        )

    def _find(self, key: str) -> Stored | None:
        """The row of a key, with the outcome that is due by now; it is stored before it is said."""
        row = self._store.find(key)
        return None if row is None else self._brought_forward(row)

    def _brought_forward(self, row: Stored) -> Stored:
        behaviour, now = BY_NAME[row.behaviour], self._now()
        due_at = row.begun_at + timedelta(seconds=behaviour.seconds)
        outcome = behaviour.outcome or (State.CAPTURED if row.charge_key else None)
        if row.state is not State.PROCESSING or outcome is None or now < due_at:
            return row
        if outcome is State.CAPTURED and row.charge_key:
            outcome = State.REFUNDED
        elif outcome is State.CAPTURED and not row.capture:
            outcome = State.AUTHORISED
        return self._store.settle(row.key, outcome, due_at)

    def _say(self, method: str, row: Stored) -> Answer:
        """The answer to a call, unless the sandbox is silent."""
        row, behaviour = self._brought_forward(row), BY_NAME[row.behaviour]
        if method in behaviour.silent:
            msg = "the sandbox is silent"
            raise OutcomeUnknown(msg)
        asks = behaviour.outcome is None and row.state is State.PROCESSING and not row.charge_key
        has_amount = row.state in {State.AUTHORISED, State.CAPTURED, State.REFUNDED}
        return Answer(
            state=row.state,
            reference=row.reference,
            amount=_taken(row) if has_amount else None,
            reason=_reason(row, row.state),
            redirect_url=f"{self._public_url}{PAGE_PATH}/{row.reference}" if asks else "",
        )


def _taken(row: Stored) -> Money:
    """What the sandbox takes, which may not be what it was asked for."""
    behaviour = BY_NAME[row.behaviour]
    if row.charge_key:
        return Money(row.minor, row.currency)
    minor = min(max(row.minor + behaviour.minor_more, 1), AMOUNT_MINOR_MAX)
    other = "EUR" if row.currency != "EUR" else "USD"
    return Money(minor, other if behaviour.other_currency else row.currency)


def _reason(row: Stored, state: State) -> str:
    return (BY_NAME[row.behaviour].reason or "payer_declined") if state is State.DECLINED else ""
