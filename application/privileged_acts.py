"""Which events are privileged acts: what only the operator, or one who speaks for a merchant, does.

One table says which topics are; every other one is declared to be ordinary, with the reason, and a
test refuses an event that is in neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

from application.consumer import PagedLog
from application.event_log import PAGE_EVENTS_MAX, EventLog, Recorded, UnknownEvent
from domain import ids

ACTORS_MAX: Final = 1_000
"""Actors that a summary counts one by one; those after them are counted together."""
OTHERS: Final = "(others)"
KEYS_CACHED_MAX: Final = 1_000


class Act(NamedTuple):
    """A privileged act."""

    says: str
    shows: tuple[str, ...] = ()
    """Members of the event that a report shows; never a secret or its hash."""


_PAYOUTS: Final = ("currency", "destination", "daily_at", "zone")
_RESOLVED: Final = ("outcome", "by", "reason")
_ENDPOINT: Final = ("endpoint_id", "url", "types")

PRIVILEGED: Final[Mapping[str, Act]] = MappingProxyType(
    {
        "key.issued": Act("API key issued", ("role", "holder_id", "mode")),
        "key.revoked": Act("API key revoked"),
        "merchant.registered": Act("merchant registered", ("name", "return_hosts")),
        "merchant.plan_changed": Act(
            "fee plan changed", ("currency", "basis_points", "fixed_minor", "fee_refund_policy")
        ),
        "merchant.payouts_changed": Act("payout terms changed", _PAYOUTS),
        "merchant.processors_changed": Act("processors changed", ("processors",)),
        "merchant.branding_changed": Act("logo and colour changed", ("logo_sha256", "accent")),
        "merchant.qr_changed": Act("details of EMVCo codes changed", ("country", "name", "city")),
        "wallet_app.registered": Act("wallet app registered", ("name",)),
        "wallet.topped_up": Act("wallet topped up", ("amount_minor", "currency", "reference")),
        "payment_session.restricted": Act("texts of a session restricted"),
        "wallet.restricted": Act("texts of a wallet restricted"),
        "attempt.resolved": Act("attempt resolved by a person", ("attempt_id", *_RESOLVED)),
        "refund.resolved": Act("refund resolved by a person", ("refund_id", *_RESOLVED)),
        "treasury.moved": Act(
            "treasury moved", ("kind", "incoming", "amount_minor", "currency", "reference")
        ),
        "settlement.received": Act(
            "settlement recorded",
            ("processor", "gross_minor", "fee_minor", "received_minor", "currency", "reference"),
        ),
        "clock.accepted": Act("clock accepted", ("offset_microseconds",)),
        "clock.advanced": Act("test clock advanced", ("seconds",)),
        "static_code.issued": Act("static code issued", ("label", "currency", "key_id")),
        "static_code.revoked": Act("static code revoked"),
        "webhook_endpoint.added": Act("webhook endpoint added", _ENDPOINT),
        "webhook_endpoint.changed": Act("webhook endpoint changed", _ENDPOINT),
        "webhook_endpoint.removed": Act("webhook endpoint removed", ("endpoint_id",)),
        "webhook_endpoint.secret_rotated": Act(
            "webhook secret rotated", ("endpoint_id", "secret_number")
        ),
        "webhook_endpoint.callback_secret_rotated": Act(
            "callback secret rotated", ("secret_number",)
        ),
        "webhook_endpoint.replay_requested": Act(
            "webhooks replayed", ("endpoint_id", "after", "up_to")
        ),
        "log.opened": Act("log opened", ("origin",)),
        "log.key_added": Act("sealing key added", ("key_id",)),
        "log.key_retired": Act("sealing key retired", ("key_id", "size", "reason")),
        "log.restarted": Act(
            "log restarted", ("origin", "old_origin", "old_size", "common_size", "reason")
        ),
    }
)
"""By topic: the acts that a report lists, whoever did them."""

_DAILY: Final = "the daily business of merchants and payers"
_PROCESSES: Final = "what a processor, a bank or a process of this program has found"
_COMPANION: Final = "recorded together with the act that it belongs to"
_OPERATION: Final = "a merchant runs its own notices"

ORDINARY: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(
            [
                "payment_session.created", "payment_session.scanned",
                "payment_session.claim_released", "payment_session.paid",
                "payment_session.cancelled", "payment_session.processing", "refund.requested",
                "refund.succeeded", "attempt.void_requested", "suspense.accepted",
                "order.opened", "order.released", "wallet.opened", "wallet.captured",
                "wallet.held", "wallet.released", "wallet.credited", "fx_quote.opened",
                "fx_quote.given", "fx_quote.used", "code_session.opened", "payout.requested",
                "refusal.recorded",
            ],
            _DAILY,
        ),
        **dict.fromkeys(
            [
                "payment_session.expired", "payment_session.declined", "payment_session.failed",
                "payment_session.flagged", "attempt.accepted", "attempt.unanswered",
                "refund.failed", "dispute.opened", "dispute.won", "dispute.lost",
                "suspense.received", "suspense.return_requested", "suspense.returned",
                "payout.funded", "payout.sent", "payout.settled", "payout.returned",
                "treasury.payout_funded", "treasury.payout_returned",
                "webhook_endpoint.disabled", "webhook_endpoint.replay_finished",
            ],
            _PROCESSES,
        ),
        **dict.fromkeys(
            [
                "key_ring.key_added", "top_up_reference.used", "treasury.opened",
                "webhook_endpoint.opened", "payable.opened", "payable.debited",
                "payable.restored",
            ],
            _COMPANION,
        ),
        **dict.fromkeys(
            [
                "webhook_endpoint.paused", "webhook_endpoint.enabled",
                "webhook_endpoint.test_requested", "webhook_endpoint.redelivery_requested",
            ],
            _OPERATION,
        ),
    }
)  # fmt: skip
"""By topic: every other event, and why a report leaves it out."""


class ActsLog(EventLog, PagedLog, Protocol):
    """The log as reports read it."""


@dataclass(frozen=True, slots=True)
class Line:
    """A privileged act as a report shows it."""

    recorded: Recorded
    act: Act
    actor: str
    """As recorded; a key with its role, such as `key_… (operator)`."""
    facts: Mapping[str, Any]


class Report:
    """The privileged acts of a range of the log. Holds one page, and one number for each actor."""

    def __init__(self, log: ActsLog) -> None:
        self._event_log = log
        self._roles: dict[str, str] = {}
        self.counts: dict[str, int] = {}
        """By actor: the acts that were listed so far."""

    def lines(self, first: int, end: int, *, actor: str | None = None) -> Iterator[Line]:
        """The acts at the positions from `first` up to, but not including, `end`, oldest first.

        Args:
            first: at least 1.
            end: at most one more than the head.
            actor: only the acts of this one, as it was recorded; None for all.

        Raises (checked in this order):
            LogUnavailable: nothing could be read.
            LogCorrupt: a position is missing.
        """
        after = first - 1
        while after < end - 1:
            limit = min(PAGE_EVENTS_MAX, end - 1 - after)
            page = self._event_log.page(after, limit, tuple(PRIVILEGED))
            if page.last == after:
                return
            after = page.last
            for recorded in page.events:
                if actor is None or recorded.actor == actor:
                    yield self._line(recorded)

    def _line(self, recorded: Recorded) -> Line:
        act, actor = PRIVILEGED[recorded.topic], self._named(recorded.actor)
        counted = actor if actor in self.counts or len(self.counts) < ACTORS_MAX else OTHERS
        self.counts[counted] = self.counts.get(counted, 0) + 1
        try:
            members = vars(recorded.event)
        except UnknownEvent:
            members = {}
        facts = {name: members[name] for name in act.shows if name in members}
        return Line(recorded, act, actor, facts)

    def _named(self, actor: str) -> str:
        """The actor, of a key with its role."""
        try:
            key_id = ids.decode("key", actor)
        except ValueError:
            return actor
        if actor not in self._roles:
            if len(self._roles) >= KEYS_CACHED_MAX:
                self._roles.clear()
            issued = self._event_log.stream(key_id, up_to=1)
            role = getattr(issued[0].event, "role", "") if issued else ""
            self._roles[actor] = role or "unknown key"
        return f"{actor} ({self._roles[actor]})"
