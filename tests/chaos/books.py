"""Refunds, quotes and payouts of a chaos client, and their comparison with the log.

A client refunds and pays out no more than it has itself paid, so whatever the others do, the
merchant always has the money: any refusal of the first refund of a payment, or of a payout, is
wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from domain import ids
from tests.chaos.report import Report

Post = Callable[[str, Any, str], dict[str, Any]]
QUOTED: Final = {"minor": 250, "currency": "USD"}
"""The price of a session that is paid in another currency."""
QUOTED_PART: Final = {"minor": 67, "currency": "USD"}
"""What is refunded of it: a part, so that the remainder covers a payout."""
PAYOUTS_MINOR: Final = (100, 91, 92, 93, 96)
"""In turn. The last two digits choose the outcome, see the sandbox bank."""
ENDINGS: Final = {
    91: {"returned"}, 92: {"settled", "returned"}, 93: {"returned"},
}  # fmt: skip
"""By the last two digits; any other payout is settled. 92 is settled first and returned later."""

UNENDED_PAYOUTS: Final = """
select count(*) from (
  select from ledger.events where topic like 'payout.%' group by originator_id
  having not bool_or(topic in ('payout.settled', 'payout.returned'))
) unended
"""


@dataclass(frozen=True, slots=True)
class Quote:
    """An acknowledged quote."""

    id: str
    session: str
    from_minor: int


class ClientBooks:
    """What one client has had acknowledged beside sessions and payments."""

    def __init__(self, post: Post, merchant: str, wallet: str, contradictions: list[str]) -> None:
        """Nothing yet.

        Args:
            post: repeats a request until its response is final; {} if it was given up.
            merchant: the merchant's API key.
            wallet: the wallet app's API key.
            contradictions: where wrong responses are reported.
        """
        self._post, self._contradictions = post, contradictions
        self._merchant, self._wallet = merchant, wallet
        self.refunded: dict[str, int] = {}
        """Minor units of the acknowledged refund of each session."""
        self.quotes: list[Quote] = []
        self.paid_by_quote: dict[str, Quote] = {}
        """By session."""
        self.payouts: dict[str, int] = {}
        """Minor units of each acknowledged payout."""

    def refund(self, session: str, part: dict[str, Any], price: dict[str, Any]) -> None:
        """Refund a part of a payment; a refund of the whole price is then refused by name."""
        path = f"/v1/payment-sessions/{session}/refunds"
        first = self._post(path, {"amount": part}, self._merchant)
        if first.get("status") == "succeeded":
            self.refunded[session] = first["amount"]["minor"]
            second = self._post(path, {"amount": price}, self._merchant)
            if second and second.get("code") != "refund-exceeds-paid":
                self._contradictions.append(f"{session}: refunded twice: {second}")
        elif first:
            self._contradictions.append(f"{session}: not refunded: {first}")

    def quote(self, session: str, wallet: str) -> Quote | None:
        """A quote for the session; None if it was refused."""
        body = {"wallet_id": wallet, "session_id": session}
        given = self._post("/v1/fx-quotes", body, self._wallet)
        if "id" not in given:
            return None
        quote = Quote(given["id"], session, given["from"]["minor"])
        self.quotes.append(quote)
        return quote

    def pay_out(self) -> None:
        """Ask for the next payout."""
        minor = PAYOUTS_MINOR[len(self.payouts) % len(PAYOUTS_MINOR)]
        asked = {"amount": {"minor": minor, "currency": "USD"}}
        given = self._post("/v1/payouts", asked, self._merchant)
        if given.get("object") == "payout":
            self.payouts[given["id"]] = given["amount"]["minor"]
        elif given:
            self._contradictions.append(f"payout of {minor}: {given}")


def compare_books(books: Sequence[ClientBooks], events: Sequence[Any], report: Report) -> None:
    """Count what was lost, invented or done twice among refunds, quotes and payouts."""
    _compare_refunds(books, events, report)
    _compare_quotes(books, events, report)
    _compare_payouts(books, events, report)


def _compare_refunds(books: Sequence[ClientBooks], events: Sequence[Any], report: Report) -> None:
    recorded = [e for e in events if e.topic == "refund.succeeded"]
    _compare(
        {session: minor for one in books for session, minor in one.refunded.items()},
        {ids.encode("ps", e.stream_id): e.event.amount_minor for e in recorded},
        report,
    )
    report.refunds = len(recorded)
    counts = Counter(e.stream_id for e in recorded)
    report.duplicate += sum(count > 1 for count in counts.values())


def _compare_quotes(books: Sequence[ClientBooks], events: Sequence[Any], report: Report) -> None:
    given = {e.event.quote_id: e.event.from_minor for e in events if e.topic == "fx_quote.given"}
    _compare({q.id: q.from_minor for one in books for q in one.quotes}, given, report)
    paid = {
        ids.encode("ps", e.stream_id): (e.event.quote_id, e.event.payer_amount_minor)
        for e in events
        if e.topic == "payment_session.paid" and e.event.quote_id
    }
    acknowledged = {
        session: (quote.id, quote.from_minor)
        for one in books
        for session, quote in one.paid_by_quote.items()
    }
    _compare(acknowledged, paid, report)
    report.paid_by_quote = len(paid)
    used = Counter(e.event.quote_id for e in events if e.topic == "fx_quote.used")
    report.duplicate += sum(count > 1 for count in used.values())
    if used.keys() != {quote for quote, _ in paid.values()}:
        report.violations.append("the quotes that were used are not those of the payments")


def _compare_payouts(books: Sequence[ClientBooks], events: Sequence[Any], report: Report) -> None:
    states: dict[str, Counter[str]] = {}
    requested: dict[str, int] = {}
    for e in events:
        kind, _, state = e.topic.partition(".")
        if kind == "payout":
            payout = ids.encode("pay", e.stream_id)
            states.setdefault(payout, Counter())[state] += 1
            if state == "requested":
                requested[payout] = e.event.amount_minor
    _compare(
        {payout: minor for one in books for payout, minor in one.payouts.items()}, requested, report
    )
    report.payouts = len(requested)
    report.duplicate += sum(any(n > 1 for n in counts.values()) for counts in states.values())
    for payout, minor in requested.items():
        ended = states[payout].keys() & {"settled", "returned"}
        if not ended or not ended <= ENDINGS.get(minor % 100, {"settled"}):
            report.violations.append(f"{payout} of {minor}: {dict(states[payout])}")


def _compare(acknowledged: dict[str, Any], recorded: dict[str, Any], report: Report) -> None:
    """What was acknowledged is recorded with the same figures, and nothing else is."""
    report.lost += sum(recorded.get(key) != value for key, value in acknowledged.items())
    if not report.unresolved:
        report.phantom += len(recorded.keys() - acknowledged.keys())
