"""The log itself, as a stream: its origin, the keys that seal it, and its restarts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple
from uuid import UUID

from eventsourcing.domain import Aggregate, event

from domain import ids
from domain.aggregate import LedgerAggregate
from domain.errors import InvalidRequest
from domain.sealing.errors import LogKeyRefused

STREAM_ID: Final = ids.derive("log")
"""There is one log in a ledger, so its stream has a fixed id."""
LEAF_FORMAT: Final = 1
HOST: Final = re.compile(r"[a-z0-9\[][a-z0-9.:\]-]{0,199}")
ORIGIN: Final = re.compile(
    HOST.pattern + r"/(?:live|test)/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
KEY_ID: Final = re.compile("[0-9a-f]{8}")
VKEY: Final = re.compile(r"[!-*,-~]{1,300}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{4,100}={0,2}")
REASON_CHARS_MAX: Final = 500
ROOT: Final = re.compile("[A-Za-z0-9+/]{43}=")
KEYS_MAX: Final = 1000
"""Keys that a log may ever have: one a week for twenty years."""


class LogKey(NamedTuple):
    """A key that has sealed the log, or still does."""

    key_id: str
    vkey: str
    retired_at_size: int | None = None
    """Since when nothing counts that this key alone has signed; None while it is in use."""


def make_origin(host: str, mode: str, ledger_id: UUID) -> str:
    """The origin of a log: `<host>/<live|test>/<ledger UUID>`.

    Raises:
        InvalidRequest: the host is not a lower-case host name, with or without a port.
    """
    if not HOST.fullmatch(host):
        reason = "must be a host name in lower case, with or without a port"
        raise InvalidRequest.of("log_origin", reason)
    return f"{host}/{mode}/{ledger_id}"


class SealedLog(LedgerAggregate):
    """The log of this ledger.

    ```
    opened ──▶ key_added … key_retired … restarted (new origin, no key in use) ──▶ key_added …
    ```
    """

    TOPIC = "log"

    class Event(Aggregate.Event):
        """The base of the log's events."""

        TOPIC = "log.event"

    class Opened(Event, Aggregate.Created):
        """The origin was fixed, and with it the name of every key and checkpoint."""

        TOPIC = "log.opened"
        origin: str
        leaf_format: int

    class KeyAdded(Event):
        """A key seals the log from now on."""

        TOPIC = "log.key_added"
        origin: str
        key_id: str
        vkey: str

        def apply(self, aggregate: SealedLog) -> None:
            """Add the key to those in use."""
            added = {self.key_id: LogKey(self.key_id, self.vkey)}
            aggregate.keys = MappingProxyType({**aggregate.keys, **added})

    class KeyRetired(Event):
        """A key seals no more; from `size` on its signature alone proves nothing."""

        TOPIC = "log.key_retired"
        origin: str
        key_id: str
        vkey: str
        size: int
        reason: str

        def apply(self, aggregate: SealedLog) -> None:
            """Mark the key."""
            retired = {self.key_id: LogKey(self.key_id, self.vkey, self.size)}
            aggregate.keys = MappingProxyType({**aggregate.keys, **retired})

    class Restarted(Event):
        """The log was set back, by a restored backup: it goes on under a new origin.

        `old_origin`, `old_size` and `old_root` are the last head that was signed; up to
        `common_size` both logs are the same.
        """

        TOPIC = "log.restarted"
        origin: str
        old_origin: str
        old_size: int
        old_root: str
        common_size: int
        reason: str

        def apply(self, aggregate: SealedLog) -> None:
            """Go on under the new origin, without keys: a key's name is its origin."""
            aggregate.origin = self.origin
            aggregate.keys = MappingProxyType({})

    @event(Opened)
    def __init__(self, origin: str, leaf_format: int) -> None:
        self.origin = origin
        self.leaf_format = leaf_format
        self.keys: Mapping[str, LogKey] = MappingProxyType({})
        """By id, in the order in which they were added; those of the present origin."""

    @classmethod
    def open(cls, *, origin: str, at: datetime) -> SealedLog:
        """Fix the origin. `at` is the ledger's time.

        Raises:
            InvalidRequest: it is not the origin of a ledger.
        """
        _check("log_origin", ORIGIN, origin)
        return cls._create(
            cls.Opened, id=STREAM_ID, timestamp=at, origin=origin, leaf_format=LEAF_FORMAT
        )

    @property
    def signing(self) -> list[LogKey]:
        """The keys in use, oldest first."""
        return [key for key in self.keys.values() if key.retired_at_size is None]

    def add_key(self, *, key_id: str, vkey: str, at: datetime) -> None:
        """Add a key; one that is in use already changes nothing.

        Raises (checked in this order):
            InvalidRequest: it is not the verifier key of an Ed25519 key of this origin.
            LogKeyRefused: it was retired, another key has its id, or the log has had 1,000 keys.
        """
        _check("key_id", KEY_ID, key_id)
        _check("vkey", VKEY, vkey)
        if not vkey.startswith(f"{self.origin}+{key_id}+"):
            raise InvalidRequest.of("vkey", "must have the origin as its name")
        known = self.keys.get(key_id)
        if known == LogKey(key_id, vkey):
            return
        if known is not None:
            raise LogKeyRefused(key_id=key_id, reason="a key of this id was added before")
        if len(self.keys) >= KEYS_MAX:
            raise LogKeyRefused(key_id=key_id, reason=f"the log has had {KEYS_MAX} keys")
        self.trigger_event(
            self.KeyAdded, timestamp=at, origin=self.origin, key_id=key_id, vkey=vkey
        )

    def retire_key(self, *, key_id: str, size: int, reason: str, at: datetime) -> None:
        """Retire a key; one that is retired already changes nothing.

        Raises (checked in this order):
            InvalidRequest: the size is negative, or the reason is empty or too long.
            LogKeyRefused: the log has no such key.
        """
        if size < 0:
            raise InvalidRequest.of("size", "may not be negative")
        _check_reason(reason)
        known = self.keys.get(key_id)
        if known is None:
            raise LogKeyRefused(key_id=key_id[:16], reason="the log has no such key")
        if known.retired_at_size is not None:
            return
        self.trigger_event(
            self.KeyRetired,
            timestamp=at,
            origin=self.origin,
            key_id=key_id,
            vkey=known.vkey,
            size=size,
            reason=reason,
        )

    def restart(
        self,
        *,
        origin: str,
        old_size: int,
        old_root: str,
        common_size: int,
        reason: str,
        at: datetime,
    ) -> None:
        """Go on under a new origin after the log was set back.

        Args:
            origin: the new one.
            old_size: of the last head that was signed under the old origin.
            old_root: its root, in base64.
            common_size: how many events both logs have in common, at most `old_size`.
            reason: why; not for personal data.
            at: the ledger's time.

        Raises:
            InvalidRequest: the origin is malformed or the old one, a size is out of range, the root
                is no hash, or the reason is empty or too long.
        """
        _check("log_origin", ORIGIN, origin)
        if origin == self.origin:
            raise InvalidRequest.of("log_origin", "must differ from the origin until now")
        if not 0 <= common_size <= old_size:
            raise InvalidRequest.of("common_size", "must be from 0 to the size until now")
        _check("old_root", ROOT, old_root)
        _check_reason(reason)
        self.trigger_event(
            self.Restarted,
            timestamp=at,
            origin=origin,
            old_origin=self.origin,
            old_size=old_size,
            old_root=old_root,
            common_size=common_size,
            reason=reason,
        )


def _check(name: str, pattern: re.Pattern[str], text: str) -> None:
    if not pattern.fullmatch(text):
        raise InvalidRequest.of(name, "is malformed")


def _check_reason(reason: str) -> None:
    if not 0 < len(reason) <= REASON_CHARS_MAX:
        raise InvalidRequest.of("reason", f"must have 1 to {REASON_CHARS_MAX} characters")
