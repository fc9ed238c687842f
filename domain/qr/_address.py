"""Addresses in scanned codes: ours are recognised exactly, all others are told apart for people.

An address is ours if its text begins with the ledger's origin, character by character. Nothing is
decoded, normalised or resolved, so two programs cannot read it in two ways. Only the refusals look
into other addresses.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from domain.qr._text import check_text
from domain.qr.errors import Cause, InvalidQr

WHITE_SPACE: Final = " \t\r\n"
"""What a camera or a copied text may add at either end; nothing else is ignored."""
_SCHEME: Final = re.compile("([A-Za-z][A-Za-z0-9+.-]*):")
_END: Final = re.compile("[/?#]")
"""What ends the host and port."""
_PORTS: Final = {"http": ":80", "https": ":443"}
_ALIKE: Final = (("0", "o"), ("1", "l"), ("i", "l"), ("rn", "m"), ("vv", "w"))
"""Letters and digits that look the same in many fonts."""


def path_offset(text: str, public_url: str, *, start: int = 0) -> int:
    """Where the path of one of our addresses begins, after the slash that follows the host.

    Args:
        text: the scanned text, without white space after the address.
        public_url: the ledger's origin, such as `https://pay.example`.
        start: where the address begins in the text.

    Raises (checked in this order):
        InvalidQr: too long; control characters or lone surrogates; not a URL; another scheme;
            user information; another host or port; no path, or not one in ASCII.
    """
    check_text(text, start=start)
    if text.isascii():  # else `lower` makes an ASCII letter of another, such as the Kelvin sign
        lower = text.lower()
        for origin in _origins(public_url):
            if lower.startswith(origin, start):
                return start + len(origin)
    raise _refusal(text, public_url, start)


@lru_cache(16)
def _origins(public_url: str) -> tuple[str, ...]:
    """The beginnings of our addresses: without the scheme's own port, and with it."""
    origin = public_url.lower()
    scheme, _, authority = origin.partition("://")
    default = _PORTS.get(scheme, "")
    host = authority.removesuffix(default)
    if ":" in host.rpartition("]")[2]:
        return (f"{origin}/",)
    return (f"{scheme}://{host}/", f"{scheme}://{host}{default}/")


def _refusal(text: str, public_url: str, start: int) -> InvalidQr:
    """Why an address is not ours."""
    scheme = public_url.lower().partition("://")[0]
    found = _SCHEME.match(text, start)
    if found is None:
        return InvalidQr(cause=Cause.NOT_A_URL, reason="it is not a URL", offset=start)
    if found[1].lower() != scheme:
        reason = f"it does not begin with {scheme}://"
        return InvalidQr(cause=Cause.FOREIGN_SCHEME, reason=reason, offset=start)
    if "\\" in text:  # a slash to browsers, a character of the host to other programs
        reason = "it is not a valid URL"
        return InvalidQr(cause=Cause.NOT_A_URL, reason=reason, offset=text.index("\\"))
    if not text.startswith("//", found.end()):
        return InvalidQr(cause=Cause.NOT_A_URL, reason="it names no host", offset=found.end())
    at = found.end() + 2
    return _foreign(_END.split(text[at:], 1)[0], public_url, at)


def _foreign(theirs: str, public_url: str, at: int) -> InvalidQr:
    """Why host and port are not ours, or what follows them is no path."""
    scheme, _, authority = public_url.lower().partition("://")
    host, ours = _host(theirs), _host(authority)
    cause, reason = Cause.FOREIGN_HOST, "it points to another host"
    if "@" in theirs:
        cause, reason = Cause.USER_INFORMATION, "it has user information before its host"
    elif not host:
        cause, reason = Cause.NOT_A_URL, "it names no host"
    elif theirs.isascii() and f"{scheme}://{theirs.lower()}/" in _origins(public_url):
        cause, reason, at = Cause.OTHER_ADDRESS, "it is not the address of a code", at + len(theirs)
    elif host.isascii() and host.lower() == ours:
        reason, at = "it points to another port", at + len(host)
    elif _looks_like(host, ours):
        cause, reason = Cause.LOOK_ALIKE_HOST, "its host only looks like the ledger's"
    return InvalidQr(cause=cause, reason=reason, offset=at)


def _host(authority: str) -> str:
    """The host of `host:port` or `[address]:port`."""
    end = authority.find("]") + 1 if authority.startswith("[") else 0
    return authority[:end] or authority.partition(":")[0]


def _looks_like(host: str, ours: str) -> bool:
    """Whether a person may take one host for the other: letters of other scripts, or our name."""
    if not host.isascii() or any(label.startswith("xn--") for label in host.lower().split(".")):
        return True
    return _folded(ours) in _folded(host)


def _folded(host: str) -> str:
    folded = host.lower()
    for one, other in _ALIKE:
        folded = folded.replace(one, other)
    return folded
