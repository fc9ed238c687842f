"""The file of a Google service account, as the Firebase console gives it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from infrastructure import origins

BYTES_MAX: Final = 65_536
KEY_BITS_MIN: Final = 2048
OTHERS: Final = 0o077
_PROJECT: Final = re.compile(r"[a-z0-9:.-]{1,64}")
_URI: Final = re.compile(r"(https?://[^/?#\s]+)(/[!-~]*)?")


class BadServiceAccount(Exception):
    """The file is not that of a service account, or others may read it; quotes no secret."""


class _File(msgspec.Struct):
    project_id: str
    client_email: str
    private_key: str
    private_key_id: str = ""
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - no secret


class ServiceAccount(msgspec.Struct, frozen=True):
    """What FCM needs of the file."""

    project_id: str
    client_email: str
    private_key: RSAPrivateKey
    private_key_id: str
    token_uri: str

    def __repr__(self) -> str:
        """The account's project; not its key."""
        return f"ServiceAccount({self.project_id!r})"


def read_service_account(path: Path) -> ServiceAccount:
    """The account of a file.

    Raises (checked in this order):
        BadServiceAccount: it cannot be read, is open to other users, is not the JSON of a service
            account, has no RSA key of 2048 bits or more, or an address that is not https.
    """
    try:
        text, mode = path.read_bytes()[: BYTES_MAX + 1], path.stat().st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is not valid"
        raise BadServiceAccount(_line(path, f"cannot be read: {reason}")) from None
    if mode & OTHERS:
        raise BadServiceAccount(_line(path, "is open to other users: change its mode to 0600"))
    try:
        file = msgspec.json.decode(text, type=_File)
        key = load_pem_private_key(file.private_key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadServiceAccount(_line(path, "is not that of a service account")) from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < KEY_BITS_MIN:
        raise BadServiceAccount(_line(path, f"has no RSA key of {KEY_BITS_MIN} bits or more"))
    if not _PROJECT.fullmatch(file.project_id) or not _may_be_asked(file.token_uri):
        raise BadServiceAccount(_line(path, "has a project or a token_uri that is not valid"))
    return ServiceAccount(
        file.project_id, file.client_email, key, file.private_key_id, file.token_uri
    )


def _may_be_asked(uri: str) -> bool:
    """Whether tokens may be bought there: https, or this machine for tests."""
    match = _URI.fullmatch(uri)
    if match is None:
        return False
    try:
        scheme, host, _ = origins.parse(match[1], ("http", "https"))
    except ValueError:
        return False
    return scheme == "https" or origins.is_loopback(host)


def _line(path: Path, reason: str) -> str:
    return f"the file of the service account {path} {reason}"
