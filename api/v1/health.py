"""Alive, ready, and in figures."""

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
    """What orchestrators and monitors ask."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """Every route of this file."""
        return [
            Operation(
                name="getHealth", method="GET", path="/healthz", summary="The process is alive",
                responses={200: AliveView}, limited=False, handler=self.alive,
            ),
            Operation(
                name="getReadiness", method="GET", path="/readyz",
                summary="The database answers, its clock is right, no list lags more than 2 s, "
                "no loop is halted",
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
        """Say so."""
        return json_response(AliveView("ok"))

    async def ready(self, _call: Call) -> HttpResponse:
        """Ask the database."""
        try:
            health = await blocking.probe(self._services.health)
        except LogUnavailable:
            raise NotReady(reason="the database is away") from None
        if unready := health.unready:
            raise NotReady(reason=", ".join(unready))
        return json_response(ready_view(health))

    async def metrics(self, _call: Call) -> HttpResponse:
        """The figures of this process."""
        text = await asyncio.to_thread(self._services.metrics.exposition)
        return HttpResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")
