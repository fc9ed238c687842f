"""Payment processors: what the ledger requires of one, and what one may answer.

    charge   begin ──▶ processing ──▶ captured | declined | voided
                           └──▶ authorised ──▶ captured | voided
    refund   refund ──▶ processing ──▶ refunded | declined

A processor may be slow, silent, double, late or wrong. Whatever it does, a call ends in one of
three ways: an `Answer`, `Unavailable` (this call has changed nothing), or `OutcomeUnknown` (it may
have).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from domain.money.money import Money

PROCESSOR_SECONDS_MAX: Final = 10.0
"""A call takes no longer; then its outcome is unknown."""
CALLBACK_BYTES_MAX: Final = 65_536
CALLBACK_SECONDS_MAX: Final = 300
"""How far the signed time of a callback may be from now, in either direction."""
KEY_CHARS_MAX: Final = 200
REFERENCE_CHARS_MAX: Final = 120
REASON_CHARS_MAX: Final = 64
URL_CHARS_MAX: Final = 2000
BEHAVIOUR_KEY: Final = "sandbox"
"""In a session's metadata: what the sandbox is asked to do."""
NOTICE_ID_CHARS_MAX: Final = 150


class ProcessorError(Exception):
    """A call without an answer. The text is stored and listed: it holds no secret."""


class Unavailable(ProcessorError):
    """This call has not reached the processor, or it refused to act; the call changed nothing.

    An earlier call under the same key may have.
    """

    def __init__(self, reason: str, after: timedelta | None = None) -> None:
        """Say why.

        Args:
            reason: for people, without secrets.
            after: when the processor asks to be called again.
        """
        super().__init__(reason)
        self.after = after


class OutcomeUnknown(ProcessorError):
    """Nobody knows whether the processor has acted: a timeout, or an answer that is none.

    Never a failure: the same call may be repeated under its key, or `status` asked.
    """


class NeedsPerson(ProcessorError):
    """Repeating the call could move money twice, and the processor cannot say how it stands."""


class AmountUnsupported(ProcessorError):
    """The processor cannot express the amount. Raised before anything is sent."""


class CallbackRefused(Exception):
    """A callback without an effect. The text may be shown and logged: it quotes nothing."""


class BadSignature(CallbackRefused):
    """Not signed by the processor, or signed too long ago or ahead."""


class Malformed(CallbackRefused):
    """Signed, but not what the processor's protocol allows."""


class Irrelevant(CallbackRefused):
    """Signed and well-formed, but about nothing that the ledger follows."""


class State(StrEnum):
    """What a processor says of a charge, a refund or a dispute."""

    PROCESSING = "processing"
    """Accepted; the outcome is to come."""
    AUTHORISED = "authorised"
    """The money is held for a capture."""
    CONFIRMABLE = "confirmable"
    """The payer has agreed, and the processor waits for `begin` once more under the same key."""
    CAPTURED = "captured"
    """The money has been taken."""
    DECLINED = "declined"
    """Refused for good; no money moves."""
    VOIDED = "voided"
    """Ended without money, and no later `begin` under this key takes any."""
    REFUNDED = "refunded"
    """The refund has been made."""
    NOT_FOUND = "not_found"
    """The processor does not know the key at present. A call under way may still arrive."""
    DISPUTE_OPENED = "dispute_opened"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"


