"""The operator takes on merchants and wallet apps, and gives out keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from eventsourcing.domain import Aggregate

from application.command import Command, Loaded
from domain import ids
from domain.merchants.api_key import ApiKey, BearerKey, Role
from domain.merchants.key_ring import KeyRing
from domain.merchants.merchant import Merchant
from domain.wallets.wallet_app import WalletApp


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterMerchant(Command):
    """Take a merchant on."""

    merchant_id: UUID
    name: str
    return_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterWalletApp(Command):
    """Let a wallet app in."""

    wallet_app_id: UUID
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueKey(Command):
    """Give out a key; the secret itself goes no further than its hash."""

    key: BearerKey
    holder_id: str
    """A merchant's or wallet app's id, else the role's name."""
    known_keys: tuple[UUID, ...] = ()
    """The holder's keys that the caller saw living. A key ring knows those that were given out
    since there are key rings; ledgers are older than that."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The key ring, the holder, where the role has one, and the keys known to the caller."""
        holder = self.holder_stream
        return (self.ring_stream, *([holder] if holder else []), *self.known_keys)

    @property
    def writes(self) -> tuple[UUID, ...]:
        """The key ring; the others are only read."""
        return (self.ring_stream,)

    @property
    def ring_stream(self) -> UUID:
        """The ring of this role and holder."""
        return KeyRing.stream_id(self.key.role, self.holder_id)

    @property
    def holder_stream(self) -> UUID | None:
        """The holder's stream; None where the role has none, or for what is no holder's id."""
        prefix = self.key.role.holder_prefix
        try:
            return ids.decode(prefix, self.holder_id) if prefix else None
        except ValueError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeKey(Command):
    """Close a key."""

    key_id: UUID

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The key."""
        return (self.key_id,)


def register_merchant(command: RegisterMerchant, loaded: Loaded) -> Sequence[Aggregate]:
    """Decide `RegisterMerchant`."""
    merchant = Merchant.register(
        merchant_id=command.merchant_id,
        name=command.name,
        return_hosts=command.return_hosts,
        at=loaded.now,
    )
    return [merchant]


def register_wallet_app(command: RegisterWalletApp, loaded: Loaded) -> Sequence[Aggregate]:
    """Decide `RegisterWalletApp`."""
    return [
        WalletApp.register(wallet_app_id=command.wallet_app_id, name=command.name, at=loaded.now)
    ]


def issue_key(command: IssueKey, loaded: Loaded) -> Sequence[Aggregate]:
    """Decide `IssueKey`.

    Raises (checked in this order):
        InvalidRequest: the holder is not one that a key of this role can have.
        NotFound: no such holder.
        KeyLimit: the holder has two living keys of this role.
    """
    key = ApiKey.issue(key=command.key, holder_id=command.holder_id, at=loaded.now)
    if command.holder_stream is not None:
        kind = Merchant if key.role is Role.MERCHANT else WalletApp
        loaded.get(kind, command.holder_stream, "holder")
    ring = loaded.find(KeyRing, command.ring_stream)
    known = {
        *command.known_keys,
        *(ids.decode("key", one) for one in (ring.living if ring else ())),
    }
    found = (loaded.find(ApiKey, one) for one in sorted(known))
    others = {one.public_id: one for one in found if one is not None}
    if ring is None:
        ring = KeyRing.open(key=key, others=others, at=loaded.now)
    else:
        ring.add(key=key, others=others, at=loaded.now)
    return [ring, key]


def revoke_key(command: RevokeKey, loaded: Loaded) -> Sequence[Aggregate]:
    """Decide `RevokeKey`; a second revocation changes nothing.

    Raises:
        NotFound: no such key.
    """
    key = loaded.get(ApiKey, command.key_id, "key")
    key.revoke(at=loaded.now)
    return [key]
