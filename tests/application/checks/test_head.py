"""The head of the log and the positions of processes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from application.checks.checker import check_log
from application.checks.head import check_head
from tests.support.damaged_logs import events
from tests.support.ledger_fixture import LedgerFixture


def test_the_head_and_the_processes_agree_with_the_last_event(ledger: LedgerFixture) -> None:
    events_ = events(ledger)
    log = check_log(events_)[0].log
    last, at = len(events_), events_[-1].recorded_at

    def wrong(position: int, when: Any, **processes: int) -> list[int]:
        return [one.position for one in check_head(log, (position, when), processes)]

    assert wrong(last, at, expiry=last) == []
    assert wrong(last + 5, at) == [last + 1]
    assert wrong(last - 2, at) == [last - 1]
    assert wrong(last, at + timedelta(days=400)) == [last]
    assert wrong(last, None) == [last]
    assert wrong(last, at, expiry=last + 1, other=0) == [last + 1]
    assert [one.position for one in check_head(log, None, {})] == [last]
