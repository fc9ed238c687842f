"""Push subscriptions: a payer's browser or app is told what becomes of the wallet's payments."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import Meta

from api import blocking
from api.context import Services
from api.http.fields import text_length
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import Body, PushSubscriptionPathId, WalletPathId
from api.v1.access import readable_wallet
from api.v1.responses import json_response
from api.views.push import (
    PushKeyView,
    PushSubscriptionView,
    RemovedPushSubscriptionView,
    push_subscription_view,
)
from application.errors import NotFound
from application.ports.push import FCM, SUBSCRIPTIONS_MAX, WEB_PUSH, PushSubscription
from domain import ids
from domain.errors import InvalidRequest
from domain.wallets.push_target import TOKEN_CHARS_MAX, check_fcm, check_web_push

PAYERS: Final = frozenset({CallerRole.WALLET, CallerRole.PAGE})
LanguageTag = Annotated[
    str,
    Meta(
        max_length=35,
        pattern=r"^([A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*)?$",
        extra={"must": "must be a language tag such as pt-BR"},
    ),
]


class PushKeysBody(Body):
    """The browser's keys, as in `PushSubscription.toJSON()`: base64url without padding."""

    p256dh: Annotated[str, text_length(1, 100)]
    auth: Annotated[str, text_length(1, 40)]


class PushSubscriptionBody(Body):
    """A browser's subscription (`endpoint`, `keys`), or an app's registration token (`token`)."""

    transport: Literal["webpush", "fcm"]
    endpoint: Annotated[str, text_length(1, 2000)] | None = None
    keys: PushKeysBody | None = None
    token: Annotated[str, text_length(1, TOKEN_CHARS_MAX)] | None = None
    language: LanguageTag = ""
    amounts: bool = False

    def to_target(self, *, loopback: bool) -> dict[str, str]:
        """Where the device is reached.

        Raises:
            InvalidRequest: a field is missing, belongs to the other transport, or is not valid.
        """
        fields = {WEB_PUSH: ("endpoint", "keys"), FCM: ("token",)}
        for transport, names in fields.items():
            for name in names:
                is_given = getattr(self, name) is not None
                if transport == self.transport and not is_given:
                    raise InvalidRequest.of(name, "is missing")
                if transport != self.transport and is_given:
                    raise InvalidRequest.of(name, f"is not a field of {self.transport}")
        if self.endpoint is not None and self.keys is not None:
            check_web_push(self.endpoint, self.keys.p256dh, self.keys.auth, loopback=loopback)
            return {
                "endpoint": self.endpoint, "p256dh": self.keys.p256dh, "auth": self.keys.auth
            }  # fmt: skip
        token = self.token or ""
        check_fcm(token)
        return {"token": token}


class PushSubscriptionRoutes:
    """The operations on push subscriptions."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        subscriptions = "/v1/wallets/{id:str}/push-subscriptions"
        return [
            Operation(
                name="getPushKey", method="GET", path="/v1/push-key", shared=True,
                summary="Get the key with which browsers subscribe (VAPID)",
                responses={200: PushKeyView}, problems=("signing-unavailable",), handler=self.key,
            ),
            Operation(
                name="subscribeToPush", method="POST", path=subscriptions,
                summary="Tell a browser or an app what becomes of the wallet's payments",
                description=(
                    f"A wallet has at most {SUBSCRIPTIONS_MAX} subscriptions; a further one takes "
                    "the place of the oldest. Subscribing again changes the subscription and keeps "
                    "its id, so the operation takes no `Idempotency-Key` and ignores the header. "
                    "`endpoint`, `keys` and `token` are secrets and are never shown."
                ),
                callers=PAYERS, responses={201: PushSubscriptionView},
                problems=("not-found", "signing-unavailable"), handler=self.subscribe,
            ),
            Operation(
                name="unsubscribeFromPush", method="DELETE",
                path=f"{subscriptions}/{{subscription:str}}",
                summary="Delete a push subscription",
                callers=PAYERS, responses={200: RemovedPushSubscriptionView},
                problems=("not-found",), handler=self.unsubscribe,
            ),
        ]  # fmt: skip

    async def key(self, call: Call) -> HttpResponse:  # noqa: ARG002 - the same for everybody
        """The key for browsers."""
        return json_response(PushKeyView(self._services.push.public_key()))

    async def subscribe(
        self, call: Call, body: PushSubscriptionBody, id: WalletPathId
    ) -> HttpResponse:
        """Keep a subscription."""
        current = await readable_wallet(call, id)
        push = self._services.push
        if body.transport not in push.transports:
            raise InvalidRequest.of("transport", f"{body.transport} is not set up on this server")
        target = body.to_target(loopback=self._services.config.webhook_loopback)
        wallet_id = current.state.public_id
        subscription = PushSubscription(
            id=ids.encode("psh", _id(wallet_id, target)),
            wallet_id=wallet_id,
            transport=body.transport,
            target=target,
            language=body.language,
            amounts=body.amounts,
        )
        await blocking.read(push.subscriptions.add, subscription)
        livemode = self._services.config.livemode
        view = push_subscription_view(subscription, livemode=livemode)
        return json_response(view, status=201)

    async def unsubscribe(
        self, call: Call, id: WalletPathId, subscription: PushSubscriptionPathId
    ) -> HttpResponse:
        """Delete a subscription of the wallet."""
        current = await readable_wallet(call, id)
        push, name = self._services.push, ids.encode("psh", subscription)
        if not await blocking.read(push.subscriptions.remove, current.state.public_id, name):
            raise NotFound(thing="push subscription")
        livemode = self._services.config.livemode
        return json_response(RemovedPushSubscriptionView(id=name, livemode=livemode))


def _id(wallet_id: str, target: dict[str, str]) -> UUID:
    """The id of a device's subscription: the same whenever it subscribes for this wallet."""
    return ids.derive("push subscription", wallet_id, target.get("endpoint") or target["token"])
