"""A bank that moves no money, for test ledgers: the amount's last two digits decide the outcome.

| digits | outcome |
| --- | --- |
| 91 | returned |
| 92 | settled, then returned |
| 93 | refused |
| 94 | silent: the first three calls get no answer |
| 95 | silent for ever |
| 96 | answers twice: settled at once, and settled again |
| other | settled |
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Final

from application.ports.bank import NoAnswer, Transfer, TransferOrder, TransferState
from domain import ids

RETURNS: Final = 91
RETURNS_LATER: Final = 92
REFUSES: Final = 93
SILENT: Final = 94
SILENT_FOR_EVER: Final = 95
ANSWERS_TWICE: Final = 96
SILENT_CALLS: Final = 3
KEYS_MAX: Final = 10_000
"""Of the oldest keys beyond this the number of calls is forgotten: it begins from 0 again."""


class SandboxBank:
    """See the module. Thread-safe.

    It keeps the number of calls of each key in memory only. What a transfer is follows from its
    order, so the same key is the same transfer after a restart too.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._calls: OrderedDict[str, tuple[int, int]] = OrderedDict()
        """By key: the calls without an answer, and the questions that were answered."""

    def send(self, order: TransferOrder) -> Transfer:
        """See `Bank`."""
        digits = self._answering(order)
        if digits == REFUSES:
            return Transfer(TransferState.REFUSED, reason="the account is closed")
        if digits == ANSWERS_TWICE:
            return Transfer(TransferState.SETTLED, _reference(order))
        return Transfer(TransferState.PENDING, _reference(order))

    def status(self, order: TransferOrder) -> Transfer:
        """See `Bank`."""
        digits, reference = self._answering(order), _reference(order)
        with self._lock:
            silences, answered = self._calls.get(order.key, (0, 0))
            self._note(order.key, silences, answered + 1)
        if digits == REFUSES:
            return Transfer(TransferState.REFUSED, reason="the account is closed")
        if digits == RETURNS or (digits == RETURNS_LATER and answered):
            return Transfer(TransferState.RETURNED, reference, "no such account")
        return Transfer(TransferState.SETTLED, reference)

    def _answering(self, order: TransferOrder) -> int:
        """The last two digits of the amount.

        Raises:
            NoAnswer: this call gets no answer.
        """
        digits = order.amount.minor % 100
        with self._lock:
            silences, answered = self._calls.get(order.key, (0, 0))
            silent = digits == SILENT_FOR_EVER or (digits == SILENT and silences < SILENT_CALLS)
            if silent:
                self._note(order.key, silences + 1, answered)
        if silent:
            msg = "the sandbox bank is silent"
            raise NoAnswer(msg)
        return digits

    def _note(self, key: str, silences: int, answered: int) -> None:
        self._calls[key] = silences, answered
        self._calls.move_to_end(key)
        if len(self._calls) > KEYS_MAX:
            self._calls.popitem(last=False)


def _reference(order: TransferOrder) -> str:
    return f"SANDBOX-{ids.derive('sandbox bank', order.key).hex[:12]}"
