"""Push notifications: who has subscribed, what they are told, and who carries it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from domain.money.money import Amount

WEB_PUSH: Final = "webpush"
FCM: Final = "fcm"
SUBSCRIPTIONS_MAX: Final = 10
"""Of one wallet; a further one takes the place of the oldest."""
SEND_SECONDS_MAX: Final = 30.0
"""The longest time that a transport takes for a batch."""


class PushType(StrEnum):
    """What payers are told of."""

    PAID = "payment_session.paid"
    DECLINED = "payment_session.declined"
    EXPIRED = "payment_session.expired"
    CANCELLED = "payment_session.cancelled"
    REFUNDED = "refund.succeeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSubscription:
    """A browser or an installed app that is told what becomes of a wallet's payments."""

    id: str
    """`psh_…`, of wallet and target: the same whenever it subscribes again."""
    wallet_id: str
    transport: str
    """`webpush` or `fcm`."""
    target: Mapping[str, str] = field(repr=False)
    """Where it is reached, and with which keys: a secret."""
    language: str = ""
    """Of the texts (BCP 47); empty: not known."""
    amounts: bool = False
    """Whether the texts may name amounts, which a locked screen may show."""


class PushSubscriptions(Protocol):
    """Keeps subscriptions. Targets are sealed; the log knows nothing of them. Thread-safe."""

    def add(self, subscription: PushSubscription) -> None:
        """Keep a subscription in place of the one with its id, and drop the wallet's oldest ones.

        Raises:
            SigningUnavailable: there is no key to seal it.
        """
        ...

    def remove(self, wallet_id: str, subscription_id: str) -> bool:
        """Delete a subscription of a wallet; returns whether there was one."""
        ...

    def subscribed(self, wallet_ids: Collection[str]) -> Mapping[str, Sequence[str]]:
        """The ids of wallets' subscriptions; wallets without any are left out."""
        ...

    def read(self, subscription_ids: Collection[str]) -> Mapping[str, PushSubscription]:
        """Subscriptions by id, with their targets; those that cannot be opened are left out."""
        ...

    def drop(self, subscription_ids: Collection[str]) -> None:
        """Delete subscriptions that have ended, whoever's they are."""
        ...


@dataclass(frozen=True, slots=True)
class PushText:
    """What a device shows."""

    title: str
    body: str
    language: str
    direction: str
    """`ltr` or `rtl`."""


class PushTexts(Protocol):
    """Writes what devices show."""

    def text(self, kind: PushType, *, language: str, payee: str, amount: Amount | None) -> PushText:
        """The text of a notification.

        Args:
            kind: what happened.
            language: BCP 47; English if it is empty or not available.
            payee: the merchant's name.
            amount: None if it may not be shown.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PushMessage:
    """One notification for one subscription."""

    subscription: PushSubscription
    kind: PushType
    session_id: str
    text: PushText
    path: str
    """Of the page that it opens, on this server."""
    topic: str
    """32 characters of base64url: a later message of it replaces an earlier one."""
    lifetime: timedelta
    """How long a push service keeps it for a device that is not connected."""
    urgent: bool
    """Whether it may wake a device that saves power."""


class PushOutcome(StrEnum):
    """What came of a message."""

    ACCEPTED = "accepted"
    """The push service has it."""
    GONE = "gone"
    """The subscription has ended."""
    LATER = "later"
    """It may succeed later."""
    REFUSED = "refused"
    """It will not succeed, and the subscription may be good all the same."""


class PushSent(NamedTuple):
    """One attempt."""

    outcome: PushOutcome
    reason: str = ""
    """For people; without addresses and secrets."""
    after: timedelta | None = None
    """If it may succeed later: at the earliest."""
    slow: bool = False
    """Whether the service has taken so long that others should not wait for it."""


class PushTransport(Protocol):
    """Carries notifications to devices of one kind. Thread-safe."""

    def service(self, subscription: PushSubscription) -> str:
        """Names the push service, so that a slow one does not delay the others."""
        ...

    def send(self, messages: Sequence[PushMessage]) -> Sequence[PushSent]:
        """Send at the same time; one result for each, in order, within 30 seconds.

        Never raises for what a push service does.
        """
        ...


@dataclass(frozen=True, slots=True)
class PushDesk:
    """What the API needs to take subscriptions."""

    subscriptions: PushSubscriptions
    public_key: Callable[[], str]
    """The VAPID key for browsers; raises `SigningUnavailable`."""
    transports: frozenset[str]
    """Those that this server can send by."""
