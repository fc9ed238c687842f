"""What recorded payments would have cost under another policy: fees and spreads, priced again.

Nothing is touched. What the policy does not name is priced as it was recorded, so a policy that
names what was in force changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from application.consumer import PagedLog
from application.event_log import PAGE_EVENTS_MAX, EventLog, Recorded, history
from domain.merchants.fee_plan import FeePlan, FeeRefundPolicy
from domain.money.fx import spread_minor
from domain.money.money import Money
from domain.money.shares import returned
from domain.sessions.payment_session import PaymentSession

RULES_MAX: Final = 10_000
"""Rules of one policy."""
PAID: Final = PaymentSession.Paid.TOPIC
CREATED: Final = PaymentSession.Created.TOPIC
REFUNDS: Final = frozenset(
    {
        PaymentSession.RefundRequested.TOPIC,
        PaymentSession.RefundSucceeded.TOPIC,
        PaymentSession.RefundFailed.TOPIC,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeRule:
    """A plan, and whose payments it is for."""

    plan: FeePlan
    merchant_id: str = ""
    """Empty: every merchant."""
    currency: str = ""
    """Empty: every currency."""

    def applies(self, merchant_id: str, currency: str) -> bool:
        """Whether it is for this merchant's payments in this currency."""
        return self.merchant_id in {"", merchant_id} and self.currency in {"", currency}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How payments are priced; of the rules the first that applies."""

    fees: Sequence[FeeRule] = ()
    spread_basis_points: int | None = None
    """The house's part of a conversion, 0 to 1,000; None: as recorded."""

    def plan(self, merchant_id: str, currency: str) -> FeePlan | None:
        """The plan for a payment; None: as recorded."""
        rules = (rule for rule in self.fees if rule.applies(merchant_id, currency))
        return next((rule.plan for rule in rules), None)


@dataclass(slots=True)
class Difference:
    """What a merchant's payments brought the house in one currency, and would have brought."""

    payments: int = 0
    recorded_minor: int = 0
    """After what refunds gave back."""
    repriced_minor: int = 0

    @property
    def change_minor(self) -> int:
        """What the policy would have brought more."""
        return self.repriced_minor - self.recorded_minor


class Kind(NamedTuple):
    """A line of the result."""

    merchant_id: str
    what: str
    """`fees`, in the currency of the sessions, or `spread`, in the payers' currency."""
    currency: str


@dataclass(slots=True)
class Result:
    """The differences, and how far the log was read."""

    position: int = 0
    lines: dict[Kind, Difference] = field(default_factory=dict)

    def add(self, kind: Kind, recorded: int, repriced: int, *, payments: int = 0) -> None:
        """Add a payment's part, or take off a refund's."""
        line = self.lines.setdefault(kind, Difference())
        line.payments += payments
        line.recorded_minor += recorded
        line.repriced_minor += repriced


class _Prices(NamedTuple):
    """What the house takes of one payment."""

    fee_minor: int
    returns_fee: bool
    """Whether refunds give back their share of the fee."""
    spread_minor: int


class ReplayLog(EventLog, PagedLog, Protocol):
    """The log, by page and by stream."""


def reprice(
    log: ReplayLog,
    policy: Policy,
    *,
    first: int,
    end: int,
    on_page: Callable[[int], Any] = lambda _position: None,
) -> Result:
    """Price the payments of a range of positions again, with all refunds they have had since.

    Args:
        log: the log.
        policy: the prices.
        first: the first position of the range.
        end: the position after its last one.
        on_page: called with the position that was reached.

    Raises (checked in this order):
        LogUnavailable: nothing could be read.
        LogCorrupt: a position is missing.
    """
    result = Result(position=log.head())
    refunded: set[Any] = set()
    for recorded in _events(log, first, result.position, on_page):
        if recorded.topic == PAID and recorded.position < end:
            _pay(result, policy, recorded.event)
        elif recorded.topic in REFUNDS and recorded.stream_id not in refunded:
            refunded.add(recorded.stream_id)
            _refund(result, policy, history(log, recorded.stream_id), first=first, end=end)
    return result


