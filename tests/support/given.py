"""`given(commands).when(command).then(events or refusal)`; payloads are compared.

The constants are commands of one merchant and one wallet app; vary them with `dataclasses.replace`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from application.bus import Bus
from application.command import Command, Envelope, Outcome
from application.commands.cancel_session import CancelSession
from application.commands.create_session import CreateSession
from application.commands.expire_session import ExpireSession
from application.commands.open_wallet import OpenWallet
from application.commands.pay_session import PaySession
from application.commands.register_merchant import RegisterMerchant
from application.commands.register_wallet_app import RegisterWalletApp
from application.commands.release_claim import ReleaseClaim
from application.commands.scan_session import ScanSession
from application.commands.top_up_wallet import TopUpWallet
from application.event_log import AppendRequest, Recorded
from domain import ids, times
from domain.errors import LedgerError
from domain.money.currencies import CURRENCIES
from domain.money.money import Money
from domain.sessions.order import Order
from domain.wallets.top_up_reference import TopUpReference
from tests.support.memory_log import START, MemoryLog

PUBLIC_URL = "https://pay.example"
PRICE = Money(1000, "USD")
MERCHANT_ID, APP_ID, WALLET_ID, OTHER_WALLET_ID, SESSION_ID, CLAIM_ID = (
    UUID(f"01890a5d-ac96-774b-bcce-b3020000000{number}") for number in range(6)
)
MERCHANT, APP = ids.encode("mer", MERCHANT_ID), ids.encode("app", APP_ID)
WALLET, OTHER_WALLET = ids.encode("wal", WALLET_ID), ids.encode("wal", OTHER_WALLET_ID)
SESSION, CLAIM = ids.encode("ps", SESSION_ID), ids.encode("clm", CLAIM_ID)
ORDER_ID = Order.stream_id(MERCHANT, "A-1")
REFERENCE_ID = TopUpReference.stream_id(WALLET_ID, "funds")
NOBODY = UUID("01890a5d-ac96-774b-bcce-b302000000ff")

HOLDERS = (
    RegisterMerchant(merchant_id=MERCHANT_ID, name="Cafe", return_hosts=("shop.example",)),
    RegisterWalletApp(wallet_app_id=APP_ID, name="App"),
)
OPEN = OpenWallet(wallet_id=WALLET_ID, wallet_app_id=APP, currency=CURRENCIES["USD"])
OPEN_OTHER = OpenWallet(wallet_id=OTHER_WALLET_ID, wallet_app_id=APP, currency=CURRENCIES["USD"])
TOP_UP = TopUpWallet(wallet_id=WALLET_ID, amount=Money(5000, "USD"), reference="funds")
CREATE = CreateSession(session_id=SESSION_ID, merchant_id=MERCHANT_ID, order_id="A-1", amount=PRICE)
SCAN = ScanSession(
    session_id=SESSION_ID,
    wallet_id=WALLET_ID,
    wallet_app_id=APP,
    claim_id=CLAIM_ID,
    lease_seconds=90,
)
PAY = PaySession(
    session_id=SESSION_ID, wallet_id=WALLET_ID, wallet_app_id=APP, claim_id=CLAIM, amount=PRICE
)
CANCEL = CancelSession(session_id=SESSION_ID, merchant_id=MERCHANT)
EXPIRE = ExpireSession(session_id=SESSION_ID)
RELEASE = ReleaseClaim(session_id=SESSION_ID, wallet_app_id=APP)


@dataclass(frozen=True)
class Elapsed:
    """Seconds that pass before the next command."""

    seconds: float


@dataclass(frozen=True)
class Expected:
    """An event: its class, its stream and its own fields."""

    kind: type[Any]
    stream_id: UUID
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Refused:
    """A refusal: its code and its facts."""

    code: str
    facts: Mapping[str, Any]


def event(kind: type[Any], stream_id: UUID, /, **fields: Any) -> Expected:
    """Expect an event with exactly these fields."""
    return Expected(kind, stream_id, fields)


def refused(code: str, **facts: Any) -> Refused:
    """Expect a refusal with exactly these facts."""
    return Refused(code, facts)


def at(seconds: float) -> str:
    """The ledger's time so many seconds after the start, as events store it."""
    return times.to_text(START + timedelta(seconds=seconds))


def given(*steps: Command | Elapsed | AppendRequest) -> Scenario:
    """A new ledger after these commands, none of which may be refused."""
    scenario = Scenario()
    for step in steps:
        scenario.run(step)
    return scenario


class Scenario:
    """A ledger in memory before and after a command."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.bus = Bus(self.log)
        self.result: Outcome | LedgerError | None = None
        self._head = 0

    def run(self, step: Command | Elapsed | AppendRequest) -> None:
        """Send a command, let time pass, or append events as they are."""
        if isinstance(step, Elapsed):
            self.log.advance(step.seconds)
        elif isinstance(step, AppendRequest):
            self.log.append([step])
        else:
            self.bus.send(_envelope(step))

    def when(self, command: Command) -> Scenario:
        """Send the command."""
        self._head = self.log.head()
        [self.result] = self.bus.send_all([_envelope(command)])
        return self

    def then(self, *expected: Expected | Refused) -> Scenario:
        """Expect exactly these events in one append, or one refusal and no event."""
        recorded = self.log.events[self._head :]
        actual: list[Expected | Refused] = [_describe(one, self.log.now()) for one in recorded]
        if isinstance(self.result, LedgerError):
            actual.append(Refused(self.result.code, self.result.facts))
        assert actual == list(expected)
        assert len({one.command_id for one in recorded}) <= 1
        if recorded and isinstance(self.result, Outcome):
            assert self.result.position == self.log.head()
            assert self.result.recorded_at == self.log.now()
        return self

    def then_invalid(self, field: str) -> Scenario:
        """Expect that this field is refused as invalid, and no event."""
        assert isinstance(self.result, LedgerError)
        assert [param["name"] for param in self.result.facts["invalid_params"]] == [field]  # type: ignore[index,union-attr]
        return self.then(refused("invalid-request", **self.result.facts))

    @property
    def subject(self) -> Any:
        """The aggregate that the response shows."""
        assert isinstance(self.result, Outcome)
        return self.result.subject


def _envelope(command: Command) -> Envelope:
    return Envelope(command=command, command_id=uuid7(), actor="test")


def _describe(recorded: Recorded, now: datetime) -> Expected:
    event = recorded.event
    assert event.timestamp == now
    fields = {name: value for name, value in vars(event).items() if name not in _ENVELOPE}
    return Expected(type(event), recorded.stream_id, fields)


_ENVELOPE = {"originator_id", "originator_version", "originator_topic", "timestamp"}
