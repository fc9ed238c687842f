"""The operator takes on merchants and wallet apps, and gives out keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from eventsourcing.domain import Aggregate

from application.command import Command, Loaded
from domain.merchants.api_key import ApiKey, BearerKey
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
    holder_stream: UUID | None = None

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The holder, where the role has one."""
        return (self.holder_stream,) if self.holder_stream else ()


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

    Raises:
        NotFound: no such holder.
    """
    if command.holder_stream is not None:
        loaded.get(Aggregate, command.holder_stream, "holder")
    return [ApiKey.issue(key=command.key, holder_id=command.holder_id, at=loaded.now)]


def revoke_key(command: RevokeKey, loaded: Loaded) -> Sequence[Aggregate]:
    """Decide `RevokeKey`; a second revocation changes nothing.

    Raises:
        NotFound: no such key.
    """
    key = loaded.get(ApiKey, command.key_id, "key")
    key.revoke(at=loaded.now)
    return [key]
