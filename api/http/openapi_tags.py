"""How the OpenAPI document orders operations, and what the examples of bodies contain."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

BODY_EXTRAS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "CreateSessionBody": ("description", "expires_in_seconds", "return_url", "metadata"),
        "ChangeEndpointBody": ("status",),
        "AddEndpointBody": ("types",),
        "RefundBody": ("reason",),
        "StaticCodeBody": ("label",),
        "PushSubscriptionBody": ("endpoint", "keys", "language"),
    }
)
"""The members of examples of bodies, beside those that are required."""

TAGS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = MappingProxyType(
    {
        "Payment sessions": ("Request payments, follow and pay them.", ("v1/payment-sessions",)),
        "Scans": ("What a wallet's camera has read.", ("v1/scans",)),
        "Refunds": ("Give money back.", ("v1/refunds",)),
        "Static codes": ("Codes that are printed.", ("v1/static-codes",)),
        "Wallets": ("Payers' wallets.", ("v1/wallets", "v1/push-key")),
        "Exchange quotes": ("Pay in another currency.", ("v1/fx-quotes",)),
        "Payouts": ("Money sent to merchants.", ("v1/payouts",)),
        "Books": (
            "Balances, journal, statements.",
            ("v1/balance", "v1/journal", "v1/explain", "v1/statements", "v1/treasury"),
        ),
        "Webhooks": (
            "Be told of events.",
            ("v1/webhook-endpoints", "v1/webhook-deliveries", "v1/callback-secret"),
        ),
        "Events": ("What has happened.", ("v1/events", "v1/live-tickets")),
        "Sealed log": ("Proof for outsiders.", ("v1/log",)),
        "Processors": ("Callbacks of processors.", ("v1/callbacks", "sandbox")),
        "Pages": (
            "What browsers open.",
            (
                "q", "s", "checkout", "return", "wallet", "dashboard", "verify", "logos",
                "v1/dashboard-links",
                "checkpoint", "manifest.webmanifest", "sw.js",
            ),
        ),
        "Operations": (
            "Health, metrics, keys, the test clock.",
            ("healthz", "readyz", "metrics", ".well-known", "v1/test-clock"),
        ),
    }
)  # fmt: skip
"""By tag: what it is about, and the beginnings of its paths."""


def tag_of(path: str) -> str:
    """The tag of an operation, by its path; the last tag for a path that none names."""
    parts = path.strip("/").split("/")
    starts = {parts[0], "/".join(parts[:2])}
    return next((tag for tag, (_, begin) in TAGS.items() if starts & {*begin}), list(TAGS)[-1])
