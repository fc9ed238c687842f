"""Webhook deliveries: what was sent to whom, with what result, and once more."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from api import blocking
from api.context import Services
from api.http.fields import Limit, TimeText
from api.http.messages import HttpResponse
from api.http.operation import Call, Idempotency, Operation
from api.http.parsing import DeliveryPathId, Query, none_if_unset, optional_time
from api.v1.lists import Page, page_of, read_cursor
from api.v1.own_deliveries import delivery_detail, redeliver
from api.v1.responses import command_response, json_response
from api.v1.webhooks import MERCHANTS
from api.views.webhooks import (
    DeliveryStatusName,
    DeliveryView,
    RequestedView,
    delivery_view,
)
from application.ports.webhooks import DeliveryFilter, DeliveryStatus
from domain.merchants.webhook_endpoint import CALLBACK, TEST_TYPE, TYPES

TargetName = Annotated[
    str,
    Meta(
        pattern=rf"^(whe_[0-7][0-9a-hjkmnp-tv-z]{{25}}|{CALLBACK})$(?!\n)",
        extra={"must": f"must be an endpoint's id (whe_…) or {CALLBACK}"},
    ),
]
DeliveryType: Any = Literal[tuple(sorted({*TYPES, TEST_TYPE}))]


class DeliveriesQuery(Query):
    """Filters of the list. Times are RFC 3339; `created_to` is exclusive."""

    status: DeliveryStatusName | UnsetType = UNSET
    endpoint: TargetName | UnsetType = UNSET
    """An endpoint's id, or `callback`: the sessions' own callback addresses."""
    type: DeliveryType | UnsetType = UNSET
    created_from: TimeText | UnsetType = UNSET
    created_to: TimeText | UnsetType = UNSET
    limit: Limit = 20
    cursor: str | UnsetType = UNSET


class DeliveryRoutes:
    """The operations on webhook deliveries."""

    def __init__(self, services: Services) -> None:
        self._services = services

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
            DeliveryFilter(
                status=DeliveryStatus(status) if status else None,
                target=none_if_unset(query.endpoint),
                event_type=none_if_unset(query.type),
                created_from=optional_time("created_from", query.created_from),
                created_to=optional_time("created_to", query.created_to),
            ),
            before=read_cursor(self._services.tokens, none_if_unset(query.cursor)),
            limit=query.limit + 1,
        )
        view = partial(delivery_view, livemode=self._services.config.livemode)
        return json_response(page_of(call, rows, query.limit, view, lambda row: row.number))

    async def get(self, call: Call, id: DeliveryPathId) -> HttpResponse:
        """One delivery."""
        found = await delivery_detail(call, id)
        livemode = self._services.config.livemode
        view = delivery_view(found.delivery, found.attempts, found.body, livemode=livemode)
        return json_response(view)

    async def redeliver(self, call: Call, id: DeliveryPathId) -> HttpResponse:
        """Ask for a delivery once more."""
        delivery, outcome = await redeliver(call, id)
        view = RequestedView(
            livemode=self._services.config.livemode,
            id=delivery.event_id,
            position=outcome.position,
        )
        return command_response(outcome, view, status=202)
