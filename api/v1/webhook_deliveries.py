"""Webhook deliveries: what was sent to whom, with what result, and once more."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET, UnsetType

from api import blocking
from api.context import Services
from api.http.fields import EndpointId, Limit
from api.http.messages import HttpResponse
from api.http.operation import Call, Idempotency, Operation
from api.http.parsing import DeliveryPathId, Query, none_if_unset
from api.v1.lists import Page, page_of, read_cursor
from api.v1.responses import command_response, json_response
from api.v1.webhooks import MERCHANTS
from api.views.webhooks import (
    DeliveryStatusName,
    DeliveryView,
    RequestedView,
    ViewBodies,
    delivery_view,
)
from application.commands.redeliver_webhook import RedeliverWebhook
from application.errors import NotFound
from application.event_log import fold, history
from application.ports.webhooks import Delivery, DeliveryStatus
from domain import ids
from domain.errors import InvalidRequest
from domain.merchants.webhook_endpoint import TEST_TYPE

ATTEMPTS_SHOWN_MAX: Final = 20


class DeliveriesQuery(Query):
    """Filters of the list."""

    status: DeliveryStatusName | UnsetType = UNSET
    endpoint: EndpointId | UnsetType = UNSET
    limit: Limit = 20
    cursor: str | UnsetType = UNSET


class DeliveryRoutes:
    """The operations on webhook deliveries."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._bodies = ViewBodies(services.config)

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        deliveries = "/v1/webhook-deliveries"
        return [
            Operation(
                name="listWebhookDeliveries", method="GET", path=deliveries,
                summary="List webhook deliveries, newest first",
                callers=MERCHANTS, responses={200: Page[DeliveryView]}, handler=self.list,
            ),
            Operation(
                name="getWebhookDelivery", method="GET", path=f"{deliveries}/{{id:str}}",
                summary="Get one delivery with its latest attempts and the body that is sent",
                callers=MERCHANTS, responses={200: DeliveryView}, problems=("not-found",),
                handler=self.get,
            ),
            Operation(
                name="redeliverWebhook", method="POST", path=f"{deliveries}/{{id:str}}/redeliver",
                summary="Send one delivery once more, whatever became of it",
                callers=MERCHANTS, responses={202: RequestedView},
                idempotency=Idempotency.OPTIONAL, handler=self.redeliver,
                problems=("not-found", "endpoint-not-enabled"),
            ),
        ]  # fmt: skip

    async def list(self, call: Call, query: DeliveriesQuery) -> HttpResponse:
        """A page of deliveries."""
        status = none_if_unset(query.status)
        rows = await blocking.read(
            self._services.deliveries.newest,
            call.identity.holder,
            status=DeliveryStatus(status) if status else None,
            target=none_if_unset(query.endpoint),
            before=read_cursor(self._services.tokens, none_if_unset(query.cursor)),
            limit=query.limit + 1,
        )
        return json_response(
            page_of(call, rows, query.limit, delivery_view, lambda row: row.number)
        )

    async def get(self, call: Call, id: DeliveryPathId) -> HttpResponse:
        """One delivery."""
        delivery = await self._own(call, ids.encode("whd", id))
        attempts = await blocking.read(
            self._services.deliveries.attempts, delivery.id, ATTEMPTS_SHOWN_MAX
        )
        body = await blocking.read(self._body, delivery)
        return json_response(delivery_view(delivery, attempts, body))

    async def redeliver(self, call: Call, id: DeliveryPathId) -> HttpResponse:
        """Ask for a delivery once more."""
        delivery = await self._own(call, ids.encode("whd", id))
        if delivery.event_type == TEST_TYPE:
            raise InvalidRequest.of("id", "is a test; ask for another one")
        command = RedeliverWebhook(
            merchant_id=call.identity.stream_id,
            target=delivery.target,
            subject_id=delivery.subject_id,
            event_version=delivery.version,
        )
        outcome = await call.send(command)
        view = RequestedView(id=delivery.event_id, position=outcome.position)
        return command_response(outcome, view, status=202)

    async def _own(self, call: Call, delivery_id: str) -> Delivery:
        get = self._services.deliveries.get
        delivery = await blocking.read(get, call.identity.holder, delivery_id)
        if delivery is None:
            raise NotFound(thing="webhook delivery")
        return delivery

    def _body(self, delivery: Delivery) -> bytes:
        """The bytes that are sent, from the log."""
        if delivery.event_type == TEST_TYPE:
            return self._bodies.test(delivery.target, delivery.created_at)
        stream_id = ids.decode_suffix(delivery.subject_id.rpartition("_")[2])
        events = history(self._services.log, stream_id, up_to=delivery.version)
        return self._bodies.body(events[-1], fold(events))
