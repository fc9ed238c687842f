"""A bank in memory that does what the test tells it, and counts the money that leaves."""

from __future__ import annotations

from collections.abc import Sequence

from application.ports.bank import NoAnswer, Transfer, TransferOrder, TransferState

PENDING, SETTLED = Transfer(TransferState.PENDING, "B-1"), Transfer(TransferState.SETTLED, "B-1")
RETURNED = Transfer(TransferState.RETURNED, "B-1", "no such account")
REFUSED = Transfer(TransferState.REFUSED, reason="the account is closed")


class FakeBank:
    """An `application.ports.bank.Bank`."""

    def __init__(
        self, *, sends: Sequence[Transfer | None] = (), questions: Sequence[Transfer | None] = ()
    ) -> None:
        """Answer in this order, None being silence; the last answer is repeated.

        Args:
            sends: answers to orders; by default each is accepted.
            questions: answers to questions; by default each transfer has settled.
        """
        self._sends, self._questions = list(sends) or [PENDING], list(questions) or [SETTLED]
        self.calls: list[str] = []
        """Every call with its key."""
        self.transfers: dict[str, TransferOrder] = {}
        """The transfers that were made, by key; also those whose answer was lost."""

    def send(self, order: TransferOrder) -> Transfer:
        self.calls.append(f"send {order.key}")
        answer = self._next(self._sends)
        if answer is None or answer.state is not TransferState.REFUSED:
            self.transfers.setdefault(order.key, order)
        return self._say(answer)

    def status(self, order: TransferOrder) -> Transfer:
        self.calls.append(f"status {order.key}")
        return self._say(self._next(self._questions))

    @staticmethod
    def _next(answers: list[Transfer | None]) -> Transfer | None:
        return answers.pop(0) if len(answers) > 1 else answers[0]

    @staticmethod
    def _say(answer: Transfer | None) -> Transfer:
        if answer is None:
            msg = "the bank is silent"
            raise NoAnswer(msg)
        return answer
