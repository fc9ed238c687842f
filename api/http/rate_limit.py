"""Rate limits: one token bucket per key holder, and per address for requests without a key."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from api.http import addresses
from api.http.errors import TooManyRequests
from application import request_context

BUCKETS_MAX: Final = 10_000
ADDRESS_CHARS_MAX: Final = 64


class RateLimit:
    """Allows `per_second` requests a second, with bursts of one second's worth.

    A response states the limit that was applied last, and what is left of it, as
    draft-ietf-httpapi-ratelimit-headers-11 writes it.
    """

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._policy = b'"default";q=%d;w=1' % per_second
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Tokens and time of the last change, by bucket; the least recently used first."""

    @property
    def per_second(self) -> int:
        """Requests a second per bucket; 0 for no limit."""
        return self._per_second

    def allows(self, bucket: str, now: float) -> bool:
        """Take one token if there is one; `now` is a monotonic clock's time in seconds."""
        if self._per_second == 0:
            return True
        tokens, last = self._buckets.get(bucket, (float(self._per_second), now))
        tokens = min(float(self._per_second), tokens + (now - last) * self._per_second)
        allowed = tokens >= 1
        self._buckets[bucket] = (tokens - 1 if allowed else tokens, now)
        self._buckets.move_to_end(bucket)
        if len(self._buckets) > BUCKETS_MAX:
            self._buckets.popitem(last=False)
        return allowed

    def take(self, bucket: str, now: float) -> None:
        """Take one token, and have the response state how many are left.

        Raises:
            TooManyRequests: there is none.
        """
        allowed = self.allows(bucket, now)
        context = request_context.current()
        if context is not None and self._per_second:
            context.quota = (
                (b"ratelimit-policy", self._policy),
                (b"ratelimit", b'"default";r=%d;t=1' % self._buckets[bucket][0]),
            )
        if not allowed:
            raise TooManyRequests(limit=self._per_second)

    def refund(self, bucket: str) -> None:
        """Put one token back."""
        entry = self._buckets.get(bucket)
        if entry is not None:
            tokens, last = entry
            self._buckets[bucket] = (min(float(self._per_second), tokens + 1), last)


def address_bucket(address: str) -> str:
    """The bucket of an address: an IPv4 address has its own, an IPv6 address shares its /64's.

    A proxy may forward any text; what is not an address is cut to 64 characters.
    """
    return f"address {addresses.network_of(address)[:ADDRESS_CHARS_MAX]}"
