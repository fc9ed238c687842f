"""A token bucket per caller: a key's holder, or an address without a key that was good just now."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from api.http import addresses

CALLERS_MAX: Final = 10_000
ADDRESS_CHARS_MAX: Final = 64


class RateLimit:
    """Lets `per_second` requests a second through, with a burst of one second's worth."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    @property
    def per_second(self) -> int:
        """Requests a second per caller; 0 for no limit."""
        return self._per_second

    def allows(self, caller: str, now: float) -> bool:
        """Take one token, if there is one. `now` is a monotonic clock's, in seconds."""
        if self._per_second == 0:
            return True
        tokens, last = self._buckets.get(caller, (float(self._per_second), now))
        tokens = min(float(self._per_second), tokens + (now - last) * self._per_second)
        allowed = tokens >= 1
        self._buckets[caller] = (tokens - 1 if allowed else tokens, now)
        self._buckets.move_to_end(caller)
        if len(self._buckets) > CALLERS_MAX:
            self._buckets.popitem(last=False)
        return allowed

    def give_back(self, caller: str) -> None:
        """Put one token back: what it was taken for is not to be counted."""
        bucket = self._buckets.get(caller)
        if bucket is not None:
            tokens, last = bucket
            self._buckets[caller] = (min(float(self._per_second), tokens + 1), last)


def caller_at(address: str) -> str:
    """Who counts as the caller at an address: IPv4 by the address, IPv6 by its /64.

    What is no address (a proxy may forward any text) counts as it is, cut to 64 characters.
    """
    return f"address {addresses.counted_as(address)[:ADDRESS_CHARS_MAX]}"
