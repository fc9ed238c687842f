"""The page of webhook endpoints: how they answer, and what they have missed."""

from __future__ import annotations

from typing import Any

from api.context import Services
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.pages.dashboards.access import for_merchant
from api.pages.dashboards.frame import DELIVERIES, ENDPOINTS, address, dashboard_page
from api.pages.dashboards.texts import endpoint_status_names
from api.pages.moments import moment
from api.pages.rendering import language_for
from api.pages.routes import LanguageQuery
from api.pages.texts import Language
from api.v1.own_deliveries import healths_of, own_endpoints
from api.views.webhook_health import EndpointHealth
from application.ports.webhooks import MISSED_MAX


class EndpointPageRoutes:
    """The page of a merchant's webhook endpoints."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """Every route of this file."""
        return [
            Operation(
                name="getEndpointsPage", method="GET", path=ENDPOINTS,
                summary="The page of a merchant's webhook endpoints and their health",
                responses={200: "text/html"}, problems=("unauthorized",), handler=self.list,
            )
        ]  # fmt: skip

    @for_merchant
    async def list(self, call: Call, query: LanguageQuery) -> HttpResponse:  # noqa: ARG002
        """Every endpoint: a merchant has 20 at most."""
        language = language_for(call.request)
        endpoints, _ = await own_endpoints(call)
        newest = list(endpoints.endpoints.values())[::-1] if endpoints else []
        healths = await healths_of(call, newest)
        shown = [_shown(call, language, one) for one in healths]
        return await dashboard_page(call, "dashboard_endpoints.html", endpoints=shown)


def _shown(call: Call, language: Language, one: EndpointHealth) -> dict[str, Any]:
    """An endpoint for the template."""
    endpoint, health, missed = one.endpoint, one.health, one.missed
    now = call.services.reader.clock.estimate()
    waits = health.closed_until if health.closed_until and health.closed_until > now else None
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "types": endpoint.types,
        "status": endpoint.status.value,
        "status_name": endpoint_status_names(language)[endpoint.status.value],
        "disabled_reason": endpoint.disabled_reason.value if endpoint.disabled_reason else "",
        "disabled_at": endpoint.disabled_at and moment(language, endpoint.disabled_at),
        "milliseconds": health.milliseconds,
        "failures": health.failures,
        "failing_since": health.failing_since and moment(language, health.failing_since),
        "waits": waits and moment(language, waits),
        "has_failed": missed is not None and missed.failed > 0,
        "has_skipped": missed is not None and missed.skipped > 0,
        "failed": _count(missed.failed) if missed else "",
        "skipped": _count(missed.skipped) if missed else "",
        "first_position": missed.first_position if missed else None,
        "replay_after": missed.first_position - 1 if missed else None,
        "deliveries": address(call, DELIVERIES, endpoint=endpoint.id),
        "failed_deliveries": address(call, DELIVERIES, endpoint=endpoint.id, status="failed"),
        "skipped_deliveries": address(call, DELIVERIES, endpoint=endpoint.id, status="skipped"),
    }


def _count(number: int) -> str:
    """A number that was counted up to a limit."""
    return f"{number}+" if number >= MISSED_MAX else str(number)
