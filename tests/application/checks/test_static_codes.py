"""Sessions of static codes: as the code says, none after it was revoked, one open per wallet."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.damaged_logs import (
    Damage,
    Log,
    broken,
    changed,
    events,
    find,
    renumber,
    rewrite,
    twice,
    without,
)
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog
from tests.support.static_codes import CodesFixture

OTHER = "sc_01h455vb4pex5vsknk084sn02q"
WALLET = "wal_01h455vb4pex5vsknk084sn02q"
PAYER, CODE = "one-session-per-payer", "codes-as-issued"


@pytest.fixture
def ledger() -> LedgerFixture:
    """Two sessions of one wallet by one code, the first one replaced, and the code revoked."""
    ledger = LedgerFixture(MemoryLog())
    codes, wallet = CodesFixture(ledger), ledger.open_wallet()
    code = codes.issue()
    ledger.send(codes.scan(code, wallet, 700))
    ledger.send(codes.scan(code, wallet, 800))
    ledger.send(codes.revoke(code))
    return ledger


def test_a_sound_log_breaks_nothing(ledger: LedgerFixture) -> None:
    assert broken(events(ledger)) == set()


def revoked_first(log: Log) -> Log:
    """The code is revoked before its sessions are recorded, at the time when they were decided."""
    revoked = log[find(log, "static_code.revoked")]
    others = [one for one in log if one is not revoked]
    at = find(others, "static_code.issued") + 1
    return renumber([*others[:at], revoked, *others[at:]])


def decided_after(log: Log) -> Log:
    """The same, and the first session was decided a second later."""
    log = revoked_first(log)
    first = find(log, "payment_session.created")
    later = log[first].event.timestamp + timedelta(seconds=1)
    return [*log[:first], rewrite(log[first], timestamp=later.isoformat()), *log[first + 1 :]]


@pytest.mark.parametrize(
    ("damage", "invariant"),
    [
        (without("payment_session.cancelled"), PAYER),
        (without("code_session.opened"), PAYER),
        (changed("code_session.opened", wallet_id=WALLET), PAYER),
        (changed("code_session.opened", static_code_id=OTHER), PAYER),
        (changed("payment_session.created", static_code_id=OTHER), CODE),
        (changed("payment_session.created", static_code_id=None), PAYER),
        (changed("payment_session.created", amount_minor=99), CODE),
        (changed("payment_session.created", amount_minor=5001), CODE),
        (changed("payment_session.created", currency="EUR"), CODE),
        (changed("payment_session.created", order_id="A-1"), CODE),
        (changed("static_code.issued", amount_minor=701), CODE),
        (changed("payment_session.scanned", wallet_id=WALLET), PAYER),
        (twice("static_code.issued"), CODE),
        (twice("static_code.revoked"), CODE),
        (without("static_code.issued"), CODE),
        (decided_after, CODE),
    ],
)
def test_a_damaged_log_is_reported(ledger: LedgerFixture, damage: Damage, invariant: str) -> None:
    assert invariant in broken(damage(events(ledger)))


def test_what_was_decided_before_the_revocation_may_be_recorded_after_it(
    ledger: LedgerFixture,
) -> None:
    assert broken(revoked_first(events(ledger))) == set()
