"""No bank: what a live ledger has until one is connected."""

from __future__ import annotations

from typing import Never

from application.ports.bank import NoAnswer, TransferOrder


class UnconnectedBank:
    """Answers nothing, so payouts of a live ledger wait and are parked in the end."""

    def send(self, order: TransferOrder) -> Never:
        """See `Bank`."""
        msg = f"no bank is connected for {order.amount.currency}"
        raise NoAnswer(msg)

    def status(self, order: TransferOrder) -> Never:
        """See `Bank`."""
        self.send(order)
