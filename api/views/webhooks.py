"""How responses present webhook endpoints and deliveries, and what webhooks themselves contain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from api.context import ApiConfig
from api.http.fields import DeliveryId, EndpointId, Time
from api.tokens import Tokens
from api.views.payouts import PayoutView, payout_view
from api.views.refunds import RefundView, refund_view
from api.views.sessions import SessionView, SessionViews
from application.event_log import Recorded
from application.ports.webhooks import Attempt, Delivery, WebhookSecrets
from domain import times
from domain.merchants import standard_webhooks
from domain.merchants.webhook_endpoint import CALLBACK, TEST_TYPE
from domain.merchants.webhook_events import Endpoint, SecretState
from domain.payouts.payout import Payout

DeliveryStatusName = Literal["pending", "delivered", "failed", "skipped"]
EndpointStatusName = Literal["enabled", "paused", "disabled"]
_encode: Final = msgspec.json.Encoder().encode


class DisabledView(Struct, frozen=True):
    """The notice that the ledger has disabled an endpoint."""

    at: Time
    reason: Literal["gone", "failing"]
    detail: str


DETAILS: Final[Mapping[str, str]] = {
    "gone": "The endpoint answered 410.",
    "failing": "No attempt has succeeded for 5 days.",
}


class EndpointView(Struct, frozen=True, kw_only=True):
    """A webhook endpoint."""

    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    id: EndpointId
    livemode: bool
    """Whether the ledger is live; false: a test ledger."""
    url: str
    types: list[str]
    status: EndpointStatusName
    disabled: DisabledView | None
    secret: str | UnsetType = UNSET
    """Shown when the endpoint is added and when its secret is rotated, never again."""
    public_key: str
    """Verifies the `v1a` signatures of the current secret."""
    previous_secret_until: Time | None
    """Until then the secret before the current one signs, too."""
    created_at: Time
    position: int


class CallbackSecretView(Struct, frozen=True, kw_only=True):
    """The secret that signs the callbacks of a merchant's sessions."""

    object: Literal["callback_secret"] = "callback_secret"
    livemode: bool
    """Whether the ledger is live; false: a test ledger."""
    secret: str
    public_key: str
    previous_secret_until: Time | None
    position: int


class RequestedView(Struct, frozen=True, kw_only=True):
    """What was asked for and will be sent soon; see the deliveries."""

    object: Literal["webhook_request"] = "webhook_request"
    livemode: bool
    """Whether the ledger is live; false: a test ledger."""
    id: str | None
    """The `webhook-id` of a test; null otherwise."""
    position: int


class CallView(Struct, frozen=True, kw_only=True):
    """One call that was made."""

    at: Time
    url: str
    status: int | None
    """Of the answer; null if there was none."""
    milliseconds: int
    answer: str
    """The first 1 KB."""
    reason: str
    next_attempt_at: Time | None
    request_headers: dict[str, str] | None
    """As sent; `…` stands for each signature. Null: made by a release that did not keep them."""


class DeliveryView(Struct, frozen=True, kw_only=True):
    """One event for one endpoint, or for its session's callback address."""

    object: Literal["webhook_delivery"] = "webhook_delivery"
    id: DeliveryId
    livemode: bool
    endpoint_id: str | None
    """Null: the session's own callback address."""
    event_id: str
    type: str
    subject: str
    event_position: int
    seq: int
    status: DeliveryStatusName
    attempts: int
    reason: str
    created_at: Time
    next_attempt_at: Time | None
    latest_attempts: list[CallView] | UnsetType = UNSET
    """At most 20, oldest first; in the answer for one delivery only."""
    body: msgspec.Raw | UnsetType = UNSET
    """What is sent, made from the log; in the answer for one delivery only."""


def endpoint_view(
    endpoint: Endpoint,
    secrets: WebhookSecrets,
    *,
    position: int,
    livemode: bool,
    shows_secret: bool = False,
) -> EndpointView:
    """An endpoint, for its merchant."""
    number = endpoint.secret.number
    disabled = None
    if endpoint.disabled_reason is not None and endpoint.disabled_at is not None:
        reason = endpoint.disabled_reason.value
        disabled = DisabledView(times.to_text(endpoint.disabled_at), reason, DETAILS[reason])  # type: ignore[arg-type]
    secret = secrets.signer(endpoint.id, number).secret if shows_secret else b""
    return EndpointView(
        id=endpoint.id,
        livemode=livemode,
        url=endpoint.url,
        types=list(endpoint.types),
        status=endpoint.status.value,
        disabled=disabled,
        secret=standard_webhooks.secret_text(secret) if shows_secret else UNSET,
        public_key=standard_webhooks.public_key_text(secrets.public_key(endpoint.id, number)),
        previous_secret_until=_until(endpoint.secret),
        created_at=times.to_text(endpoint.created_at),
        position=position,
    )


