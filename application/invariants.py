"""What must always be so, as code that shares nothing with the code it judges.

One pass over the log, with its receipts beside it, then the rows of the read models, then what
clients were told. Sessions, orders and wallets are followed by tables of their own, on purpose: a
mistake in an aggregate must not hide itself here. Used by the tests, the simulator, the chaos runs
and `qrledger audit check`.

    gapless-positions · time-never-back · contiguous-versions · known-topics
    legal-transitions · on-time · one-payment · money-conserved · one-session-per-order
    one-top-up-per-reference · clock-as-accepted · receipts-agree · times-agree
    beside it, in application/checks/: head-agrees · rows-equal-the-fold
    snapshots-equal-the-fold · notices-complete · one-answer-per-key
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from application.event_log import Receipt, Recorded
from domain import ids, times
from domain.sessions.state import CLAIMS_PER_APP_MAX, CLAIMS_PER_WALLET_MAX

ENDS: Final = frozenset({"paid", "expired", "cancelled"})
STEPS: Final[Mapping[str, tuple[frozenset[str], str]]] = {
    "payment_session.scanned": (frozenset({"created", "scanned"}), "scanned"),
    "payment_session.claim_released": (frozenset({"scanned"}), "created"),
    "payment_session.paid": (frozenset({"scanned"}), "paid"),
    "payment_session.expired": (frozenset({"created", "scanned"}), "expired"),
    "payment_session.cancelled": (frozenset({"created", "scanned"}), "cancelled"),
}
"""From which statuses an event may come, and the status it leads to."""
TIMESTAMP_SKEW_MAX: Final = timedelta(days=1)
"""Between deciding and recording lie milliseconds; a test ledger's clock may be moved meanwhile."""
HOLDERS: Final = frozenset(
    {
        "merchant.registered",
        "wallet_app.registered",
        "key_ring.key_added",
        "key.issued",
        "key.revoked",
    }
)


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must not be: which rule, where in the log (0: nowhere), and what was found."""

    invariant: str
    position: int
    text: str

    def __str__(self) -> str:
        return f"{self.invariant} at position {self.position}: {self.text}"


@dataclass(slots=True)
class SessionFacts:
    """A session as its events tell it."""

    session_id: UUID
    merchant_id: str
    order_id: str
    amount_minor: int
    currency: str
    expires_at: datetime
    position: int
    version: int = 1
    status: str = "created"
    claim: tuple[str, str, datetime] | None = None
    """Claim, wallet, end of the lease."""
    claims: dict[str, int] = field(default_factory=dict)
    payer: str | None = None
    paid_position: int = 0


@dataclass(slots=True)
class WalletFacts:
    """A wallet as its events tell it."""

    currency: str
    available_minor: int = 0


class LogChecker:
    """Takes the log in, event by event; `violations` says what was wrong."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self.position = 0
        self.commands = 0
        self.sessions: dict[UUID, SessionFacts] = {}
        self.wallets: dict[UUID, WalletFacts] = {}
        self.topped_up: dict[str, int] = {}
        self.paid: dict[str, int] = {}
        self.clock_offset_microseconds = 0
        """What the last acceptance adds to the database's clock."""
        self._orders: dict[UUID, str | None] = {}
        self._references: set[tuple[UUID, str]] = set()
        self._references_used: set[tuple[UUID, str]] = set()
        self._versions: dict[UUID, int] = {}
        self.recorded_at: datetime | None = None
        """Of the last event."""
        self._group: list[Recorded] = []
        self._receipts: dict[UUID, tuple[int, int, datetime]] = {}

    def observe(self, recorded: Recorded) -> None:
        """The next event of the log."""
        self._order_of_the_log(recorded)
        if self._group and self._group[-1].command_id != recorded.command_id:
            self._end_of_command()
        self._group.append(recorded)
        topic = recorded.topic
        try:
            event: Any = recorded.event
        except Exception as error:  # noqa: BLE001 - whatever stands there, the pass goes on
            self._say("known-topics", f"{topic} cannot be read: {error}")
            self._group.pop()
            return
        try:
            self._judge(recorded, event)
        except (AttributeError, OverflowError, TypeError, ValueError) as error:
            self._say("known-topics", f"{topic} holds what it never held: {error}")
            self._group.pop()

    def _judge(self, recorded: Recorded, event: Any) -> None:
        topic = recorded.topic
        _counterpart(recorded)
        apart = abs(event.timestamp - recorded.recorded_at)
        if apart > TIMESTAMP_SKEW_MAX and topic != "clock.accepted":  # it moves the time itself
            text = f"{topic} was decided at {event.timestamp}, recorded at {recorded.recorded_at}"
            self._say("times-agree", text)
        if topic.startswith("payment_session."):
            self._session(recorded, event)
        elif topic.startswith("wallet."):
            self._wallet(recorded, event)
        elif topic.startswith("order."):
            self._order(recorded, event)
        elif topic == "top_up_reference.used":
            self._reference(event)
        elif topic == "clock.accepted":
            self._clock(event)
        elif topic not in HOLDERS:
            self._say("known-topics", f"nobody knows {topic}")

    def finish(self, receipts: Iterable[Receipt] | None = None) -> list[Violation]:
        """The end of the log; compares with the receipts if they are given."""
        self._end_of_command()
        # A reference with U+0000 could be stored once; it has no stream, as none can ask for it.
        for wallet_id, reference in self._references ^ self._references_used:
            if "\0" not in reference:
                self._say("one-top-up-per-reference", f"{reference} of {wallet_id} disagrees")
        balances: dict[str, int] = {}
        for wallet in self.wallets.values():
            balances[wallet.currency] = balances.get(wallet.currency, 0) + wallet.available_minor
        for currency in sorted(self.topped_up.keys() | self.paid.keys() | balances.keys()):
            came, went = self.topped_up.get(currency, 0), self.paid.get(currency, 0)
            if came != went + balances.get(currency, 0):
                text = f"{currency}: topped up {came}, paid {went}, held {balances.get(currency)}"
                self._say("money-conserved", text)
        if receipts is not None:
            self._compare(receipts)
        return self.violations

    def _say(self, invariant: str, text: str, position: int | None = None) -> None:
        at = self.position if position is None else position
        self.violations.append(Violation(invariant, at, text))

    def _order_of_the_log(self, recorded: Recorded) -> None:
        expected, self.position = self.position + 1, recorded.position
        if recorded.position != expected:
            self._say("gapless-positions", f"expected {expected}")
        if self.recorded_at is not None and recorded.recorded_at < self.recorded_at:
            self._say("time-never-back", f"{recorded.recorded_at} after {self.recorded_at}")
        self.recorded_at = recorded.recorded_at
        version = self._versions.get(recorded.stream_id, 0) + 1
        if recorded.version != version:
            text = f"stream {recorded.stream_id}: expected {version}, found {recorded.version}"
            self._say("contiguous-versions", text)
        self._versions[recorded.stream_id] = recorded.version

    # Sessions, wallets, orders: each event against what came before it.

    def _session(self, recorded: Recorded, event: Any) -> None:
        session = self.sessions.get(recorded.stream_id)
        if recorded.topic == "payment_session.created":
            if session is not None:
                self._say("legal-transitions", "created twice")
            self.sessions[recorded.stream_id] = SessionFacts(
                recorded.stream_id, event.merchant_id, event.order_id, event.amount_minor,
                event.currency, times.from_text(event.expires_at), recorded.position,
            )  # fmt: skip
            return
        step = STEPS.get(recorded.topic)
        if session is None or step is None:
            self._say("legal-transitions", f"{recorded.topic} of a session never created")
            return
        if session.status not in step[0]:
            rule = "one-payment" if session.status == "paid" else "legal-transitions"
            self._say(rule, f"{recorded.topic} after {session.status}")
        late = recorded.recorded_at >= session.expires_at
        if late != (recorded.topic == "payment_session.expired"):
            self._say("on-time", f"{recorded.topic}, deadline {session.expires_at}")
        if recorded.topic == "payment_session.scanned":
            self._scanned(session, recorded, event)
        elif recorded.topic == "payment_session.paid":
            self._paid(session, event)
            session.paid_position = recorded.position
        elif recorded.topic == "payment_session.claim_released":
            session.claim = None
        session.status = step[1]
        session.version, session.position = recorded.version, recorded.position

    def _scanned(self, session: SessionFacts, recorded: Recorded, event: Any) -> None:
        claim = session.claim
        if claim and claim[1] != event.wallet_id and recorded.recorded_at < claim[2]:
            self._say("legal-transitions", f"claimed although {claim[1]} holds it")
        for holder, claims_max in (
            (event.wallet_id, CLAIMS_PER_WALLET_MAX),
            (event.wallet_app_id, CLAIMS_PER_APP_MAX),
        ):
            count = session.claims.get(holder, 0) + 1
            if count > claims_max:
                self._say("legal-transitions", f"{holder} claimed it {count} times")
            session.claims[holder] = count
        session.claim = (event.claim_id, event.wallet_id, times.from_text(event.lease_until))

    def _paid(self, session: SessionFacts, event: Any) -> None:
        if session.payer is not None:
            self._say("one-payment", f"paid by {session.payer} and by {event.wallet_id}")
        if session.claim is None or session.claim[:2] != (event.claim_id, event.wallet_id):
            self._say("legal-transitions", f"{event.wallet_id} paid without the claim")
        if (event.amount_minor, event.currency) != (session.amount_minor, session.currency):
            self._say("money-conserved", "paid another amount than asked for")
        session.payer = event.wallet_id
        self.paid[event.currency] = self.paid.get(event.currency, 0) + event.amount_minor

    def _wallet(self, recorded: Recorded, event: Any) -> None:
        if recorded.topic == "wallet.opened":
            self.wallets[recorded.stream_id] = WalletFacts(event.currency)
            return
        wallet = self.wallets.get(recorded.stream_id)
        if wallet is None or wallet.currency != event.currency:
            self._say("money-conserved", f"{recorded.topic} of no such wallet")
            return
        if recorded.topic == "wallet.topped_up":
            name = (recorded.stream_id, event.reference)
            if name in self._references:
                self._say("one-top-up-per-reference", f"topped up twice under {event.reference}")
            self._references.add(name)
            wallet.available_minor += event.amount_minor
            came = self.topped_up.get(event.currency, 0)
            self.topped_up[event.currency] = came + event.amount_minor
        else:
            wallet.available_minor -= event.amount_minor
            if wallet.available_minor < 0:
                self._say("money-conserved", f"a wallet went to {wallet.available_minor}")

    def _reference(self, event: Any) -> None:
        name = (ids.decode("wal", event.wallet_id), event.reference)
        if name in self._references_used:
            self._say("one-top-up-per-reference", f"{event.reference} was used twice")
        self._references_used.add(name)

    def _clock(self, event: Any) -> None:
        self.clock_offset_microseconds = event.offset_microseconds
        if event.offset_microseconds < 0:
            self._say("time-never-back", f"accepted with {event.offset_microseconds} µs")

    def _order(self, recorded: Recorded, event: Any) -> None:
        holder = self._orders.get(recorded.stream_id)
        if recorded.topic == "order.opened":
            if holder is not None:
                self._say("one-session-per-order", f"opened while {holder} holds it")
            self._orders[recorded.stream_id] = event.session_id
        else:
            if holder != event.session_id:
                self._say("one-session-per-order", f"{event.session_id} released {holder}'s")
            self._orders[recorded.stream_id] = None

    # One command's events stand together: money leaves a wallet exactly when a session is paid.

    def _end_of_command(self) -> None:
        group, self._group = self._group, []
        if not group:
            return
        command = group[0].command_id
        if command in self._receipts:
            self._say("receipts-agree", f"command {command} recorded twice")
        first, last = group[0], group[-1]
        self._receipts[command] = (first.position, last.position, first.recorded_at)
        for recorded in group:
            if recorded.recorded_at != first.recorded_at:
                text = f"command {command}: {first.recorded_at}, then {recorded.recorded_at}"
                self._say("times-agree", text, recorded.position)
        self.commands += 1
        pairs: dict[str, list[tuple[str, ...]]] = {}
        for recorded in group:
            fact = _counterpart(recorded)
            if fact is not None:
                pairs.setdefault(fact[0], []).append(fact[1:])
        for one, other, invariant in (
            ("captured", "paid", "money-conserved"),
            ("opened", "created", "one-session-per-order"),
            ("released", "ended", "one-session-per-order"),
        ):
            if sorted(pairs.get(one, [])) != sorted(pairs.get(other, [])):
                self._say(invariant, f"command {command}: {pairs}")

    def _compare(self, receipts: Iterable[Receipt]) -> None:
        left = dict(self._receipts)
        for receipt in receipts:
            found = left.pop(receipt.command_id, None)
            told = (receipt.first_position, receipt.last_position)
            place = (found and found[0]) or receipt.first_position
            if told != ((found and found[:2]) or (None, None)):
                text = f"receipt of {receipt.command_id}: {told}, the log has {found and found[:2]}"
                self._say("receipts-agree", text, place)
            if found is not None and receipt.recorded_at != found[2]:
                text = f"receipt of {receipt.command_id}: {receipt.recorded_at}, not {found[2]}"
                self._say("times-agree", text, place)
            if found is None and receipt.refusal is None and not receipt.fingerprint:
                self._say("receipts-agree", f"receipt of {receipt.command_id} stands for nothing")
        for command, (first, _, _) in left.items():
            self._say("receipts-agree", f"command {command} has no receipt", first)


def _counterpart(recorded: Recorded) -> tuple[str, ...] | None:
    """What an event must be matched with in its own command."""
    event: Any = recorded.event
    topic, stream = recorded.topic, recorded.stream_id
    if topic in {"wallet.captured", "payment_session.paid"}:
        paid = topic == "payment_session.paid"
        session = ids.encode("ps", stream) if paid else event.session_id
        wallet = event.wallet_id if paid else ids.encode("wal", stream)
        kind = "paid" if paid else "captured"
        return (kind, session, wallet, str(event.amount_minor), event.currency)
    if topic in {"order.opened", "order.released"}:
        return (topic.removeprefix("order."), event.session_id)
    if topic in {"payment_session.expired", "payment_session.cancelled"}:
        return ("ended", ids.encode("ps", stream))
    if topic == "payment_session.created":
        return ("created", ids.encode("ps", stream))
    return None


def check_log(
    events: Iterable[Recorded], receipts: Iterable[Receipt] | None = None
) -> tuple[LogChecker, list[Violation]]:
    """Judge a whole log; answers with what was learnt on the way and every violation."""
    checker = LogChecker()
    for recorded in events:
        checker.observe(recorded)
    return checker, checker.finish(receipts)
