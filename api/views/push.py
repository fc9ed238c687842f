"""Push subscriptions as the API shows them: never where the device is reached."""

from __future__ import annotations

from msgspec import Struct

from api.http.fields import PushSubscriptionId, WalletId
from application.ports.push import PushSubscription


class PushSubscriptionView(Struct, frozen=True, kw_only=True):
    """A device that is told what becomes of a wallet's payments."""

    object: str = "push_subscription"
    id: PushSubscriptionId
    livemode: bool
    wallet_id: WalletId
    transport: str
    language: str
    amounts: bool


class RemovedPushSubscriptionView(Struct, frozen=True, kw_only=True):
    """A subscription that was deleted."""

    object: str = "push_subscription"
    id: PushSubscriptionId
    livemode: bool
    deleted: bool = True


class PushKeyView(Struct, frozen=True):
    """The key that browsers want when they subscribe (`applicationServerKey`)."""

    public_key: str


def push_subscription_view(
    subscription: PushSubscription, *, livemode: bool
) -> PushSubscriptionView:
    """A subscription without its target."""
    return PushSubscriptionView(
        id=subscription.id,
        livemode=livemode,
        wallet_id=subscription.wallet_id,
        transport=subscription.transport,
        language=subscription.language,
        amounts=subscription.amounts,
    )
