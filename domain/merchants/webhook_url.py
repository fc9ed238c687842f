"""Which URLs the ledger may be asked to call.

Only the text is judged here. Whoever calls a URL also judges every address of its host, each time.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from domain.errors import InvalidRequest

URL_CHARS_MAX: Final = 2000
HOST_CHARS_MAX: Final = 253
PORTS: Final = frozenset({443, 8443})
LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_VISIBLE: Final = re.compile(r"[!-~]+")
_LABEL: Final = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_NAME: Final = re.compile(rf"({_LABEL}\.)+{_LABEL}")
_NUMBER: Final = re.compile(r"0x[0-9a-f]*|[0-9]+")
_LOCAL: Final = frozenset({"localhost", "local", "internal", "localdomain", "home", "lan", "arpa"})
"""Last labels of names that no public resolver should know."""


def check_webhook_url(name: str, url: str, *, loopback: bool = False) -> None:
    """Check the text of a URL that the ledger is asked to call.

    Args:
        name: the field of the request.
        url: absolute, ASCII; names outside ASCII are written as `xn--…`.
        loopback: whether this machine may be called too, by http or https and on any port.

    Raises (checked in this order):
        InvalidRequest: empty, longer than 2,000 characters, or with a character that must be
            escaped.
        InvalidRequest: not https, no host, user information, a fragment, or another port than
            443 and 8443.
        InvalidRequest: the host is an IP address in any notation, or not a public name.
    """
    if not 1 <= len(url) <= URL_CHARS_MAX:
        raise InvalidRequest.of(name, f"must have 1 to {URL_CHARS_MAX} characters")
    if not _VISIBLE.fullmatch(url) or "\\" in url:
        raise InvalidRequest.of(name, "must be ASCII without spaces and backslashes")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidRequest.of(name, "is not a URL") from None
    if "@" in parts.netloc:
        raise InvalidRequest.of(name, "must have no user information")
    if "#" in url:
        raise InvalidRequest.of(name, "must have no fragment")
    if loopback and parts.scheme in {"http", "https"} and host in LOOPBACK_HOSTS and port != 0:
        return
    if parts.scheme != "https" or not host:
        raise InvalidRequest.of(name, "must be an https URL")
    if parts.netloc.endswith(":") or port not in PORTS | {None}:
        raise InvalidRequest.of(name, "must use port 443 or 8443")
    _check_host(name, host)


def _check_host(name: str, host: str) -> None:
    last = host.rpartition(".")[2]
    if ":" in host or "%" in host or _NUMBER.fullmatch(last):
        raise InvalidRequest.of(name, "must name a host, not an IP address")
    if len(host) > HOST_CHARS_MAX or not _NAME.fullmatch(host) or last in _LOCAL:
        raise InvalidRequest.of(name, "must name a public host")
