"""The test clock: in a test ledger the operator advances the ledger's time."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from api.context import Services
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call, Idempotency, Operation
from api.http.parsing import Body
from api.v1.responses import command_response
from application.commands.advance_clock import AdvanceClock
from domain import times
from domain.clock import ADVANCE_SECONDS_MAX

OPERATORS: Final = frozenset({CallerRole.OPERATOR})


class AdvanceBody(Body):
    """By how much; at most 366 days at once."""

    advance_seconds: Annotated[int, Meta(ge=1, le=ADVANCE_SECONDS_MAX)]


class ClockView(Struct, frozen=True, kw_only=True):
    """The ledger's time right after an advance."""

    object: Literal["test_clock"] = "test_clock"
    livemode: bool
    """Whether the ledger is live; false: a test ledger."""
    now: str
    advanced_seconds: int
    """In all, this advance included."""
    position: int


class ClockRoutes:
    """The operation on the test clock."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        return [
            Operation(
                name="advanceTestClock", method="POST", path="/v1/test-clock",
                summary="Advance the ledger's time; in test ledgers only",
                description=(
                    "What is due by then happens: sessions expire, claims and leases end, payouts "
                    "are sent, calls are repeated. Signatures and their tolerances keep real time. "
                    "The clock is never set back."
                ),
                callers=OPERATORS, responses={200: ClockView},
                idempotency=Idempotency.OPTIONAL, handler=self.advance, problems=("test-only",),
            ),
        ]  # fmt: skip

    async def advance(self, call: Call, body: AdvanceBody) -> HttpResponse:
        """Advance the clock; of several at once each counts."""
        command = AdvanceClock(seconds=body.advance_seconds, mode=self._services.config.mode)
        outcome = await call.send(command)
        now: datetime = outcome.recorded_at
        self._services.reader.clock.reached(now)
        view = ClockView(
            livemode=self._services.config.livemode,
            now=times.to_text(now),
            advanced_seconds=outcome.subject.advanced_seconds,
            position=outcome.position,
        )
        return command_response(outcome, view)
