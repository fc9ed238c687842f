"""The treasury: the operator records what moves into the bank and out of it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Struct

from api.context import Services
from api.http.fields import text_length
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call, Idempotency, Operation
from api.http.parsing import Body, MoneyBody
from api.v1.debits import send_against_credits
from api.v1.responses import command_response
from api.views.money import MoneyView, money_view
from application.command import Command
from application.commands.move_treasury import MoveTreasury
from domain.accounting import chart
from domain.payouts.debits import Credits
from domain.treasury.treasury import REFERENCE_CHARS_MAX, MoveKind

OPERATORS: Final = frozenset({CallerRole.OPERATOR})


class MoveBody(Body):
    """A movement of own funds, fees, or one side of a currency exchange. No personal data."""

    kind: Literal["own_funds", "fx_settlement", "fees"]
    direction: Literal["in", "out"]
    amount: MoneyBody
    reference: Annotated[str, text_length(1, REFERENCE_CHARS_MAX)]


class MoveView(Struct, frozen=True, kw_only=True):
    """A recorded movement."""

    object: Literal["treasury_move"] = "treasury_move"
    livemode: bool
    kind: Literal["own_funds", "fx_settlement", "fees"]
    direction: Literal["in", "out"]
    amount: MoneyView
    reference: str
    position: int


class TreasuryRoutes:
    """The operations on the treasury."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        return [
            Operation(
                name="moveTreasury", method="POST", path="/v1/treasury/moves",
                summary="Record money that the house has moved into the bank, or out of it",
                callers=OPERATORS, responses={201: MoveView},
                idempotency=Idempotency.REQUIRED, handler=self.move,
                problems=("treasury-insufficient", "not-caught-up"),
            ),
        ]  # fmt: skip

    async def move(self, call: Call, body: MoveBody) -> HttpResponse:
        """Record a movement."""
        amount = body.amount.to_money()

        def make_command(earned: Credits, *, current: bool) -> Command:
            return MoveTreasury(
                kind=MoveKind(body.kind),
                amount=amount,
                incoming=body.direction == "in",
                reference=body.reference,
                credits=earned,
                credits_are_current=current,
            )

        if body.direction == "in":
            outcome = await call.send(make_command(Credits(0, 0), current=False))
        else:
            bank = chart.BANK.of()
            outcome = await send_against_credits(call, bank, amount.currency, make_command)
        view = MoveView(
            livemode=self._services.config.livemode,
            kind=body.kind,
            direction=body.direction,
            amount=money_view(amount),
            reference=body.reference,
            position=outcome.position,
        )
        return command_response(outcome, view, status=201)