def callback_secret_view(
    merchant_id: str,
    state: SecretState,
    secrets: WebhookSecrets,
    *,
    position: int,
    livemode: bool,
) -> CallbackSecretView:
    """The callback secret, shown when it is rotated."""
    secret = secrets.signer(merchant_id, state.number).secret
    key = secrets.public_key(merchant_id, state.number)
    return CallbackSecretView(
        livemode=livemode,
        secret=standard_webhooks.secret_text(secret),
        public_key=standard_webhooks.public_key_text(key),
        previous_secret_until=_until(state),
        position=position,
    )


def delivery_view(
    delivery: Delivery,
    attempts: Sequence[Attempt] | None = None,
    body: bytes | None = None,
    *,
    livemode: bool,
) -> DeliveryView:
    """A delivery, for its merchant."""
    return DeliveryView(
        id=delivery.id,
        livemode=livemode,
        endpoint_id=None if delivery.target == CALLBACK else delivery.target,
        event_id=delivery.event_id,
        type=delivery.event_type,
        subject=delivery.subject_id,
        event_position=delivery.position,
        seq=delivery.version,
        status=delivery.status.value,
        attempts=delivery.attempts,
        reason=delivery.reason,
        created_at=times.to_text(delivery.created_at),
        next_attempt_at=_time(delivery.next_attempt_at),
        latest_attempts=UNSET if attempts is None else [_call_view(one) for one in attempts],
        body=UNSET if body is None else msgspec.Raw(body),
    )


def _call_view(attempt: Attempt) -> CallView:
    return CallView(
        at=times.to_text(attempt.at),
        url=attempt.url,
        status=attempt.answer_status,
        milliseconds=attempt.milliseconds,
        answer=attempt.answer,
        reason=attempt.reason,
        next_attempt_at=_time(attempt.next_attempt_at),
        request_headers=request_headers(attempt),
    )


def request_headers(attempt: Attempt) -> dict[str, str] | None:
    """The headers that were sent, by name; None if they were not kept."""
    lines = (line.partition(": ") for line in attempt.headers.splitlines())
    return {name: value for name, _, value in lines} or None


def _time(at: datetime | None) -> str | None:
    return None if at is None else times.to_text(at)


def _until(state: SecretState) -> str | None:
    return _time(state.previous_until)


class SessionData(Struct, frozen=True):
    """The data of an event of a session."""

    position: int
    seq: int
    session: SessionView


class RefundData(Struct, frozen=True):
    """The data of an event of a refund."""

    position: int
    seq: int
    refund: RefundView


class PayoutData(Struct, frozen=True):
    """The data of an event of a payout."""

    position: int
    seq: int
    payout: PayoutView


class TestData(Struct, frozen=True):
    """The data of a test event."""

    __test__ = False
    endpoint_id: str


class Notice(Struct, frozen=True):
    """The body of a webhook (Standard Webhooks 1.0.0)."""

    type: str
    timestamp: Time
    data: SessionData | RefundData | PayoutData | TestData


class ViewBodies:
    """`application.ports.webhooks.WebhookBodies`, from the views of responses."""

    def __init__(self, config: ApiConfig) -> None:
        self._livemode = config.livemode
        self._views = SessionViews(config, Tokens(bytes(32)))  # no body has an address with a token

    def body(self, recorded: Recorded, subject: Any) -> bytes:
        """See the port. Times are the event's, so every attempt sends the same bytes."""
        position, seq = recorded.position, recorded.version
        data: SessionData | RefundData | PayoutData
        if isinstance(subject, Payout):
            data = PayoutData(
                position, seq, payout_view(subject, position, livemode=self._livemode)
            )
        elif recorded.topic.startswith("refund."):
            event: Any = recorded.event
            refund = subject.refunds[event.refund_id]
            view = refund_view(subject, refund, position, livemode=self._livemode)
            data = RefundData(position, seq, view)
        else:
            session = self._views.for_notice(subject, position, recorded.recorded_at)
            data = SessionData(position, seq, session)
        return _encode(Notice(recorded.topic, times.to_text(recorded.recorded_at), data))

    def test(self, endpoint_id: str, at: datetime) -> bytes:
        """See the port."""
        return _encode(Notice(TEST_TYPE, times.to_text(at), TestData(endpoint_id)))
