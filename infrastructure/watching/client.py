"""What a watcher fetches of a log: bounded in bytes and in time, without redirects or proxies."""

from __future__ import annotations

import re
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

import httpx2

URL_CHARS_MAX: Final = 2000
STEP_SECONDS: Final = 5.0
"""The limit of connecting, and of each read."""
FETCH_SECONDS: Final = 20.0
"""The limit of one answer as a whole."""
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_VISIBLE: Final = re.compile(r"[!-~]+")


class NoAnswer(Exception):
    """There was no usable answer; the next attempt may have one."""


class NotThere(Exception):
    """The log's server says that there is no such thing."""


class BadAddress(ValueError):
    """The address of a log cannot be used; the message says why."""


class LogClient:
    """Reads the public part of one log's API, and the entries if there is an auditor's key."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        """Read a log.

        Args:
            url: where the API is, such as `https://pay.example`.
            key: of an auditor; sent with every request.
            transport: takes the requests; None for the network.

        Raises:
            BadAddress: not http or https with a host alone; http to another machine.
        """
        self._base = check_address(url)
        headers = {"Accept-Encoding": "identity", "User-Agent": "qrledger-audit-watch"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        self._client = httpx2.Client(
            transport=transport, timeout=STEP_SECONDS, headers=headers, trust_env=False,
            follow_redirects=False,
        )  # fmt: skip

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def get(self, path: str, bytes_max: int) -> bytes:
        """The body of a path below `/v1/log/`.

        Raises (checked in this order):
            NoAnswer: no answer in time; a redirect or another status than 200; a compressed body,
                or one of more than `bytes_max` bytes.
            NotThere: the status is 404.
        """
        end = monotonic() + FETCH_SECONDS
        try:
            with self._client.stream("GET", f"{self._base}/v1/log/{path}") as answer:
                status = answer.status_code
                if status == httpx2.codes.NOT_FOUND:
                    raise NotThere(path)
                if status != httpx2.codes.OK:
                    msg = f"{path}: the server answered {status}"
                    raise NoAnswer(msg)
                if answer.headers.get("Content-Encoding", "identity") != "identity":
                    msg = f"{path}: the answer is compressed and could expand"
                    raise NoAnswer(msg)
                return _body(answer, path, bytes_max, end)
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
            msg = f"{path}: no complete answer ({type(error).__name__})"
            raise NoAnswer(msg) from None


def check_address(url: str) -> str:
    """The address of a log's API without a slash at its end.

    Raises:
        BadAddress: see `LogClient`.
    """
    if not (len(url) <= URL_CHARS_MAX and _VISIBLE.fullmatch(url)) or "\\" in url:
        msg = f"the address has 1 to {URL_CHARS_MAX} visible ASCII characters"
        raise BadAddress(msg)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in {"http", "https"} or port == 0:
        msg = "the address is not a URL such as https://pay.example"
        raise BadAddress(msg)
    if "@" in parts.netloc or "?" in url or "#" in url or parts.path not in {"", "/"}:
        msg = "the address has neither user information nor a path, a query or a fragment"
        raise BadAddress(msg)
    if parts.scheme == "http" and host not in LOOPBACK:
        msg = "the address of another machine begins with https"
        raise BadAddress(msg)
    return f"{parts.scheme}://{parts.netloc}"


def _body(answer: httpx2.Response, path: str, bytes_max: int, end: float) -> bytes:
    """The body, read no further than its limits."""
    body = bytearray()
    for part in answer.iter_raw():
        body += part
        if len(body) > bytes_max:
            msg = f"{path}: the answer has more than {bytes_max} bytes"
            raise NoAnswer(msg)
        if monotonic() > end:
            msg = f"{path}: the answer took more than {FETCH_SECONDS:.0f} s"
            raise NoAnswer(msg)
    return bytes(body)
