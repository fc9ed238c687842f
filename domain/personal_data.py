"""Which members of events hold text that somebody made up: one table, and nothing looked up.

Such text is not meant for personal data, but nobody can prove that there is none in it. Every other
text is declared to be closed: an id, a code, a time or another value that the program checks. A
test refuses a member that is in neither, and one that is in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

_PAYMENT: Final = {"merchant_name": "the operator"}
_REFUND: Final = {"reason": "the merchant"}
_DISPUTE: Final = {"reference": "the processor", "reason": "the processor"}
_RESOLVED: Final = {"by": "the program: a login of the operator's system", "reason": "the operator"}
_ENDPOINT: Final = {"url": "the merchant"}

FREE_TEXT: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "payment_session.created": {
            **_PAYMENT,
            "order_id": "the merchant",
            "description": "the merchant",
            "metadata": "the merchant",
            "return_url": "the merchant",
            "callback_url": "the merchant",
        },
        "payment_session.paid": _PAYMENT,
        "payment_session.declined": {"reason": "the processor"},
        "payment_session.flagged": {"reference": "the processor", "reason": "the processor"},
        "attempt.accepted": {"reference": "the processor"},
        "attempt.resolved": _RESOLVED,
        "refund.requested": _REFUND,
        "refund.succeeded": _REFUND,
        "refund.failed": _REFUND,
        "refund.resolved": _RESOLVED,
        "dispute.opened": _DISPUTE,
        "dispute.won": _DISPUTE,
        "dispute.lost": _DISPUTE,
        "order.opened": {"order_id": "the merchant"},
        "wallet.captured": _PAYMENT,
        "wallet.topped_up": {"reference": "the operator, or in a test ledger the wallet app"},
        "top_up_reference.used": {
            "reference": "the operator, or in a test ledger the wallet app",
        },
        "wallet_app.registered": {"name": "the operator"},
        "merchant.registered": {"name": "the operator"},
        "merchant.payouts_changed": {"destination": "the operator"},
        "merchant.qr_changed": {
            "name": "the operator",
            "city": "the operator",
            "postal_code": "the operator",
            "local_name": "the operator",
            "local_city": "the operator",
        },
        "static_code.issued": {
            **_PAYMENT,
            "label": "the merchant",
            "payloads": "the program, from the merchant's name and city",
        },
        "webhook_endpoint.added": _ENDPOINT,
        "webhook_endpoint.changed": _ENDPOINT,
        "payout.requested": {"destination": "the operator"},
        "payout.funded": {"destination": "the operator"},
        "payout.sent": {"bank_reference": "the bank"},
        "payout.returned": {"reason": "the bank"},
        "treasury.moved": {"reference": "the operator"},
        "suspense.received": {"reference": "the processor"},
        "suspense.return_requested": {"reference": "the processor"},
        "settlement.received": {"reference": "the processor"},
        "log.key_retired": {"reason": "the operator"},
        "log.restarted": {"reason": "the operator"},
    }
)
"""By topic: the members that hold free text, and who writes it."""

CLOSED: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "payment_session.cancelled": {"by": "merchant, checkout or payer"},
        "attempt.void_requested": {"reason": "a code of this program"},
        "order.released": {"reason": "a status of the session"},
        "webhook_endpoint.disabled": {"reason": "a code of this program"},
        "suspense.received": {"reason": "a code of this program"},
    }
)
"""By topic: members that hold free text elsewhere, but not in these events."""

CLOSED_NAMES: Final = frozenset(
    [
        # Ids of this ledger.
        "attempt_id", "claim_id", "dispute_id", "endpoint_id", "holder_id", "key_id", "living",
        "merchant_id", "payout_id", "quote_id", "refund_id", "session_id", "static_code_id",
        "subject_id", "suspense_id", "target", "test_id", "wallet_app_id", "wallet_id",
        # Codes: of ISO standards, of this program, of the configuration.
        "accent", "category", "country", "currency", "fee_refund_policy", "flag", "flags",
        "from_currency", "funding", "kind", "language", "mode", "originator_topic", "outcome",
        "payer_currency", "processor", "processors", "role", "rounding", "session_status",
        "source", "to_currency", "types", "zone",
        # Of a recorded refusal.
        "action", "answered_code", "code", "refused_command_id",
        # Times, numbers and hashes.
        "accept_until", "as_of", "daily_at", "expires_at", "lease_until", "previous_until",
        "logo_media_type", "logo_sha256", "rate", "secret_hash",
        # Host names.
        "return_hosts",
        # The names, keys and roots of the log itself.
        "old_origin", "old_root", "origin", "vkey",
    ]
)  # fmt: skip
"""Members that never hold free text, in any event."""


WITH_SESSION: Final = frozenset(
    [
        "payment_session.created", "payment_session.declined", "payment_session.flagged",
        "attempt.accepted", "attempt.resolved", "refund.requested", "refund.succeeded",
        "refund.failed", "refund.resolved", "dispute.opened", "dispute.won", "dispute.lost",
        "order.opened", "suspense.received", "suspense.return_requested",
    ]
)  # fmt: skip
"""Events whose texts are restricted with their session, but for the members in `KEPT`."""
WITH_WALLET: Final = frozenset(["wallet.topped_up", "top_up_reference.used"])
"""Events whose texts are restricted with their wallet."""

_PARTY: Final = "a party to the contract, who runs its own entry"
_STAFF: Final = "the operator's own affairs, of no payer"

KEPT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "merchant_name": "payers have a right to know whom they have paid",
        "by": "an audit has to say who decided",
    }
)
"""Members that erasure leaves as they are wherever they are, and why."""
KEPT_EVENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(
            [
                "merchant.registered", "merchant.payouts_changed", "merchant.qr_changed",
                "wallet_app.registered", "static_code.issued", "webhook_endpoint.added",
                "webhook_endpoint.changed", "payout.requested", "payout.funded", "payout.sent",
                "payout.returned",
            ],
            _PARTY,
        ),
        **dict.fromkeys(
            ["treasury.moved", "settlement.received", "log.key_retired", "log.restarted"], _STAFF
        ),
    }
)  # fmt: skip
"""Events whose texts erasure leaves as they are, and why."""


def restricted(topic: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """The members of an event of a restricted session or wallet: without its texts."""
    if topic not in WITH_SESSION | WITH_WALLET:
        return dict(data)
    return {
        name: data[name] if name in KEPT else value for name, value in blanked(topic, data).items()
    }


def blanked(topic: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """The members of an event without its free text: empty texts and objects in its place."""
    free = FREE_TEXT.get(topic, {})
    return {name: _blank(value) if name in free else value for name, value in data.items()}


def blanked_actor(actor: str) -> str:
    """The actor without the name of a person: `cli:` for everybody on the command line."""
    kind, separator, _ = actor.partition(":")
    return kind + separator


def _blank(value: Any) -> Any:
    if isinstance(value, str):
        return ""
    return {} if isinstance(value, dict) else None
