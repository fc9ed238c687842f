"""Recorded refusals: bounded, once for each command, and true of the version that they name."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from application.command import Command, Envelope
from application.commands.pay_session import PaySession
from application.commands.record_refusal import RecordRefusal
from application.commands.scan_session import ScanSession
from domain import ids
from domain.sessions.refusals import Action
from tests.support.damaged_logs import (
    Damage,
    Log,
    broken,
    changed,
    events,
    find,
    renumber,
    without,
)
from tests.support.ledger_fixture import LedgerFixture, envelope
from tests.support.memory_log import MemoryLog

OTHER = "wal_01h455vb4pex5vsknk084sn02q"
BOUNDED, LAWFUL = "refusals-bounded", "refusals-lawful"


def recording(command: Command) -> Envelope:
    assert isinstance(command, ScanSession | PaySession)
    refused = envelope(command)
    record = RecordRefusal(
        refused=command,
        refused_command_id=refused.command_id,
        answered_code="claim-required",
        action=Action.SCAN if isinstance(command, ScanSession) else Action.PAY,
        session_id=command.session_id,
        wallet_id=command.wallet_id,
        wallet_app_id=command.wallet_app_id,
    )
    command_id = ids.derive("refusal", refused.command_id.bytes)
    return Envelope(command=record, command_id=command_id, actor="test")


@pytest.fixture
def ledger() -> LedgerFixture:
    """One refusal of each kind: claimed, taken over, paid by another; in another session, late."""
    ledger = LedgerFixture(log := MemoryLog())
    first, second = ledger.open_wallet(), ledger.open_wallet()
    paid, late = ledger.create_session(), ledger.create_session()
    lost = ledger.claim_session(paid, first)
    ledger.bus.send(recording(ledger.scan(paid, second)))
    log.advance(100)
    claim = ledger.claim_session(paid, second)
    ledger.bus.send(recording(ledger.pay(paid, first, lost)))
    ledger.send(ledger.pay(paid, second, claim))
    ledger.bus.send(recording(ledger.pay(paid, first, lost)))
    log.advance(900)
    ledger.bus.send(recording(ledger.pay(late, second, claim)))
    return ledger


def test_a_sound_log_breaks_nothing(ledger: LedgerFixture) -> None:
    refusals: list[Any] = [one.event for one in events(ledger) if one.topic == "refusal.recorded"]
    codes = [one.code for one in refusals]

    assert codes == ["session-claimed", "claim-required", "session-not-payable", "session-expired"]
    assert broken(events(ledger)) == set()


def repeated(times: int) -> Damage:
    """The first refusal again and again, each of another refused command."""

    def damage(log: Log) -> Log:
        at = find(log, "refusal.recorded")
        return renumber([*log[:at], *[log[at]] * times, *log[at:]])

    return damage


def of_the_claimant(code: str) -> Damage:
    """The first refusal is that of the wallet that held the claim."""

    def damage(log: Log) -> Log:
        claimant: Any = log[find(log, "payment_session.scanned")].event
        return changed("refusal.recorded", wallet_id=claimant.wallet_id, code=code)(log)

    return damage


@pytest.mark.parametrize(
    ("damage", "invariant"),
    [
        (changed("refusal.recorded", wallet_id=OTHER, code="session-expired"), LAWFUL),
        (changed("refusal.recorded", code="claim-needed"), LAWFUL),
        (changed("refusal.recorded", session_version=9), LAWFUL),
        (changed("refusal.recorded", session_status="created"), LAWFUL),
        (changed("refusal.recorded", session_id="ps_01h455vb4pex5vsknk084sn02q"), LAWFUL),
        (changed("refusal.recorded", refused_command_id=str(UUID(int=1))), LAWFUL),
        (without("payment_session.created"), LAWFUL),
        (of_the_claimant("claim-required"), LAWFUL),
        (of_the_claimant("session-claimed"), LAWFUL),
        (changed("refusal.recorded", code="session-not-payable"), LAWFUL),
        (repeated(1), BOUNDED),
        (repeated(3), BOUNDED),
    ],
)
def test_a_damaged_log_is_reported(ledger: LedgerFixture, damage: Damage, invariant: str) -> None:
    assert invariant in broken(damage(events(ledger)))
