"""Rows of read models."""

from __future__ import annotations

from types import SimpleNamespace

from application.checks.checker import check_log
from application.checks.read_models import check_sessions, check_wallet_payments
from domain import ids
from tests.support.damaged_logs import events
from tests.support.ledger_fixture import LedgerFixture


def test_rows_of_sessions_must_equal_the_events(ledger: LedgerFixture) -> None:
    checker, _ = check_log(events(ledger))
    rows = [
        SimpleNamespace(
            session_id=one.session_id, merchant_id=one.merchant_id, order_id=one.order_id,
            amount_minor=one.amount_minor, currency=one.currency, expires_at=one.expires_at,
            status=one.status, version=one.version, position=one.position,
            paid_wallet_id=one.payer,
        )
        for one in checker.sessions.facts.values()
    ]  # fmt: skip

    assert check_sessions(checker, rows) == []
    assert len(check_sessions(checker, rows[1:])) == 1
    rows[0].amount_minor += 1
    [violation] = check_sessions(checker, rows)
    assert (violation.invariant, violation.position) == (
        "rows-equal-the-fold",
        checker.log.position,
    )


def test_rows_of_wallet_payments_must_equal_the_events(ledger: LedgerFixture) -> None:
    checker, _ = check_log(events(ledger))
    rows = [
        SimpleNamespace(
            session_id=ids.encode("ps", one.session_id), wallet_id=one.payer,
            merchant_id=one.merchant_id, amount_minor=one.amount_minor, currency=one.currency,
            position=one.paid_position,
        )
        for one in checker.sessions.facts.values()
        if one.payer
    ]  # fmt: skip

    assert check_wallet_payments(checker, rows) == []
    assert len(check_wallet_payments(checker, [])) == 1
    rows[0].position += 1
    assert len(check_wallet_payments(checker, rows)) == 1
