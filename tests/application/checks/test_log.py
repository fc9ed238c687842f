"""Positions, versions, times and unreadable events."""

from __future__ import annotations

from datetime import timedelta

import pytest

from application.checks.checker import check_log
from tests.support.damaged_logs import Damage, Log, broken, events, find, moved, receipts, replaced
from tests.support.ledger_fixture import LedgerFixture


def remove_third(log: Log) -> Log:
    return log[:2] + log[3:]


def skip_a_version(log: Log) -> Log:
    return replaced(find(log, "wallet.topped_up"), version=3)(log)


def last_is_earliest(log: Log) -> Log:
    return replaced(-1, recorded_at=log[0].recorded_at)(log)


def test_an_undamaged_log_breaks_no_invariant(ledger: LedgerFixture) -> None:
    checker, violations = check_log(events(ledger), receipts(ledger))

    assert violations == []
    assert checker.log.position == len(events(ledger))
    assert checker.log.recorded_at == events(ledger)[-1].recorded_at
    assert checker.books.balances["bank:safeguarded", "USD"] == 10_000
    wallets = [wallet.available_minor for wallet in checker.wallets.facts.values()]
    assert sorted(wallets) == [4000, 5000]
    assert checker.commands.count == len({one.command_id for one in events(ledger)})


@pytest.mark.parametrize(
    ("damage", "invariant"),
    [
        (remove_third, "gapless-positions"),
        (last_is_earliest, "time-never-back"),
        (skip_a_version, "contiguous-versions"),
        (replaced(0, topic="merchant.event"), "known-topics"),
        (replaced(0, state=b"{"), "known-topics"),
        (moved("merchant.registered", 86_401), "times-agree"),
    ],
)
def test_a_damaged_log_is_reported(ledger: LedgerFixture, damage: Damage, invariant: str) -> None:
    assert invariant in broken(damage(events(ledger)))


def test_a_violation_names_the_position(ledger: LedgerFixture) -> None:
    log = events(ledger)
    log[4] = log[4]._replace(recorded_at=log[4].recorded_at - timedelta(days=1))

    found = [one for one in check_log(log)[1] if one.invariant == "time-never-back"]

    assert [violation.position for violation in found] == [5]
    assert str(found[0]).startswith("time-never-back at position 5: ")


def test_the_pass_continues_after_an_unreadable_event(ledger: LedgerFixture) -> None:
    log = events(ledger)
    log[0] = log[0]._replace(state=b"{")
    log[-1] = log[-1]._replace(position=1000)

    found = [(one.invariant, one.position) for one in check_log(log)[1]]

    assert found == [("known-topics", 1), ("gapless-positions", 1000)]
