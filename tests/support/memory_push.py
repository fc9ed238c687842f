"""Push subscriptions in memory, a push service that says what the test wants, and a browser."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec

from application.ports.push import (
    FCM,
    SUBSCRIPTIONS_MAX,
    WEB_PUSH,
    PushDesk,
    PushMessage,
    PushOutcome,
    PushSent,
    PushSubscription,
)
from domain.base64url import to_base64url
from infrastructure.push.encryption import point
from infrastructure.push.keys import PushKeys

ACCEPTED = PushSent(PushOutcome.ACCEPTED)
KEYS = PushKeys(lambda: bytes(range(32)))


class MemoryPushSubscriptions:
    """An `application.ports.push.PushSubscriptions` for tests."""

    def __init__(self) -> None:
        self.rows: dict[str, PushSubscription] = {}
        """The newest last."""
        self.looked_up: list[set[str]] = []

    def add(self, subscription: PushSubscription) -> None:
        self.rows.pop(subscription.id, None)
        self.rows[subscription.id] = subscription
        mine = [one.id for one in self.rows.values() if one.wallet_id == subscription.wallet_id]
        for oldest in mine[:-SUBSCRIPTIONS_MAX]:
            del self.rows[oldest]

    def remove(self, wallet_id: str, subscription_id: str) -> bool:
        found = self.rows.get(subscription_id)
        if found is None or found.wallet_id != wallet_id:
            return False
        del self.rows[subscription_id]
        return True

    def subscribed(self, wallet_ids: Collection[str]) -> Mapping[str, Sequence[str]]:
        self.looked_up.append(set(wallet_ids))
        found: dict[str, list[str]] = {}
        for one in self.rows.values():
            if one.wallet_id in wallet_ids:
                found.setdefault(one.wallet_id, []).append(one.id)
        return found

    def read(self, subscription_ids: Collection[str]) -> Mapping[str, PushSubscription]:
        return {one: self.rows[one] for one in subscription_ids if one in self.rows}

    def drop(self, subscription_ids: Collection[str]) -> None:
        for one in subscription_ids:
            self.rows.pop(one, None)


def make_push_desk(subscriptions: MemoryPushSubscriptions) -> PushDesk:
    """What the API of a test needs."""
    return PushDesk(subscriptions, KEYS.public_key, frozenset({WEB_PUSH, FCM}))


@dataclass
class FakeTransport:
    """A push service by what it answers; services are named by the target."""

    answer: Callable[[PushMessage], PushSent] = lambda _: ACCEPTED
    sent: list[PushMessage] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    def service(self, subscription: PushSubscription) -> str:
        return subscription.target.get("service", "service")

    def send(self, messages: Sequence[PushMessage]) -> Sequence[PushSent]:
        self.sent += messages
        self.batches.append(len(messages))
        return [self.answer(one) for one in messages]


class Browser:
    """The keys that a browser makes when it subscribes, and what it makes of a message."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = secrets.token_bytes(16)

    @property
    def public(self) -> bytes:
        return point(self.key.public_key())

    def decrypt(self, body: bytes) -> bytes:
        plain: bytes = http_ece.decrypt(
            body, private_key=self.key, auth_secret=self.auth, version="aes128gcm"
        )
        return plain

    def subscription(self, endpoint: str) -> dict[str, Any]:
        """As `PushSubscription.toJSON()` has it."""
        keys = {"p256dh": to_base64url(self.public), "auth": to_base64url(self.auth)}
        return {"endpoint": endpoint, "keys": keys}
