"""The books, computed a second time: from the figures of events, and not by the rules that post.

Each event that moves money states here what it changes, account by account, on the account's
normal side. The changes must agree with the journal entry of the rules, and balance by themselves:
per currency, assets and the open position at `fx:clearing` change as much as liabilities, income
and equity together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, ClassVar, Final, NamedTuple

from application.checks.violation import Violations
from application.event_log import Recorded
from domain import ids
from domain.accounting.rules import postings

BANK: Final = "bank:safeguarded"
CLEARING: Final = "fx:clearing"
SUSPENSE: Final = "suspense"
HOUSE_EXPENSES: Final = "disputes"
NEVER_NEGATIVE: Final = (":available", ":held", ":reserved", ":in_transit", BANK, SUSPENSE)
"""How the names of accounts end that may not go below zero."""


ACCOUNTS_CACHED_MAX: Final = 4096


class Change(NamedTuple):
    """What an event adds to the balance of an account."""

    account: str
    currency: str
    exponent: int
    minor: int
    """Signed, on the account's normal side."""
    earned: bool = False
    """Whether it counts as a credit that only grows."""


@lru_cache(ACCOUNTS_CACHED_MAX)
def is_debit_normal(account: str) -> bool:
    """Whether debits increase the account: assets, expenses, the position between currencies."""
    return account in {BANK, CLEARING, HOUSE_EXPENSES} or account.startswith("processor:")


class BooksCheck:
    """Follows every account."""

    follows: ClassVar[tuple[str, ...]] = (
        "wallet.topped_up", "wallet.held", "wallet.released", "payment_session.paid", "refund",
        "payout", "treasury.moved", "suspense", "settlement", "dispute",
    )  # fmt: skip

    def __init__(self, violations: Violations) -> None:
        self.balances: dict[tuple[str, str], int] = {}
        """By account and currency, on the account's normal side."""
        self.earned: dict[tuple[str, str], int] = {}
        """Credits that only grow: payments to merchants, top-ups at the bank."""
        self.exponents: dict[tuple[str, str], int] = {}
        self._last: tuple[int, tuple[Change, ...]] = (0, ())
        """Position and changes of the last event."""
        self._violations = violations

    def observe(self, recorded: Recorded, event: Any) -> None:
        """Check what the next event changes."""
        find = _CHANGES.get(recorded.topic)
        if find is None:
            return
        changes = tuple([change for change in find(event) if change.minor or change.earned])
        self._last = (recorded.position, changes)
        difference: dict[str, int] = {}
        net: dict[tuple[str, str], int] = {}
        for account, currency, exponent, minor, earned in changes:
            key = (account, currency)
            balance = self.balances[key] = self.balances.get(key, 0) + minor
            self.exponents[key] = exponent
            net[key] = net.get(key, 0) + minor
            if earned:
                self.earned[key] = self.earned.get(key, 0) + minor
            signed = minor if is_debit_normal(account) else -minor
            difference[currency] = difference.get(currency, 0) + signed
            if balance < 0 and account.endswith(NEVER_NEGATIVE):
                self._violations.report("never-negative", f"{account} is {balance} {currency}")
        for currency, left in difference.items():
            if left:
                text = f"{recorded.topic}: {left} {currency} more on the side of assets"
                self._violations.report("books-balance", text)
        self._compare(recorded.topic, event, net)

    def changes_at(self, position: int) -> tuple[Change, ...]:
        """What the event of a position has changed, if it is the last one that was observed."""
        return self._last[1] if self._last[0] == position else ()

    def _compare(self, topic: str, event: Any, net: dict[tuple[str, str], int]) -> None:
        """Compare the sums of the changes, from which it is taken, with what the rules post."""
        try:
            entry = postings(event)
        except Exception as error:  # noqa: BLE001 - a rule that fails is a finding
            self._violations.report("postings-agree", f"{topic} cannot be posted: {error!r}")
            return
        for account, side, minor, currency, _ in entry:
            key = (account, currency)
            increases = (side == "debit") is is_debit_normal(account)
            net[key] = net.get(key, 0) - (minor if increases else -minor)
        for (account, currency), minor in net.items():
            if minor:
                text = f"{topic}: {account} differs by {minor} {currency} from its entry"
                self._violations.report("postings-agree", text)


def _topped_up(event: Any) -> Iterable[Change]:
    wallet = f"wallet:{ids.encode('wal', event.originator_id)}:available"
    yield Change(BANK, event.currency, event.exponent, event.amount_minor, earned=True)
    yield Change(wallet, event.currency, event.exponent, event.amount_minor)


def _paid(event: Any) -> Iterable[Change]:
    """The payer has less, the house its spread, the merchant the amount less the house's fee."""
    ours, theirs = (event.currency, event.exponent), (event.payer_currency, event.payer_exponent)
    payable = f"merchant:{event.merchant_id}:payable"
    pays, spread, fee = event.payer_amount_minor, event.spread_minor, event.fee_minor
    if event.funding == "wallet":
        yield Change(f"wallet:{event.wallet_id}:{event.source}", *theirs, -pays)
    else:
        yield Change(f"processor:{event.processor}:receivable", *theirs, pays)
    if ours[0] != theirs[0]:
        yield Change(CLEARING, *theirs, spread - pays)
        yield Change(CLEARING, *ours, event.amount_minor)
    yield Change("fx_spread", *theirs, spread)
    yield Change(payable, *ours, event.amount_minor - fee, earned=True)
    yield Change("fees", *ours, fee)


