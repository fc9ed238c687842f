"""The operator issues an API key."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain import ids
from domain.merchants.api_key import ApiKey, BearerKey, Role
from domain.merchants.key_ring import KeyRing
from domain.merchants.merchant import Merchant
from domain.wallets.wallet_app import WalletApp


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueKey(Command):
    """Issue a key; only the hash of its secret is recorded."""

    key: BearerKey
    holder_id: str
    """The id of a merchant or wallet app; for other roles the role's name."""
    known_keys: tuple[UUID, ...] = ()
    """The holder's active keys as the caller has read them. A key ring lists only keys that were
    issued since key rings exist; some ledgers are older."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The key ring, the holder where the role has one, and the keys known to the caller."""
        holder = self.holder_stream
        return (self.ring_stream, *([holder] if holder else []), *self.known_keys)

    @property
    def writes(self) -> tuple[UUID, ...]:
        """The key ring; the other streams are only read."""
        return (self.ring_stream,)

    @property
    def ring_stream(self) -> UUID:
        """The key ring of the role and holder."""
        return KeyRing.stream_id(self.key.role, self.holder_id)

    @property
    def holder_stream(self) -> UUID | None:
        """The holder's stream; None if the role has no holder or `holder_id` is not valid."""
        prefix = self.key.role.holder_prefix
        try:
            return ids.decode(prefix, self.holder_id) if prefix else None
        except ValueError:
            return None

    def decide(self, loaded: Loaded) -> Decision:
        """Issue the key and add it to the holder's key ring.

        Raises (checked in this order):
            InvalidRequest: a key of this role cannot have this holder.
            NotFound: there is no such holder.
            KeyLimit: the holder already has two active keys of this role.
        """
        key = ApiKey.issue(key=self.key, holder_id=self.holder_id, at=loaded.now)
        if self.holder_stream is not None:
            kind = Merchant if key.role is Role.MERCHANT else WalletApp
            loaded.get(kind, self.holder_stream, "holder")
        ring = loaded.find(KeyRing, self.ring_stream)
        known = {
            *self.known_keys,
            *(ids.decode("key", key_id) for key_id in (ring.living if ring else ())),
        }
        keys = (loaded.find(ApiKey, stream) for stream in sorted(known))
        others = {other.public_id: other for other in keys if other is not None}
        if ring is None:
            ring = KeyRing.open(key=key, others=others, at=loaded.now)
        else:
            ring.add(key=key, others=others, at=loaded.now)
        return Decision(key, [ring, key])
