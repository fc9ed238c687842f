"""How responses present the health of a webhook endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta, Struct

from api.http.fields import EndpointId, Time
from api.views.webhooks import EndpointStatusName
from application.ports.webhooks import MISSED_MAX, Health, Missed
from domain import times
from domain.merchants.webhook_events import Endpoint


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """How an endpoint answers, and what it has missed."""

    endpoint: Endpoint
    health: Health
    missed: Missed | None
    """None: nothing."""


Count = Annotated[int, Meta(ge=0, le=MISSED_MAX)]


class MissedView(Struct, frozen=True):
    """Events that the endpoint was to be told of and was not; tests are left out."""

    failed: Count
    """Given up after the last attempt. 1,000 stands for as many or more, here and below."""
    skipped: Count
    """Not sent because the endpoint was paused or disabled meanwhile."""
    first_position: int
    """Of the earliest one; a replay with `after` one below it closes the gap."""


class EndpointHealthView(Struct, frozen=True, kw_only=True):
    """How an endpoint answers, and what it has missed."""

    object: Literal["webhook_endpoint_health"] = "webhook_endpoint_health"
    livemode: bool
    """Whether the ledger is live; false: a test ledger."""
    endpoint_id: EndpointId
    status: EndpointStatusName
    failures: int
    """Attempts that failed in a row, whatever they were of."""
    failing_since: Time | None
    """The first of them."""
    not_called_before: Time | None
    """After five failures in a row, or as the endpoint asked, calls wait until then."""
    milliseconds: int | None
    """Of the last call; null: there was none."""
    missed: MissedView | None
    """Null: nothing."""


def endpoint_health_view(one: EndpointHealth, *, livemode: bool) -> EndpointHealthView:
    """The health of an endpoint, for its merchant."""
    health, missed = one.health, one.missed
    return EndpointHealthView(
        livemode=livemode,
        endpoint_id=one.endpoint.id,
        status=one.endpoint.status.value,
        failures=health.failures,
        failing_since=times.to_text(health.failing_since) if health.failing_since else None,
        not_called_before=times.to_text(health.closed_until) if health.closed_until else None,
        milliseconds=health.milliseconds,
        missed=MissedView(missed.failed, missed.skipped, missed.first_position) if missed else None,
    )
