"""Commands and their receipts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from application.checks.checker import check_log
from application.event_log import Receipt
from tests.support.damaged_logs import broken, events, find, receipts
from tests.support.ledger_fixture import LedgerFixture


def test_every_command_needs_the_receipt_of_its_events(ledger: LedgerFixture) -> None:
    log, stored = events(ledger), receipts(ledger)
    index = next(n for n, one in enumerate(stored) if one.first_position is not None)
    receipt = stored[index]

    assert broken(log, [*stored[:index], *stored[index + 1 :]]) == {"receipts-agree"}
    stored[index] = Receipt(receipt.command_id, b"", 1000, 1001, receipt.recorded_at, None, 0, None)
    assert broken(log, stored) == {"receipts-agree"}


def test_a_receipt_without_events_or_key_is_reported(ledger: LedgerFixture) -> None:
    log, stored = events(ledger), receipts(ledger)
    empty = Receipt(log[0].event_id, b"", None, None, log[0].recorded_at, None, 0, None)

    assert broken(log, [*stored, empty]) == {"receipts-agree"}


def test_a_receipt_with_another_time_is_reported_at_its_events(ledger: LedgerFixture) -> None:
    log, stored = events(ledger), receipts(ledger)
    paid = log[find(log, "payment_session.paid")]
    index = next(n for n, one in enumerate(stored) if one.command_id == paid.command_id)
    later = stored[index].recorded_at + timedelta(seconds=1)
    stored[index] = replace(stored[index], recorded_at=later)

    violations = check_log(log, stored)[1]

    assert [(one.invariant, one.position) for one in violations] == [
        ("times-agree", stored[index].first_position)
    ]


def test_events_of_one_command_share_their_time(ledger: LedgerFixture) -> None:
    log = events(ledger)
    index = find(log, "payment_session.paid")
    assert log[index].command_id == log[index - 1].command_id
    later = log[index].recorded_at + timedelta(microseconds=1)
    log[index] = log[index]._replace(recorded_at=later)

    violations = check_log(log)[1]

    assert ("times-agree", index + 1) in {(one.invariant, one.position) for one in violations}


def test_a_command_that_is_interrupted_by_another_is_reported(ledger: LedgerFixture) -> None:
    log = events(ledger)
    log[-1] = log[-1]._replace(command_id=log[0].command_id)

    assert "receipts-agree" in broken(log)
