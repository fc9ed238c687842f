"""Calls the addresses that merchants have named: what the process requires of the adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import urlsplit

SEND_SECONDS_MAX: Final = 15.0
"""One call, from its name's resolution to the end of the answer. Calls of a batch run together."""
ANSWER_BYTES_MAX: Final = 1024
"""What is kept of an answer."""


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """One POST."""

    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def all_headers(self) -> Mapping[str, str]:
        """Every header of the request, in the order in which they are sent."""
        return {
            "Host": urlsplit(self.url).netloc,
            "Connection": "close",
            "Content-Length": str(len(self.body)),
            **self.headers,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver answered. Redirects are answers; nobody follows them."""

    status: int
    milliseconds: int
    text: str = ""
    """The first 1 KB, acceptable text."""
    retry_after_seconds: int | None = None
    """From `Retry-After`, 0 or more."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Nothing came that is an answer; the receiver may have got the call all the same."""

    reason: str
    """Stored and listed: what happened, without addresses and secrets."""
    milliseconds: int


Sent = Answer | NoAnswer


class WebhookSender(Protocol):
    """Makes calls to addresses that are not trusted. Thread-safe."""

    def send(self, calls: Sequence[WebhookCall]) -> Sequence[Sent]:
        """Make the calls at the same time; one result for each, in order, within 15 seconds.

        No call reaches an address that is not public, unless this machine may be called by a
        setting. Never raises for what the receiver does.
        """
        ...