WITH_AMOUNT: Final = frozenset(
    {State.AUTHORISED, State.CAPTURED, State.REFUNDED, State.DISPUTE_OPENED}
)
"""An answer in one of these states names the amount, since it may not be the one asked for."""
FINAL: Final = frozenset({State.CAPTURED, State.DECLINED, State.VOIDED, State.REFUNDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """Money to take from a payer, once."""

    key: str
    """The idempotency key, for ever: the same key is the same charge. Derived from the attempt."""
    session_id: str
    attempt_id: str
    amount: Money
    expires_at: datetime
    """Of the session. The processor need not know; a charge is voided by the ledger."""
    description: str = ""
    return_url: str = ""
    """Where the payer comes back to after a redirect."""
    source: str = ""
    """The processor's token of a way to pay; empty: the payer chooses on the processor's page."""
    capture: bool = True
    """False: only hold the money, until `capture`."""
    reference: str = ""
    """The processor's own name of the charge, once it is known."""
    begun_at: datetime | None = None
    """When the first `begin` was called, by the ledger's time; None: now."""
    behaviour: str = ""
    """What the sandbox is asked to do; other processors ignore it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOrder:
    """Money to give back of a captured charge, once."""

    key: str
    """The idempotency key, for ever."""
    charge_key: str
    charge_reference: str
    amount: Money
    reference: str = ""
    """The processor's own name of the refund, once it is known."""
    begun_at: datetime | None = None
    """As in `Charge`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How something stands with the processor.

    Raises:
        ValueError: an amount is missing where `WITH_AMOUNT` requires one.
    """

    state: State
    reference: str = ""
    """The processor's name of the charge or refund; empty if it has none."""
    amount: Money | None = None
    """What was held, taken, given back or disputed, as the processor states it."""
    reason: str = ""
    """Why it was declined: a code such as `insufficient_funds`, never a sentence."""
    redirect_url: str = ""
    """Where the payer has to go; https, or http on loopback."""

    def __post_init__(self) -> None:
        if self.state in WITH_AMOUNT and self.amount is None:
            msg = f"an answer in the state {self.state} names its amount"
            raise ValueError(msg)


class Subject(StrEnum):
    """What a notice is about."""

    CHARGE = "charge"
    REFUND = "refund"
    DISPUTE = "dispute"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What an authentic callback says."""

    id: str
    """The processor's name of the notice: the same for each delivery of it."""
    subject: Subject
    key: str
    """Our key of the charge or the refund; empty if the processor does not repeat it."""
    charge_reference: str
    """The processor's name of the charge that it is about, or of the one that was refunded."""
    answer: Answer
    at: datetime
    """When the processor says that it made the notice."""


ReturnAddress = Callable[[UUID, datetime], str]
"""The page that payers of a session come back to, by its id and deadline."""


class Processor(Protocol):
    """Moves money for others. Thread-safe; a call takes at most `PROCESSOR_SECONDS_MAX`.

    Every method but `read_callback` raises `Unavailable` or `OutcomeUnknown`: see there.
    """

    def begin(self, charge: Charge) -> Answer:
        """Take or hold the money, or say where the payer has to go.

        A key that is known already is not charged again: the answer says how that charge stands.

        Raises:
            AmountUnsupported: nothing was sent.
            NeedsPerson: see there.
        """
        ...

    def capture(self, charge: Charge) -> Answer:
        """Take the money of an authorised charge; otherwise only say how it stands."""
        ...

    def void(self, charge: Charge) -> Answer:
        """End a charge without money, unless it has ended already: the answer says how it stands.

        A key that the processor has never received is voided too: a `begin` that arrives late
        takes nothing. If the processor cannot promise that, the answer is not `VOIDED`.

        Raises:
            NeedsPerson: see there.
        """
        ...

    def refund(self, order: RefundOrder) -> Answer:
        """Give money back; a key that is known already is not refunded again.

        Raises:
            AmountUnsupported: nothing was sent.
            NeedsPerson: see there.
        """
        ...

    def status(self, asked: Charge | RefundOrder) -> Answer:
        """How a charge or a refund stands; changes nothing."""
        ...

    def read_callback(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        """What a callback says, if it is authentic. Calls nobody.

        Args:
            headers: by lower-case names, each sent once.
            body: at most `CALLBACK_BYTES_MAX`.
            now: when it was received.

        Raises (checked in this order):
            BadSignature: see there. Compared in constant time.
            Malformed: see there.
            Irrelevant: see there.
        """
        ...
