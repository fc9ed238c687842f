"""Calls the one URL that whoever runs the program has named, on this machine by default."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from application.ports.webhook_sender import SEND_SECONDS_MAX
from domain.errors import InvalidRequest
from domain.merchants.webhook_url import LOOPBACK_HOSTS, URL_CHARS_MAX
from infrastructure.webhooks.sender import GuardedSender, system_resolver

_VISIBLE: Final = re.compile(r"[!-~]+")
SCHEMES: Final = frozenset({"http", "https"})


def check_forward_url(url: str, *, remote: bool) -> None:
    """Check the text of a URL.

    Args:
        url: absolute.
        remote: whether it may name another machine than this one.

    Raises (checked in this order):
        InvalidRequest: empty, longer than 2,000 characters, or with a character that must be
            escaped.
        InvalidRequest: not http or https, no host, user information, a fragment, or port 0.
        InvalidRequest: another machine.
    """
    name = "forward-to"
    if not (len(url) <= URL_CHARS_MAX and _VISIBLE.fullmatch(url)) or "\\" in url:
        raise InvalidRequest.of(
            name, f"must have 1 to {URL_CHARS_MAX} ASCII characters without spaces and backslashes"
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidRequest.of(name, "is not a URL") from None
    if parts.scheme not in SCHEMES or not host:
        raise InvalidRequest.of(name, "must be a URL such as http://127.0.0.1:3000/webhooks")
    if "@" in parts.netloc or "#" in url or port == 0:
        raise InvalidRequest.of(name, "must have no user information, no fragment, and no port 0")
    if not remote and host not in LOOPBACK_HOSTS:
        raise InvalidRequest.of(name, "must name this machine, such as 127.0.0.1, without --remote")


class ForwardSender(GuardedSender):
    """Resolves once, follows no redirects and ends in time, as every sender of webhooks."""

    def __init__(
        self,
        *,
        remote: bool = False,
        resolve: Callable[[str, int], Sequence[str]] = system_resolver,
        seconds: float = SEND_SECONDS_MAX,
    ) -> None:
        """Make calls.

        Args:
            remote: whether another machine may be called.
            resolve: the resolver.
            seconds: the longest time of one call.
        """
        super().__init__(loopback=True, resolve=resolve, seconds=seconds)
        self._remote = remote

    def _check(self, url: str) -> None:
        check_forward_url(url, remote=self._remote)

    def _may_call(self, address: str) -> bool:
        return self._remote or ip_address(address).is_loopback
