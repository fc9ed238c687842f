"""How responses present the health of the process and of the ledger."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from application.health import Health


class AliveView(Struct, frozen=True):
    """The process is running."""

    status: Literal["ok"]


class LagView(Struct, frozen=True):
    """How far a read model is behind the log."""

    name: str
    position: int
    events: int
    seconds: float


class ReadyView(Struct, frozen=True):
    """The ledger is ready; its position and the lag of its read models."""

    status: Literal["ok"]
    position: int
    read_models: list[LagView]


def ready_view(health: Health) -> ReadyView:
    """The health of a ledger that is ready."""
    lags = [LagView(lag.name, lag.position, lag.events, lag.seconds) for lag in health.lags]
    return ReadyView("ok", health.position, lags)
