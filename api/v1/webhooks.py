"""Webhook endpoints: who is told of a merchant's events, and what has been sent."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from api import blocking
from api.context import Services
from api.http.fields import Limit, Position, Url
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call, Idempotency, Operation
from api.http.parsing import Body, EndpointPathId, Query, none_if_unset
from api.v1.lists import Page
from api.v1.own_deliveries import healths_of, own_endpoints
from api.v1.responses import command_response, json_response
from api.views.webhook_health import EndpointHealthView, endpoint_health_view
from api.views.webhooks import (
    CallbackSecretView,
    EndpointView,
    RequestedView,
    callback_secret_view,
    endpoint_view,
)
from application.command import Outcome
from application.commands.add_webhook_endpoint import AddWebhookEndpoint
from application.commands.change_webhook_endpoint import ChangeWebhookEndpoint
from application.commands.remove_webhook_endpoint import RemoveWebhookEndpoint
from application.commands.replay_webhooks import ReplayWebhooks
from application.commands.request_webhook_test import RequestWebhookTest
from application.commands.rotate_callback_secret import RotateCallbackSecret
from application.commands.rotate_webhook_secret import RotateWebhookSecret
from application.errors import NotFound
from domain import ids
from domain.merchants.webhook_endpoint import (
    ENDPOINTS_MAX,
    OVERLAP_SECONDS_DEFAULT,
    OVERLAP_SECONDS_MAX,
    TYPES,
)
from domain.merchants.webhook_events import ALL_TYPES, Endpoint, EndpointStatus

MERCHANTS: Final = frozenset({CallerRole.MERCHANT})
TypeName = Annotated[str, Meta(max_length=80)]
TypeNames = Annotated[list[TypeName], Meta(min_length=1, max_length=len(TYPES))]


class AddEndpointBody(Body):
    """Where events go, and which; `*` stands for every type, also of later releases."""

    url: Url
    types: TypeNames | UnsetType = UNSET


class ChangeEndpointBody(Body):
    """What is to change; a paused endpoint is not called, and replayed events close the gap."""

    url: Url | UnsetType = UNSET
    types: TypeNames | UnsetType = UNSET
    status: Literal["enabled", "paused"] | UnsetType = UNSET


class RotateQuery(Query):
    """For how long the present secret signs beside the new one; 0 ends every older one at once."""

    overlap_seconds: Annotated[int, Meta(ge=0, le=OVERLAP_SECONDS_MAX)] = OVERLAP_SECONDS_DEFAULT


class ReplayBody(Body):
    """The position after which events are sent once more."""

    after: Position


class EndpointsQuery(Query):
    """A merchant has at most 20 endpoints, so the list is one page."""

    limit: Limit = ENDPOINTS_MAX


class WebhookRoutes:
    """The operations on webhook endpoints."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        endpoints, endpoint = "/v1/webhook-endpoints", "/v1/webhook-endpoints/{id:str}"
        return [
            Operation(
                name="addWebhookEndpoint", method="POST", path=endpoints,
                summary="Add a webhook endpoint; the response shows its secret once",
                callers=MERCHANTS, responses={201: EndpointView},
                idempotency=Idempotency.OPTIONAL, handler=self.add, problems=("endpoint-limit",),
            ),
            Operation(
                name="listWebhookEndpoints", method="GET", path=endpoints,
                summary="List the merchant's webhook endpoints, newest first",
                callers=MERCHANTS, responses={200: Page[EndpointView]}, handler=self.list,
            ),
            Operation(
                name="getWebhookEndpoint", method="GET", path=endpoint,
                summary="Get one webhook endpoint, read from the log: always current",
                callers=MERCHANTS, responses={200: EndpointView}, problems=("not-found",),
                handler=self.get,
            ),
            Operation(
                name="getWebhookEndpointHealth", method="GET", path=f"{endpoint}/health",
                summary="Get how a webhook endpoint answers, and what it has missed",
                callers=MERCHANTS, responses={200: EndpointHealthView}, problems=("not-found",),
                handler=self.health,
            ),
            Operation(
                name="changeWebhookEndpoint", method="PATCH", path=endpoint,
                summary="Change, pause or enable a webhook endpoint",
                callers=MERCHANTS, responses={200: EndpointView}, problems=("not-found",),
                handler=self.change,
            ),
            Operation(
                name="deleteWebhookEndpoint", method="DELETE", path=endpoint,
                summary="Delete a webhook endpoint; what is pending for it is not sent",
                callers=MERCHANTS, responses={200: RequestedView}, problems=("not-found",),
                handler=self.remove,
            ),
            Operation(
                name="rotateWebhookSecret", method="POST", path=f"{endpoint}/rotate-secret",
                summary="Rotate a secret; for a time the one before it signs, too",
                callers=MERCHANTS, responses={200: EndpointView},
                idempotency=Idempotency.OPTIONAL, handler=self.rotate,
                problems=("not-found", "secret-rotating"),
            ),
            Operation(
                name="testWebhookEndpoint", method="POST", path=f"{endpoint}/test",
                summary="Send a test event, once; the deliveries show what was answered",
                callers=MERCHANTS, responses={202: RequestedView},
                idempotency=Idempotency.OPTIONAL, handler=self.test,
                problems=("not-found", "endpoint-not-enabled"),
            ),
            Operation(
                name="replayWebhooks", method="POST", path=f"{endpoint}/replay",
                summary="Send every event after a position once more, beside those of now",
                callers=MERCHANTS, responses={202: RequestedView},
                idempotency=Idempotency.OPTIONAL, handler=self.replay,
                problems=("not-found", "endpoint-not-enabled", "replay-limit"),
            ),
            Operation(
                name="rotateCallbackSecret", method="POST", path="/v1/callback-secret/rotate",
                summary="Rotate the secret of sessions' callbacks; the response shows it once",
                callers=MERCHANTS, responses={200: CallbackSecretView},
                idempotency=Idempotency.OPTIONAL, handler=self.rotate_callback,
                problems=("secret-rotating",),
            ),
        ]  # fmt: skip

    async def add(self, call: Call, body: AddEndpointBody) -> HttpResponse:
        """Add an endpoint."""
        command = AddWebhookEndpoint(
            merchant_id=call.identity.stream_id,
            endpoint_id=ids.encode("whe", self._services.new_id()),
            url=body.url,
            types=(ALL_TYPES,) if isinstance(body.types, UnsetType) else tuple(body.types),
            loopback=self._services.config.webhook_loopback,
        )
        outcome = await call.send(command)
        newest = list(outcome.subject.endpoints)[-1]
        return self._response(outcome, newest, status=201, shows_secret=True)

    async def list(self, call: Call, query: EndpointsQuery) -> HttpResponse:
        """Every endpoint of the merchant."""
        state, position = await own_endpoints(call)
        endpoints = list(state.endpoints.values())[::-1] if state else []
        views = [self._view(one, position) for one in endpoints[: query.limit]]
        return json_response(Page(views, None))

    async def get(self, call: Call, id: EndpointPathId) -> HttpResponse:
        """One endpoint."""
        endpoint, position = await self._own(call, id)
        return json_response(self._view(endpoint, position))

    async def health(self, call: Call, id: EndpointPathId) -> HttpResponse:
        """The health of one endpoint."""
        endpoint, _ = await self._own(call, id)
        [found] = await healths_of(call, [endpoint])
        return json_response(endpoint_health_view(found, livemode=self._services.config.livemode))

    async def change(
        self, call: Call, body: ChangeEndpointBody, id: EndpointPathId
    ) -> HttpResponse:
        """Change an endpoint."""
        types, status = none_if_unset(body.types), none_if_unset(body.status)
        command = ChangeWebhookEndpoint(
            merchant_id=call.identity.stream_id,
            endpoint_id=ids.encode("whe", id),
            url=none_if_unset(body.url),
            types=None if types is None else tuple(types),
            status=None if status is None else EndpointStatus(status),
            loopback=self._services.config.webhook_loopback,
        )
        return self._response(await call.send(command), command.endpoint_id)

    async def remove(self, call: Call, id: EndpointPathId) -> HttpResponse:
        """Delete an endpoint."""
        command = RemoveWebhookEndpoint(
            merchant_id=call.identity.stream_id, endpoint_id=ids.encode("whe", id)
        )
        return _requested(call, await call.send(command), None, status=200)

    async def rotate(self, call: Call, query: RotateQuery, id: EndpointPathId) -> HttpResponse:
        """Rotate a secret."""
        command = RotateWebhookSecret(
            merchant_id=call.identity.stream_id,
            endpoint_id=ids.encode("whe", id),
            overlap_seconds=query.overlap_seconds,
        )
        return self._response(await call.send(command), command.endpoint_id, shows_secret=True)

    async def test(self, call: Call, id: EndpointPathId) -> HttpResponse:
        """Ask for a test event."""
        command = RequestWebhookTest(
            merchant_id=call.identity.stream_id,
            endpoint_id=ids.encode("whe", id),
            test_id=ids.encode("evt", self._services.new_id()),
        )
        outcome = await call.send(command)
        return _requested(call, outcome, outcome.subject.last_test_id)

    async def replay(self, call: Call, body: ReplayBody, id: EndpointPathId) -> HttpResponse:
        """Ask for a replay."""
        command = ReplayWebhooks(
            merchant_id=call.identity.stream_id,
            endpoint_id=ids.encode("whe", id),
            after=body.after,
            head=await blocking.read(self._services.log.head),
        )
        return _requested(call, await call.send(command), None)

    async def rotate_callback(self, call: Call, query: RotateQuery) -> HttpResponse:
        """Rotate the callback secret."""
        command = RotateCallbackSecret(
            merchant_id=call.identity.stream_id, overlap_seconds=query.overlap_seconds
        )
        outcome = await call.send(command)
        view = callback_secret_view(
            call.identity.holder,
            outcome.subject.callback_secret,
            self._services.webhook_secrets,
            position=outcome.position,
            livemode=self._services.config.livemode,
        )
        return command_response(outcome, view)

    async def _own(self, call: Call, endpoint_id: UUID) -> tuple[Endpoint, int]:
        """The endpoint as it stands, and the position of the endpoints' last event."""
        state, position = await own_endpoints(call)
        endpoint = state.endpoints.get(ids.encode("whe", endpoint_id)) if state else None
        if endpoint is None:
            raise NotFound(thing="webhook endpoint")
        return endpoint, position

    def _response(
        self, outcome: Outcome, endpoint_id: str, *, status: int = 200, shows_secret: bool = False
    ) -> HttpResponse:
        endpoint = outcome.subject.endpoints[endpoint_id]
        view = self._view(endpoint, outcome.position, shows_secret=shows_secret)
        location = f"{self._services.config.public_url}/v1/webhook-endpoints/{endpoint_id}"
        return command_response(
            outcome, view, status=status, location=location if status == HTTPStatus.CREATED else ""
        )

    def _view(
        self, endpoint: Endpoint, position: int, *, shows_secret: bool = False
    ) -> EndpointView:
        services = self._services
        return endpoint_view(
            endpoint,
            services.webhook_secrets,
            position=position,
            livemode=services.config.livemode,
            shows_secret=shows_secret,
        )


def _requested(
    call: Call, outcome: Outcome, test_id: str | None, *, status: int = 202
) -> HttpResponse:
    livemode = call.services.config.livemode
    view = RequestedView(livemode=livemode, id=test_id, position=outcome.position)
    return command_response(outcome, view, status=status)
