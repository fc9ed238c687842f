"""A processor has paid what it captured to the bank."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.money.money import known_currency
from domain.processors.settlement import Settlement


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveSettlement(Command):
    """Record a settlement: the bank and the processor's fee against what it owes us."""

    processor: str
    reference: str
    """The processor's; a settlement of the same reference counts once."""
    currency: str
    gross_minor: int
    """What the processor says it settles, before its fee."""
    fee_minor: int
    received_minor: int
    """What the bank has received."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The settlement."""
        return (Settlement.stream_id(self.processor, self.reference),)

    def decide(self, loaded: Loaded) -> Decision:
        """Record it, with the difference; nothing if it is known with the same figures.

        Raises (checked in this order):
            InvalidRequest: the currency does not exist.
            SettlementMismatch: it is known with other figures.
            InvalidRequest: see `Settlement.receive`.
        """
        currency = known_currency(self.currency)
        known = loaded.find(Settlement, self.streams[0])
        if known is not None:
            known.check_same(
                currency=self.currency,
                gross_minor=self.gross_minor,
                fee_minor=self.fee_minor,
                received_minor=self.received_minor,
            )
            return Decision(known)
        settlement = Settlement.receive(
            processor=self.processor,
            reference=self.reference,
            currency=currency,
            gross_minor=self.gross_minor,
            fee_minor=self.fee_minor,
            received_minor=self.received_minor,
            at=loaded.now,
        )
        return Decision(settlement, [settlement])
