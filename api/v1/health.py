"""Health checks and metrics, for orchestrators and monitoring."""

from __future__ import annotations

import asyncio

from api import blocking
from api.context import Services
from api.http.errors import NotReady
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.v1.responses import json_response
from api.views.health import AliveView, ReadyView, ready_view
from application.errors import LogUnavailable


class HealthRoutes:
    """The operations for monitoring."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        return [
            Operation(
                name="getHealth", method="GET", path="/healthz",
                summary="Whether the process is running",
                responses={200: AliveView}, limited=False, handler=self.alive,
            ),
            Operation(
                name="getReadiness", method="GET", path="/readyz",
                summary="Whether the database is available, its clock is right, no read model "
                "lags more than 2 s, and no loop is halted",
                responses={200: ReadyView}, problems=("not-ready",), limited=False,
                handler=self.ready,
            ),
            Operation(
                name="getMetrics", method="GET", path="/metrics",
                summary="Prometheus metrics; from this machine, or with an operator's key",
                callers=frozenset({CallerRole.OPERATOR}), local_without_key=True, limited=False,
                responses={200: "text/plain"}, handler=self.metrics,
            ),
        ]  # fmt: skip

    async def alive(self, _call: Call) -> HttpResponse:
        """The process is running."""
        return json_response(AliveView("ok"))

    async def ready(self, _call: Call) -> HttpResponse:
        """The health of the ledger."""
        try:
            health = await blocking.probe(self._services.health)
        except LogUnavailable:
            raise NotReady(reason="the database is unavailable") from None
        if unready := health.unready:
            raise NotReady(reason=", ".join(unready))
        return json_response(ready_view(health))

    async def metrics(self, _call: Call) -> HttpResponse:
        """The metrics of this process."""
        text = await asyncio.to_thread(self._services.metrics.exposition)
        return HttpResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")
