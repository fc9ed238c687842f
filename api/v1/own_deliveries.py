"""A merchant's webhook deliveries, as the API and the pages read them and ask for them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from api import blocking
from api.context import Services
from api.http.operation import Call
from api.views.webhook_health import EndpointHealth
from api.views.webhooks import ViewBodies
from application.command import Outcome
from application.commands.redeliver_webhook import RedeliverWebhook
from application.errors import NotFound
from application.event_log import fold, history
from application.ports.webhooks import Attempt, Delivery, Health
from application.restriction import shown_at
from domain import ids
from domain.errors import InvalidRequest
from domain.merchants.webhook_endpoint import TEST_TYPE, WebhookEndpoints
from domain.merchants.webhook_events import Endpoint

ATTEMPTS_SHOWN_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Detail:
    """A delivery with all that is shown of it alone."""

    delivery: Delivery
    attempts: Sequence[Attempt]
    """The latest, oldest first."""
    body: bytes
    """What is sent, made from the log."""


async def own_delivery(call: Call, delivery_id: UUID) -> Delivery:
    """The delivery, if it is one of the caller's.

    Raises:
        NotFound: there is no such delivery, or it is another merchant's.
    """
    get, public_id = call.services.deliveries.get, ids.encode("whd", delivery_id)
    delivery = await blocking.read(get, call.identity.holder, public_id)
    if delivery is None:
        raise NotFound(thing="webhook delivery")
    return delivery


async def delivery_detail(call: Call, delivery_id: UUID) -> Detail:
    """A delivery of the caller's with its attempts and its body.

    Raises:
        NotFound: see `own_delivery`.
    """
    services = call.services
    delivery = await own_delivery(call, delivery_id)
    attempts = await blocking.read(services.deliveries.attempts, delivery.id, ATTEMPTS_SHOWN_MAX)
    return Detail(delivery, attempts, await blocking.read(_body, services, delivery))


async def redeliver(call: Call, delivery_id: UUID) -> tuple[Delivery, Outcome]:
    """Ask for a delivery of the caller's once more.

    Raises (checked in this order):
        NotFound: see `own_delivery`.
        InvalidRequest: it is a test.
        EndpointNotEnabled: the endpoint is paused, disabled or deleted.
    """
    delivery = await own_delivery(call, delivery_id)
    if delivery.event_type == TEST_TYPE:
        raise InvalidRequest.of("id", "is a test; ask for another one")
    command = RedeliverWebhook(
        merchant_id=call.identity.stream_id,
        target=delivery.target,
        subject_id=delivery.subject_id,
        event_version=delivery.version,
    )
    return delivery, await call.send(command)


async def own_endpoints(call: Call) -> tuple[WebhookEndpoints | None, int]:
    """The caller's endpoints as they stand, and the position of their last event."""
    stream_id = WebhookEndpoints.stream_id(call.identity.stream_id)
    events = await blocking.read(history, call.services.log, stream_id)
    return fold(events), events[-1].position if events else 0


async def healths_of(call: Call, endpoints: Sequence[Endpoint]) -> list[EndpointHealth]:
    """How some of the caller's endpoints do."""
    deliveries, targets = call.services.deliveries, [endpoint.id for endpoint in endpoints]
    if not targets:
        return []
    health = await blocking.read(deliveries.health, targets)
    missed = await blocking.read(deliveries.missed, call.identity.holder, targets)
    return [
        EndpointHealth(one, health.get(one.id, Health(target=one.id)), missed.get(one.id))
        for one in endpoints
    ]


def _body(services: Services, delivery: Delivery) -> bytes:
    bodies = ViewBodies(services.config)
    if delivery.event_type == TEST_TYPE:
        return bodies.test(delivery.target, delivery.created_at)
    stream_id = ids.decode_suffix(delivery.subject_id.rpartition("_")[2])
    events = history(services.log, stream_id)
    return bodies.body(events[delivery.version - 1], shown_at(events, delivery.version, fold))
