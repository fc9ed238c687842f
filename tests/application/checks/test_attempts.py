"""Attempts and suspense: every damage is found by its invariant."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from application.commands.close_dispute import CloseDispute
from application.commands.open_dispute import OpenDispute
from application.commands.receive_settlement import ReceiveSettlement
from application.commands.request_suspense_return import RequestSuspenseReturn
from application.commands.return_suspense import ReturnSuspense
from domain.money.money import Money
from domain.processors.suspense import Suspense
from tests.support.attempts import (
    ACCEPT,
    ACCEPT_LATE,
    ATTEMPT_IDS,
    DECLINE,
    ENABLE,
    START,
    START_HELD,
    capture,
)
from tests.support.damaged_logs import Damage, Log, broken, changed, twice, without
from tests.support.given import CREATE, HOLDERS, OPEN, SCAN, SESSION_ID, TOP_UP, Scenario, given

SETTLE = ReceiveSettlement(
    processor="sandbox", reference="po_1", currency="USD", gross_minor=1000, fee_minor=30,
    received_minor=960,
)  # fmt: skip
DISPUTE = {"session_id": SESSION_ID, "reference": "dp-1", "money": Money(300, "USD")}


def numbered(command: Any, number: int) -> Any:
    return replace(command, attempt_id=ATTEMPT_IDS[number])


def history() -> Scenario:
    """Too little, a decline with late money that is accepted, a second capture, a dispute."""
    second = replace(capture(1000, reference="ref-2"), attempt_id=ATTEMPT_IDS[1])
    suspense_id = Suspense.stream_id("sandbox", "ref-1")
    return given(
        *HOLDERS, ENABLE, OPEN, TOP_UP, CREATE,
        START, ACCEPT, capture(999), ReturnSuspense(suspense_id=suspense_id),
        numbered(START, 1), numbered(DECLINE, 1), second,
        SCAN, numbered(START_HELD, 2), numbered(DECLINE, 2),
        ACCEPT_LATE, replace(second, reference="ref-3"),
        OpenDispute(**DISPUTE), CloseDispute(**DISPUTE, won=True), SETTLE,  # type: ignore[arg-type]
        RequestSuspenseReturn(suspense_id=suspense_id),
    )  # fmt: skip


@pytest.fixture(scope="module")
def log() -> Log:
    return list(history().log.events)


def test_an_undamaged_log_breaks_no_invariant(log: Log) -> None:
    topics = {one.topic for one in log}

    assert broken(log) == set()
    assert {
        "payment_session.declined", "payment_session.flagged", "suspense.accepted",
        "suspense.returned", "dispute.won", "settlement.received", "wallet.released",
    } <= topics  # fmt: skip


@pytest.mark.parametrize(
    ("damage", "invariant"),
    [
        (twice("payment_session.processing"), "one-open-attempt"),
        (without("payment_session.declined"), "one-open-attempt"),
        (twice("payment_session.declined"), "one-open-attempt"),
        (without("payment_session.processing"), "one-open-attempt"),
        (changed("payment_session.declined", session_status="paid"), "legal-transitions"),
        (changed("payment_session.flagged", session_status="paid"), "legal-transitions"),
        (changed("payment_session.processing", amount_minor=1), "money-conserved"),
        (without("wallet.held"), "money-conserved"),
        (without("wallet.released"), "money-conserved"),
        (without("suspense.received"), "suspense-explained"),
        (twice("suspense.received"), "suspense-explained"),
        (changed("suspense.received", amount_minor=998), "suspense-explained"),
        (changed("payment_session.flagged", captured_minor=998), "suspense-explained"),
        (changed("suspense.returned", amount_minor=998), "suspense-explained"),
        (twice("suspense.returned"), "suspense-explained"),
        (without("suspense.return_requested"), "suspense-explained"),
        (without("suspense.accepted"), "one-open-attempt"),
        (changed("settlement.received", difference_minor=0), "receivable-explained"),
        (changed("dispute.opened", merchant_minor=299), "refunds-within-paid"),
        (changed("dispute.won", disputed_minor=1), "refunds-within-paid"),
        (twice("dispute.opened"), "refunds-within-paid"),
        (without("payable.restored"), "one-restore-per-debit"),
    ],
)  # fmt: skip
def test_every_damage_is_found(log: Log, damage: Damage, invariant: str) -> None:
    assert invariant in broken(damage(list(log)))
