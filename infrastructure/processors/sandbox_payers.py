"""The payers of the sandbox: what they decide on its page, and the callback of it."""

from __future__ import annotations

from application.ports.callback_inbox import CallbackInbox
from application.ports.sandbox import AskedPayer
from domain.money.money import Money
from infrastructure.processors.sandbox import NAME, Sandbox
from infrastructure.processors.sandbox_store import Stored


class SandboxPages:
    """`application.ports.sandbox.SandboxPayers`."""

    def __init__(self, sandbox: Sandbox, inbox: CallbackInbox) -> None:
        """Ask the payers of a sandbox.

        Args:
            sandbox: knows the charges.
            inbox: takes its callbacks.
        """
        self._sandbox = sandbox
        self._inbox = inbox

    def asked(self, reference: str) -> AskedPayer | None:
        """See the port."""
        row = self._sandbox.waiting(reference)
        return None if row is None else _asked(row)

    def answer(self, reference: str, *, approved: bool) -> AskedPayer | None:
        """See the port."""
        row = self._sandbox.decide(reference, approved=approved)
        if row is None:
            return None
        for one in self._sandbox.notices(row.key):
            if one.due_at == row.settled_at:
                self._inbox.receive(NAME, one.notice, one.sha256)
        return _asked(row)


def _asked(row: Stored) -> AskedPayer:
    return AskedPayer(Money(row.minor, row.currency), row.state, row.return_url)
