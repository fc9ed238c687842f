"""A payment processor of a simulation: it may do everything wrong, and knows what it has done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

from application.ports.processor import (
    Answer,
    Charge,
    Notice,
    OutcomeUnknown,
    RefundOrder,
    State,
    Subject,
    Unavailable,
)
from domain.money.money import Money
from tests.simulation.kernel import Kernel

NAME: Final = "psp"
AWAY: Final = "processor away"
SILENT: Final = "silent processor"
STALE: Final = "stale answer"
PLANS: Final = (
    "captures", "captures", "captures", "captures later", "authorises", "declines", "declines later", "redirects",
    "redirects", "takes more", "takes less", "takes other currency", "takes twice", "lies about voids",
    "refuses voids", "never answers",
)  # fmt: skip
LATER_SECONDS: Final = 400.0
PAYER_SECONDS: Final = 120.0
CALLBACK_SECONDS: Final = 300.0
DELIVERIES_MAX: Final = 3
PHANTOMS: Final = 2
_WITH_AMOUNT: Final = frozenset({State.AUTHORISED, State.CAPTURED})

Deliver = Callable[[Notice], bool]
"""Delivers a callback; False if it was not acknowledged."""


@dataclass
class Held:
    """A charge as the processor has it."""

    charge: Charge
    plan: str
    reference: str
    state: State = State.PROCESSING
    taken: list[tuple[str, Money]] = field(default_factory=list)
    """What it has taken from the payer, under which references."""
    authorised: Money | None = None
    disputes: dict[str, State] = field(default_factory=dict)


@dataclass
class GivenBack:
    """A refund as the processor has it."""

    order: RefundOrder
    state: State


class SimulatedProcessor:
    """A `Processor` whose every charge has a plan, chosen by the seed when it begins."""

    def __init__(self, kernel: Kernel, deliver: Deliver) -> None:
        self._kernel, self._deliver = kernel, deliver
        self.charges: dict[str, Held] = {}
        self.refunds: dict[str, GivenBack] = {}
        self.phantoms: list[tuple[str, Money]] = []
        """Money that it has taken for nobody."""
        self.contradictions: list[str] = []

    # The port.

    def begin(self, charge: Charge) -> Answer:
        """See `Processor`."""
        self._reach()
        held = self.charges.get(charge.key)
        if held is None:
            held = self._new(charge, self._kernel.random.choice(PLANS))
            self._begin(held)
        elif held.charge.amount != charge.amount:
            self.contradictions.append(f"{charge.key}: {held.charge.amount}, then {charge.amount}")
        return self._say(held)

    def capture(self, charge: Charge) -> Answer:
        """See `Processor`."""
        self._reach()
        held = self.charges.get(charge.key)
        if held is None:
            return Answer(state=State.NOT_FOUND)
        if held.state is State.AUTHORISED and held.charge.capture:
            held.state = State.PROCESSING
            self._take(held, held.charge.amount)
        return self._say(held)

    def void(self, charge: Charge) -> Answer:
        """See `Processor`."""
        self._reach()
        held = self.charges.get(charge.key) or self._new(charge, "voided before begin")
        if held.state in {State.PROCESSING, State.AUTHORISED} and held.plan != "refuses voids":
            held.state = State.VOIDED
            if held.plan == "lies about voids":
                self._later(60, partial(self._take, held, charge.amount, after_void=True))
        return self._say(held)

    def refund(self, order: RefundOrder) -> Answer:
        """See `Processor`."""
        self._reach()
        if order.key not in self.refunds:
            self._check_refund(order)
            of_merchant = ".ref_" in order.key
            ends = [State.REFUNDED, State.PROCESSING, *[State.DECLINED] * of_merchant]
            given = self.refunds[order.key] = GivenBack(order, self._kernel.random.choice(ends))
            if given.state is State.PROCESSING:
                self._later(LATER_SECONDS, partial(self._end_refund, given))
            elif of_merchant:
                self._call_back_refund(given)
        return self._answer_refund(self.refunds[order.key])

    def status(self, asked: Charge | RefundOrder) -> Answer:
        """See `Processor`."""
        self._reach()
        if isinstance(asked, RefundOrder):
            given = self.refunds.get(asked.key)
            return self._answer_refund(given) if given else Answer(state=State.NOT_FOUND)
        held = self.charges.get(asked.key)
        return self._say(held) if held else Answer(state=State.NOT_FOUND)

    def read_callback(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        """Callbacks of a simulation are read already."""
        raise NotImplementedError

    # What happens without a call.

    def take_for_nobody(self, amount: Money) -> None:
        """Capture money for a charge that the ledger has never begun, and call back."""
        reference = f"phantom-{len(self.phantoms)}"
        self.phantoms.append((reference, amount))
        answer = Answer(state=State.CAPTURED, reference=reference, amount=amount)
        self._call_back(self._notice(Subject.CHARGE, "", reference, answer), at_least=1)

    def find_out(self, charge: Charge) -> Held:
        """What a person learns by telephone; a charge that is open is ended by it."""
        held = self.charges.get(charge.key) or self._new(charge, "voided before begin")
        by_wallet = not held.charge.capture
        if held.state is State.PROCESSING or (held.state is State.AUTHORISED and not by_wallet):
            held.state = State.VOIDED
        return held

    def _new(self, charge: Charge, plan: str) -> Held:
        self._kernel.note("psp", charge.key, plan)
        held = self.charges[charge.key] = Held(charge, plan, f"r-{len(self.charges)}")
        if plan == "voided before begin":
            held.state = State.VOIDED
        return held

    def _begin(self, held: Held) -> None:
        amount, random = held.charge.amount, self._kernel.random
        wrong = {
            "takes more": Money(amount.minor + 50, amount.currency),
            "takes less": Money(amount.minor - 1, amount.currency),
            "takes other currency": Money(amount.minor, "CHF"),
        }
        match held.plan:
            case "declines":
                self._decline(held)
            case "declines later":
                self._later(LATER_SECONDS, partial(self._decline, held))
            case "captures later" | "refuses voids":
                self._later(LATER_SECONDS, partial(self._take, held, amount))
            case "redirects" | "lies about voids":
                decision = random.choice([self._decline, partial(self._take, money=amount), None])
                if decision is not None:  # else the payer leaves the page
                    self._later(PAYER_SECONDS, partial(decision, held))
            case "never answers" if random.random() < 0.5:
                self._later(LATER_SECONDS, partial(self._take, held, amount))
            case "authorises" if held.charge.capture:
                self._later(PAYER_SECONDS, partial(self._authorise, held))
            case "takes twice":
                self._take(held, amount)
                if held.charge.capture:
                    again = partial(self._take, held, amount, reference=f"{held.reference}-again")
                    self._later(LATER_SECONDS, again)
            case _:
                self._take(held, wrong.get(held.plan, amount))

    def _take(
        self, held: Held, money: Money, *, reference: str = "", after_void: bool = False
    ) -> None:
        """Take or hold the money, if the charge is still open or the processor does it anyway."""
        first = not reference
        if first and held.state is not (State.VOIDED if after_void else State.PROCESSING):
            return
        if not held.charge.capture:
            held.authorised = money
            if not after_void:
                held.state = State.AUTHORISED
        else:
            held.taken.append((reference or held.reference, money))
            held.state = State.CAPTURED if not after_void else held.state
        state = State.CAPTURED if held.charge.capture else State.AUTHORISED
        answer = Answer(state=state, reference=reference or held.reference, amount=money)
        known_by_calls = (
            first and not after_void and held.plan not in {"never answers", "takes twice"}
        )
        self._call_back(self._notice(Subject.CHARGE, held.charge.key, held.reference, answer),
                        at_least=0 if known_by_calls else 1)  # fmt: skip
        if self._kernel.random.random() < 0.2:
            backward = Answer(state=State.PROCESSING, reference=held.reference)
            self._call_back(self._notice(Subject.CHARGE, held.charge.key, held.reference, backward))
        exact = first and held.charge.capture and money == held.charge.amount
        if exact and self._kernel.random.random() < 0.2:
            self._dispute(held, money)

    def _authorise(self, held: Held) -> None:
        """Hold the money, although it was asked to take it; it waits for the capture."""
        if held.state is not State.PROCESSING:
            return
        held.state, held.authorised = State.AUTHORISED, held.charge.amount
        answer = Answer(state=held.state, reference=held.reference, amount=held.authorised)
        self._call_back(self._notice(Subject.CHARGE, held.charge.key, held.reference, answer))

    def _decline(self, held: Held) -> None:
        if held.state is not State.PROCESSING:
            return
        held.state = State.DECLINED
        answer = Answer(state=State.DECLINED, reference=held.reference, reason="do_not_honor")
        self._call_back(self._notice(Subject.CHARGE, held.charge.key, held.reference, answer))

    def _dispute(self, held: Held, money: Money) -> None:
        """A payer disputes the charge; the callbacks may come before that of the capture."""
        reference = f"{held.reference}-dispute"
        random = self._kernel.random
        ends = [None, State.DISPUTE_WON, State.DISPUTE_LOST]
        for state in (State.DISPUTE_OPENED, random.choice(ends)):
            if state is not None:
                held.disputes[reference] = state
                answer = Answer(state=state, reference=reference, amount=money, reason="fraud")
                key = held.charge.key
                notice = self._notice(Subject.DISPUTE, key, held.reference, answer)
                self._call_back(notice, at_least=1)

    def _end_refund(self, given: GivenBack) -> None:
        given.state = State.REFUNDED
        if ".ref_" in given.order.key:
            self._call_back_refund(given)

    def _check_refund(self, order: RefundOrder) -> None:
        """No more goes back of a capture than was taken under its reference."""
        taken = dict(self.phantoms)
        for held in self.charges.values():
            taken |= dict(held.taken)
        money = taken.get(order.charge_reference)
        given = sum(
            one.order.amount.minor
            for one in self.refunds.values()
            if one.order.charge_reference == order.charge_reference
            and one.state is not State.DECLINED
        )
        if (
            money is None
            or money.currency != order.amount.currency
            or given + order.amount.minor > money.minor
        ):
            self.contradictions.append(f"{order.key}: {order.amount} more back of {money}")

    # What it says.

    def _reach(self) -> None:
        if self._kernel.occurs(AWAY):
            raise Unavailable(AWAY)

    def _say(self, held: Held) -> Answer:
        if held.plan == "never answers" or self._kernel.occurs(SILENT):
            raise OutcomeUnknown(SILENT)
        redirect_url = ""
        if held.plan == "redirects" and held.state is State.PROCESSING:
            redirect_url = "https://psp.example/pay"
        money = dict(held.taken).get(held.reference) or held.authorised
        if held.state in _WITH_AMOUNT and self._kernel.occurs(STALE):
            return Answer(state=State.PROCESSING, reference=held.reference)
        return Answer(
            state=held.state,
            reference=held.reference,
            amount=money if held.state in _WITH_AMOUNT else None,
            redirect_url=redirect_url,
        )

    def _answer_refund(self, given: GivenBack) -> Answer:
        if self._kernel.occurs(SILENT):
            raise OutcomeUnknown(SILENT)
        amount = given.order.amount if given.state is State.REFUNDED else None
        return Answer(state=given.state, reference=given.order.key, amount=amount)

    def _notice(self, subject: Subject, key: str, charge_reference: str, answer: Answer) -> Notice:
        """A notice; sometimes it names only the processor's reference of the charge."""
        quiet = self._kernel.random.random() < 0.2 and subject is not Subject.REFUND
        return Notice(
            id=f"{subject} {answer.reference} {answer.state}",
            subject=subject,
            key="" if quiet and answer.reference == charge_reference else key,
            charge_reference=charge_reference,
            answer=answer,
            at=self._kernel.now,
        )

    def _call_back_refund(self, given: GivenBack) -> None:
        amount = given.order.amount if given.state is State.REFUNDED else None
        answer = Answer(state=given.state, reference=given.order.key, amount=amount)
        order = given.order
        self._call_back(self._notice(Subject.REFUND, order.key, order.charge_reference, answer))

    def _call_back(self, notice: Notice, *, at_least: int = 0) -> None:
        """Deliver a callback any number of times, each whenever it likes."""
        for _ in range(max(at_least, self._kernel.random.randrange(DELIVERIES_MAX + 1))):
            self._later(CALLBACK_SECONDS, partial(self._try, notice))

    def _try(self, notice: Notice) -> None:
        if not self._deliver(notice):
            self._later(20, partial(self._try, notice))

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        self._kernel.after(self._kernel.random.random() * seconds, act)
