"""Checks of what operators configure and of where payers are sent; imports no library."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from application.ports.processor import URL_CHARS_MAX
from infrastructure import origins

_VISIBLE: Final = re.compile("[!-~]*", re.ASCII)
SECRET_CHARS_MIN: Final = 24
SECRET_CHARS_MAX: Final = 250
_WEBHOOK_SECRET: Final = re.compile(r"whsec_[A-Za-z0-9_+/=-]{8,250}", re.ASCII)
_API_KEY: Final = re.compile(r"(sk|rk)_(live|test)_[A-Za-z0-9_]{8,250}", re.ASCII)


def is_payment_url(url: str) -> bool:
    """Whether a payer may be sent there: https, or http on loopback; no user name, no controls."""
    if len(url) > URL_CHARS_MAX or not _VISIBLE.fullmatch(url) or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and origins.is_loopback(host))


def check_base_url(url: str) -> str:
    """The base address without its trailing slash.

    Raises:
        ValueError: not https (http only on loopback), or with a user name, a query or a fragment.
    """
    parts = urlsplit(url)
    if not is_payment_url(url) or parts.query or parts.fragment or url[-1] in "?#":
        msg = "must be https (http on loopback only), without a user name, query or fragment"
        raise ValueError(msg)
    origins.parse(f"{parts.scheme}://{parts.netloc.lower()}", ("http", "https"))
    return url.rstrip("/")


def check_api_key(api_key: str, mode: str) -> str:
    """A secret or restricted key of the ledger's mode.

    Args:
        api_key: `sk_…` or `rk_…`.
        mode: `live` or `test`.

    Raises:
        ValueError: not a key, or one of the other mode. The message does not quote it.
    """
    match = _API_KEY.fullmatch(api_key)
    if match is None:
        msg = "must be a secret (sk_…) or restricted (rk_…) key of Stripe"
        raise ValueError(msg)
    if match.group(2) != mode:
        msg = f"is a {match.group(2)} key, and the ledger's mode is {mode}"
        raise ValueError(msg)
    return api_key


def check_webhook_secret(secret: str) -> str:
    """The signing secret of an endpoint of Stripe.

    Raises:
        ValueError: not one. The message does not quote it.
    """
    if not _WEBHOOK_SECRET.fullmatch(secret):
        msg = "must be a signing secret of Stripe (whsec_…)"
        raise ValueError(msg)
    return secret


def check_shared_secret(secret: str) -> str:
    """The secret that is shared with a PSP.

    Raises:
        ValueError: too short, too long, or not visible ASCII. The message does not quote it.
    """
    if not (SECRET_CHARS_MIN <= len(secret) <= SECRET_CHARS_MAX and _VISIBLE.fullmatch(secret)):
        msg = f"must have {SECRET_CHARS_MIN} to {SECRET_CHARS_MAX} visible ASCII characters"
        raise ValueError(msg)
    return secret
