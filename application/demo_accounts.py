"""The accounts with which the home page of a demo makes payments; other ledgers have none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

CODES_MAX: Final = 32
"""Codes that can be used at a time; a new one ends the oldest."""
CODE_SECONDS: Final = 900
CODE_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoAccounts:
    """A merchant, and a wallet with the key that its page tokens end with."""

    merchant_id: UUID
    wallet_id: UUID
    wallet_key_id: UUID


class PhoneCodes:
    """Codes that each sign one phone in to the demo's wallet, within 15 minutes."""

    def __init__(self, random: Callable[[int], bytes], clock: Callable[[], float]) -> None:
        """`random` makes unpredictable bytes; `clock` counts seconds."""
        self._random = random
        self._clock = clock
        self._ends: dict[str, float] = {}

    def new(self) -> str:
        """A code that nobody has used."""
        while len(self._ends) >= CODES_MAX:
            del self._ends[next(iter(self._ends))]
        code = self._random(CODE_BYTES).hex()
        self._ends[code] = self._clock() + CODE_SECONDS
        return code

    def use(self, code: str) -> bool:
        """Whether this is the first use of a code, in time."""
        end = self._ends.pop(code, None)
        return end is not None and self._clock() < end


@dataclass(slots=True)
class DemoDesk:
    """Holds the accounts as soon as the demo has registered them."""

    accounts: DemoAccounts | None = None
    phones: PhoneCodes | None = None
    """Only if the demo is open to the network."""