def _refund_pending(sign: int) -> Callable[[Any], Iterable[Change]]:
    """The merchant's debit moves to what is reserved (1), or back (-1)."""

    def changes(event: Any) -> Iterable[Change]:
        debit = sign * (event.amount_minor - event.fee_returned_minor)
        merchant = f"merchant:{event.merchant_id}"
        yield Change(f"{merchant}:payable", event.currency, event.exponent, -debit)
        yield Change(f"{merchant}:reserved", event.currency, event.exponent, debit)

    return changes


def _refunded(event: Any) -> Iterable[Change]:
    """The merchant pays the refund less the returned fee, the house the fee and the spread."""
    ours, theirs = (event.currency, event.exponent), (event.payer_currency, event.payer_exponent)
    credited, spread = event.credited_minor, event.spread_returned_minor
    amount, fee = event.amount_minor, event.fee_returned_minor
    purse = "reserved" if event.reserved else "payable"
    yield Change(f"merchant:{event.merchant_id}:{purse}", *ours, fee - amount)
    yield Change("fees", *ours, -fee)
    if ours[0] != theirs[0]:
        yield Change(CLEARING, *ours, -amount)
        yield Change(CLEARING, *theirs, credited - spread)
    yield Change("fx_spread", *theirs, -spread)
    if event.wallet_id is None:
        yield Change(f"processor:{event.processor}:receivable", *theirs, -credited)
    else:
        yield Change(f"wallet:{event.wallet_id}:available", *theirs, credited)


def _payout_requested(event: Any) -> Iterable[Change]:
    merchant = f"merchant:{event.merchant_id}"
    yield Change(f"{merchant}:payable", event.currency, event.exponent, -event.amount_minor)
    yield Change(f"{merchant}:in_transit", event.currency, event.exponent, event.amount_minor)


def _payout_settled(event: Any) -> Iterable[Change]:
    in_transit = f"merchant:{event.merchant_id}:in_transit"
    yield Change(in_transit, event.currency, event.exponent, -event.amount_minor)
    yield Change(BANK, event.currency, event.exponent, -event.amount_minor)


def _payout_returned(event: Any) -> Iterable[Change]:
    merchant, money = f"merchant:{event.merchant_id}", (event.currency, event.exponent)
    if event.after_settlement:
        yield Change(BANK, *money, event.amount_minor)
    else:
        yield Change(f"{merchant}:in_transit", *money, -event.amount_minor)
    yield Change(f"{merchant}:payable", *money, event.amount_minor)


def _held(sign: int) -> Callable[[Any], Iterable[Change]]:
    """A wallet's money is held (1), or available again (-1)."""

    def changes(event: Any) -> Iterable[Change]:
        wallet = f"wallet:{ids.encode('wal', event.originator_id)}"
        minor = sign * event.amount_minor
        yield Change(f"{wallet}:available", event.currency, event.exponent, -minor)
        yield Change(f"{wallet}:held", event.currency, event.exponent, minor)

    return changes


def _suspense(sign: int) -> Callable[[Any], Iterable[Change]]:
    """A processor owes us (1) money that is no payment, or has no more of it (-1)."""

    def changes(event: Any) -> Iterable[Change]:
        minor = sign * event.amount_minor
        receivable = f"processor:{event.processor}:receivable"
        yield Change(receivable, event.currency, event.exponent, minor)
        yield Change(SUSPENSE, event.currency, event.exponent, minor)

    return changes


def _settled(event: Any) -> Iterable[Change]:
    """What the processor owed is at the bank, less what it keeps."""
    money, processor = (event.currency, event.exponent), f"processor:{event.processor}"
    yield Change(BANK, *money, event.received_minor, earned=event.received_minor > 0)
    yield Change(f"{processor}:fees", *money, event.fee_minor)
    yield Change(f"{processor}:receivable", *money, -event.received_minor - event.fee_minor)


def _disputed(sign: int) -> Callable[[Any], Iterable[Change]]:
    """A processor has taken money back (1), or given it back (-1)."""

    def changes(event: Any) -> Iterable[Change]:
        money, merchant = (event.currency, event.exponent), event.merchant_minor
        yield Change(f"merchant:{event.merchant_id}:payable", *money, -sign * merchant)
        yield Change(HOUSE_EXPENSES, *money, sign * (event.amount_minor - merchant))
        receivable = f"processor:{event.processor}:receivable"
        yield Change(receivable, *money, -sign * event.amount_minor)

    return changes


def _moved(event: Any) -> Iterable[Change]:
    minor = event.amount_minor if event.incoming else -event.amount_minor
    yield Change(BANK, event.currency, event.exponent, minor)
    if event.kind == "fx_settlement":
        yield Change(CLEARING, event.currency, event.exponent, -minor)
    else:
        yield Change("equity:house", event.currency, event.exponent, minor)


_CHANGES: Final[Mapping[str, Callable[[Any], Iterable[Change]]]] = {
    "wallet.topped_up": _topped_up,
    "payment_session.paid": _paid,
    "refund.requested": _refund_pending(1),
    "refund.succeeded": _refunded,
    "refund.failed": _refund_pending(-1),
    "payout.requested": _payout_requested,
    "payout.settled": _payout_settled,
    "payout.returned": _payout_returned,
    "treasury.moved": _moved,
    "wallet.held": _held(1),
    "wallet.released": _held(-1),
    "suspense.received": _suspense(1),
    "suspense.accepted": _suspense(-1),
    "suspense.returned": _suspense(-1),
    "settlement.received": _settled,
    "dispute.opened": _disputed(1),
    "dispute.won": _disputed(-1),
}
