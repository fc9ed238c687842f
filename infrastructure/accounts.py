"""Merchants, wallet apps and API keys, administered on one log."""

from __future__ import annotations

import os
import pwd
import secrets
from typing import Final
from uuid import UUID

from uuid_utils.compat import uuid7

from application.bus import Bus
from application.clock_guard import ClockState
from application.command import Command, Envelope, Outcome
from application.commands.advance_clock import AdvanceClock
from application.commands.issue_key import IssueKey
from application.commands.open_wallet import OpenWallet
from application.commands.register_merchant import RegisterMerchant
from application.commands.register_wallet_app import RegisterWalletApp
from application.commands.revoke_key import RevokeKey
from application.commands.top_up_wallet import TopUpWallet
from application.reader import Reader
from domain import ids, text
from domain.merchants.api_key import SECRET_BYTES, ApiKey, BearerKey, Role
from domain.merchants.merchant import Merchant
from domain.money.currencies import CURRENCIES
from domain.money.money import Money
from infrastructure.event_store.postgres_log import PostgresLog

USER_CHARS_MAX: Final = 100


def command_line_actor() -> str:
    """Who acts on the command line: `cli:` and the user of the operating system.

    The user is the process's real one, not what the environment says.
    """
    user_id = os.getuid()
    try:
        name = pwd.getpwuid(user_id).pw_name
    except KeyError:  # a container's user without an entry
        name = str(user_id)
    return f"cli:{text.replace_unacceptable(name)[:USER_CHARS_MAX]}"


class AccountAdmin:
    """Sends the operator's commands."""

    actor = command_line_actor()
    """Recorded with every command."""

    def __init__(self, log: PostgresLog, bus: Bus, mode: str) -> None:
        self._event_log = log
        self._bus = bus
        self._mode = mode

    def clock_state(self) -> ClockState:
        """The state of the log's clock."""
        return self._event_log.clock_state()

    def send(self, command: Command, command_id: UUID | None = None) -> Outcome:
        """Execute a command; under an id of the caller's it is recorded once."""
        return self._bus.send(
            Envelope(command=command, command_id=command_id or uuid7(), actor=self.actor)
        )

    def advance_clock(self, seconds: int) -> Outcome:
        """Advance the test clock.

        Raises:
            LedgerError: see `AdvanceClock.decide`.
        """
        return self.send(AdvanceClock(seconds=seconds, mode=self._mode))

    def register_merchant(self, name: str, hosts: tuple[str, ...]) -> str:
        """Register a merchant; returns its id."""
        merchant_id = uuid7()
        self.send(RegisterMerchant(merchant_id=merchant_id, name=name, return_hosts=hosts))
        return ids.encode("mer", merchant_id)

    def merchant(self, merchant_id: UUID) -> Merchant:
        """A merchant as it stands.

        Raises:
            NotFound: there is no such merchant.
        """
        return Reader(self._event_log).get(Merchant, merchant_id, "merchant").state

    def register_app(self, name: str) -> str:
        """Register a wallet app; returns its id."""
        app_id = uuid7()
        self.send(RegisterWalletApp(wallet_app_id=app_id, name=name))
        return ids.encode("app", app_id)

    def issue_key(self, role: Role, holder: str = "") -> BearerKey:
        """Issue an API key.

        Raises (checked in this order):
            InvalidRequest: the holder's id is malformed.
            NotFound: there is no such holder.
            KeyLimit: the holder has two active keys.
        """
        holder_id = holder if role.holder_prefix else role.value
        active = tuple(
            key.id
            for key in self.all_keys()
            if (key.role, key.holder_id) == (role, holder_id) and not key.revoked
        )
        random = secrets.token_bytes(SECRET_BYTES)
        key = BearerKey.make(mode=self._mode, role=role, key_id=uuid7(), random=random)
        self.send(IssueKey(key=key, holder_id=holder_id, known_keys=active))
        return key

    def all_keys(self) -> list[ApiKey]:
        """Every key ever issued, oldest first."""
        keys: dict[UUID, ApiKey] = {}
        for recorded in self._event_log.of_topics(("key.issued", "key.revoked")):
            key = keys.get(recorded.stream_id)
            keys[recorded.stream_id] = recorded.event.mutate(key)  # type: ignore[assignment]
        return list(keys.values())


class DemoAdmin(AccountAdmin):
    """Sends the demo's commands, recorded with an actor of their own."""

    actor = "demo"

    def revoke_old_keys(self) -> None:
        """Revoke the keys that earlier runs of the demo issued."""
        issued = self._event_log.of_topics(("key.issued",))
        own = {recorded.stream_id for recorded in issued if recorded.actor == self.actor}
        for key in self.all_keys():
            if key.id in own and not key.revoked:
                self.send(RevokeKey(key_id=key.id))

    def open_wallet(self, app: str, funds: Money) -> str:
        """Open a funded wallet of a wallet app; returns its id."""
        wallet_id = uuid7()
        currency = CURRENCIES[funds.currency]
        self.send(OpenWallet(wallet_id=wallet_id, wallet_app_id=app, currency=currency))
        self.send(TopUpWallet(wallet_id=wallet_id, amount=funds, reference="demo funds"))
        return ids.encode("wal", wallet_id)
