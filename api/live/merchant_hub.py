"""Listeners by merchant: each hears every event of the merchant's sessions, by position."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID

from api.live.hub import Socket, call_or_close
from api.live.protocol import CLOSE_BAD_TOKEN, CLOSE_RESTART, CLOSE_SLOW

MERCHANT_BUFFER_BYTES_MAX: Final = 1_048_576
"""A listener with more unsent bytes than this is too slow: a merchant's events come in bursts."""
SOCKETS_PER_MERCHANT_MAX: Final = 8
"""In one notifier."""
BACKLOG_MESSAGES_MAX: Final = 1000
"""A listener that takes longer over its first messages than this many events is too slow."""
MESSAGES_PER_STEP: Final = 50


class MerchantMessage(NamedTuple):
    """What the listeners of a merchant get of one event."""

    merchant_id: str
    position: int
    text: str
    """Empty if the session cannot be read: its listeners must reconnect."""


@dataclass(eq=False, slots=True)
class MerchantListener:
    """A socket that follows all sessions of one merchant."""

    socket: Socket
    merchant_id: str
    key_id: UUID
    """The API key that its ticket was issued for."""
    position: int = 0
    """The position of the last message, once the first ones have been sent."""
    backlog: list[MerchantMessage] | None = field(default_factory=list)
    """Messages of events received before the first messages were sent; None from then on."""

    @property
    def subject(self) -> str:
        """Names it in logs."""
        return self.merchant_id

    def send(self, text: str) -> None:
        """Send a message, or disconnect if the listener is too slow."""
        if self.socket.buffered_bytes() > MERCHANT_BUFFER_BYTES_MAX:
            self.socket.disconnect(CLOSE_SLOW, "slow reader")
        else:
            self.socket.send(text)

    def hear(self, message: MerchantMessage) -> None:
        """Keep or send the message of an event, unless it was sent before.

        The feed may hand events on twice, but always in the order of their positions.
        """
        if self.backlog is not None:
            if len(self.backlog) < BACKLOG_MESSAGES_MAX:
                self.backlog.append(message)
            else:
                self.socket.disconnect(CLOSE_SLOW, "slow reader")
        elif not message.text:
            self.socket.disconnect(CLOSE_RESTART, "reconnect")
        elif message.position > self.position:
            self.position = message.position
            self.send(message.text)


class MerchantHub:
    """The listeners of every merchant. Lives in one event loop and never waits for a reader."""

    def __init__(self) -> None:
        self._by_merchant: dict[str, set[MerchantListener]] = {}
        self._order = asyncio.Lock()
        """Pages are handed on one after the other, although each is handed on in steps."""

    @property
    def is_empty(self) -> bool:
        """Whether nobody listens. Like `has`, it may be used in another thread."""
        return not self._by_merchant

    def has(self, merchant_id: str) -> bool:
        """Whether anybody listens to a merchant."""
        return merchant_id in self._by_merchant

    def listeners(self) -> list[MerchantListener]:
        """All listeners, in a new list."""
        return [listener for group in self._by_merchant.values() for listener in group]

    def is_full(self, merchant_id: str) -> bool:
        """Whether the merchant has no place for one more listener."""
        return len(self._by_merchant.get(merchant_id, ())) >= SOCKETS_PER_MERCHANT_MAX

    def register(self, listener: MerchantListener) -> None:
        """Keep messages for a listener from now on; call this before reading its history."""
        self._by_merchant.setdefault(listener.merchant_id, set()).add(listener)

    def unregister(self, listener: MerchantListener) -> None:
        """Forget a listener; does nothing if it is not registered."""
        group = self._by_merchant.get(listener.merchant_id, set())
        group.discard(listener)
        if not group:
            self._by_merchant.pop(listener.merchant_id, None)

    async def dispatch(
        self, messages: Sequence[MerchantMessage], revoked: Collection[UUID] = ()
    ) -> None:
        """Send messages to the listeners of their merchants, in order.

        Args:
            messages: in the order of their positions.
            revoked: API keys that are no longer valid; the sockets that they opened are closed.
        """
        async with self._order:
            for start in range(0, len(messages), MESSAGES_PER_STEP):
                for message in messages[start : start + MESSAGES_PER_STEP]:
                    for listener in list(self._by_merchant.get(message.merchant_id, ())):
                        if not call_or_close(listener, partial(_hear, message)):
                            self.unregister(listener)
                await asyncio.sleep(0)
            for listener in self.listeners():
                if listener.key_id in revoked:
                    listener.socket.disconnect(CLOSE_BAD_TOKEN, "the key was revoked")
                    self.unregister(listener)


def _hear(message: MerchantMessage, listener: MerchantListener) -> None:
    listener.hear(message)
