"""Calls addresses that nobody trusts: resolved once, every address checked, connected as checked.

Redirects are not followed, proxies of the environment are not used, and an answer ends after 15
seconds or 64 KiB. A name that does not resolve, or that has one address which may not be called, is
not called at all.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Final
from urllib.parse import urlsplit

from application.ports.webhook_sender import (
    SEND_SECONDS_MAX,
    Answer,
    NoAnswer,
    Sent,
    WebhookCall,
)
from domain import text
from domain.errors import InvalidRequest
from domain.merchants.webhook_url import check_webhook_url
from infrastructure.webhooks import connection
from infrastructure.webhooks.addresses import may_call
from infrastructure.webhooks.connection import RawAnswer, TooLong

CALLS_MAX: Final = 128
"""Calls at a time."""
RESOLVE_SECONDS_MAX: Final = 5.0
RESOLVES_MAX: Final = 32
"""Names being resolved at a time; a resolver that hangs holds its thread."""
ADDRESSES_MAX: Final = 16
"""A name with more addresses is not called."""
TRIED_MAX: Final = 2
"""How many of a name's addresses are tried until one accepts the connection."""
RETRY_AFTER_MAX: Final = 86_400
RETRY_AFTER_CHARS_MAX: Final = 40

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a name; raises `OSError` if there are none."""


def system_resolver(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, by the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedSender:
    """`application.ports.webhook_sender.WebhookSender` over HTTP/1.1."""

    def __init__(
        self,
        *,
        loopback: bool,
        resolve: Resolve = system_resolver,
        context: ssl.SSLContext | None = None,
        seconds: float = SEND_SECONDS_MAX,
    ) -> None:
        """Make calls.

        Args:
            loopback: whether this machine may be called; for tests and the demo.
            resolve: the resolver.
            context: verifies certificates; the system's authorities by default.
            seconds: the longest time of one call.
        """
        self._loopback = loopback
        self._resolve = resolve
        self._context = context or ssl.create_default_context()
        self._seconds = seconds
        self._calls = ThreadPoolExecutor(CALLS_MAX, thread_name_prefix="webhook")
        self._resolves = ThreadPoolExecutor(RESOLVES_MAX, thread_name_prefix="resolve")

    def close(self) -> None:
        """Make no further calls; those under way end by themselves."""
        self._calls.shutdown(wait=False, cancel_futures=True)
        self._resolves.shutdown(wait=False, cancel_futures=True)

    def send(self, calls: Sequence[WebhookCall]) -> Sequence[Sent]:
        """See the port."""
        started = time.monotonic()
        futures = [self._calls.submit(self._send, call, started) for call in calls]
        return [_result(future, started) for future in futures]

    def _send(self, call: WebhookCall, started: float) -> Sent:
        deadline = started + self._seconds
        try:
            raw = self._post(call, deadline)
        except _NotCalled as error:
            return NoAnswer(str(error), _milliseconds(started))
        except (TimeoutError, TooLong):
            return NoAnswer("no complete answer in time", _milliseconds(started))
        except ssl.SSLError:
            return NoAnswer("TLS failed", _milliseconds(started))
        except OSError:
            return NoAnswer("the connection failed", _milliseconds(started))
        except (HTTPException, ValueError):
            return NoAnswer("the answer is not HTTP", _milliseconds(started))
        answer = text.replace_unacceptable(raw.body.decode(errors="replace"))
        return Answer(raw.status, _milliseconds(started), answer, _retry_after(raw.retry_after))

    def _post(self, call: WebhookCall, deadline: float) -> RawAnswer:
        try:
            self._check(call.url)
        except InvalidRequest:
            msg = "the URL may not be called"
            raise _NotCalled(msg) from None
        parts = urlsplit(call.url)
        addresses = self._addresses(parts.hostname or "", parts.port or 443, deadline)
        for number, address in enumerate(addresses[:TRIED_MAX], 1):
            try:
                return connection.post(
                    call, parts, address, context=self._context, deadline=deadline
                )
            except ConnectionRefusedError:
                if number == min(len(addresses), TRIED_MAX):
                    raise
        msg = "the name has no address"
        raise _NotCalled(msg)

    def _check(self, url: str) -> None:
        """Raises `InvalidRequest` for the text of a URL that may not be called."""
        check_webhook_url("url", url, loopback=self._loopback)

    def _may_call(self, address: str) -> bool:
        return may_call(address, loopback=self._loopback)

    def _addresses(self, host: str, port: int, deadline: float) -> Sequence[str]:
        """The addresses of a name, each of which may be called."""
        future = self._resolves.submit(self._resolve, host, port)
        seconds = min(RESOLVE_SECONDS_MAX, max(0.0, deadline - time.monotonic()))
        try:
            addresses = future.result(timeout=seconds)
        except (OSError, UnicodeError):  # TimeoutError is an OSError
            future.cancel()
            msg = "the name was not resolved"
            raise _NotCalled(msg) from None
        if not addresses or len(addresses) > ADDRESSES_MAX:
            msg = "the name has no address, or too many"
            raise _NotCalled(msg)
        if not all(self._may_call(address) for address in addresses):
            msg = "the name has an address that may not be called"
            raise _NotCalled(msg)
        return addresses


class _NotCalled(Exception):
    """No connection was made; the text says why."""


def _result(future: Future[Sent], started: float) -> Sent:
    try:
        return future.result()
    except Exception as error:  # noqa: BLE001 - one call must not fail the others of its batch
        return NoAnswer(f"the call failed: {type(error).__name__}", _milliseconds(started))


def _milliseconds(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _retry_after(header: str | None) -> int | None:
    """Seconds of `Retry-After` (RFC 9110, 10.2.3): a number, or a date of the real clock."""
    if header is None or len(header) > RETRY_AFTER_CHARS_MAX:
        return None
    value = header.strip()
    if value.isascii() and value.isdigit():
        return min(int(value), RETRY_AFTER_MAX)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    seconds = (at - datetime.now(UTC)).total_seconds()
    return min(max(0, round(seconds)), RETRY_AFTER_MAX)