def _events(
    log: PagedLog, first: int, head: int, on_page: Callable[[int], Any]
) -> Iterator[Recorded]:
    """The payments and refunds from a position to the head."""
    position, topics = first - 1, REFUNDS | {PAID}
    while position < head:
        page = log.page(position, min(PAGE_EVENTS_MAX, head - position), topics)
        yield from page.events
        position = page.last
        on_page(position)


def _pay(result: Result, policy: Policy, paid: Any) -> None:
    prices = _prices(policy, paid)
    fees, spread = _kinds(paid)
    result.add(fees, paid.fee_minor, prices.fee_minor, payments=1)
    if _is_converted(paid):
        result.add(spread, paid.spread_minor, prices.spread_minor, payments=1)


def _refund(
    result: Result, policy: Policy, events: Sequence[Recorded], *, first: int, end: int
) -> None:
    """Take off what the refunds of one session gave back, and would have given back."""
    recorded = next(one for one in events if one.topic == PAID)
    if not first <= recorded.position < end:
        return
    created: Any = next(one for one in events if one.topic == CREATED).event
    paid: Any = recorded.event
    prices = _prices(policy, paid, created.fee_refund_policy)
    given = [one.event for one in events if one.topic in REFUNDS]
    fees, spread = _kinds(paid)
    counted = _counted(given)
    fee_back, spread_back = _repriced_returns(given, prices, of=paid.amount_minor)
    result.add(fees, -sum(one.fee_returned_minor for one in counted.values()), -fee_back)
    if _is_converted(paid):
        taken = sum(one.spread_returned_minor for one in counted.values())
        result.add(spread, -taken, -spread_back)


def _counted(given: Sequence[Any]) -> dict[str, Any]:
    """The refunds that count, by id: those that have not failed."""
    counted: dict[str, Any] = {}
    for event in given:
        if event.TOPIC == PaymentSession.RefundFailed.TOPIC:
            counted.pop(event.refund_id, None)
        else:
            counted.setdefault(event.refund_id, event)
    return counted


def _repriced_returns(given: Sequence[Any], prices: _Prices, *, of: int) -> tuple[int, int]:
    """What refunds would have given back of the fee and of the spread, one after the other."""
    counted: dict[str, tuple[int, int, int]] = {}
    for event in given:
        if event.TOPIC == PaymentSession.RefundFailed.TOPIC:
            counted.pop(event.refund_id, None)
        elif event.refund_id not in counted:
            amounts, fees, spreads = zip(*counted.values(), strict=True) if counted else ((),) * 3
            so_far = sum(amounts) + event.amount_minor
            fee = returned(prices.fee_minor, so_far=so_far, of=of, taken_minor=sum(fees))
            spread = returned(prices.spread_minor, so_far=so_far, of=of, taken_minor=sum(spreads))
            fee = fee if prices.returns_fee else 0
            counted[event.refund_id] = (event.amount_minor, fee, spread)
    return sum(one[1] for one in counted.values()), sum(one[2] for one in counted.values())


def _prices(policy: Policy, paid: Any, refund_policy: str = "") -> _Prices:
    """The prices of a payment under a policy.

    Args:
        policy: the policy.
        paid: the payment.
        refund_policy: what was recorded for the session's fee; not needed for the payment itself.
    """
    fee_minor, spread = paid.fee_minor, paid.spread_minor
    plan = policy.plan(paid.merchant_id, paid.currency)
    if plan is not None:
        fee = plan.fee(Money(paid.amount_minor, paid.currency))
        fee_minor, refund_policy = fee.minor, fee.refund_policy
    if policy.spread_basis_points is not None and _is_converted(paid):
        spread = spread_minor(paid.payer_amount_minor - spread, policy.spread_basis_points)
    return _Prices(fee_minor, refund_policy == FeeRefundPolicy.PROPORTIONAL, spread)


def _is_converted(paid: Any) -> bool:
    return bool(paid.payer_currency != paid.currency)


def _kinds(paid: Any) -> tuple[Kind, Kind]:
    return (
        Kind(paid.merchant_id, "fees", paid.currency),
        Kind(paid.merchant_id, "spread", paid.payer_currency),
    )
