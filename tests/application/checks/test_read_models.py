"""Rows of read models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from application.checks.checker import LogChecker, check_log
from application.checks.read_models import (
    JournalRowCheck,
    check_attempts,
    check_balances,
    check_refunds,
    check_sessions,
    check_wallet_payments,
)
from application.checks.violation import Violation
from application.commands.flag_refund import FlagRefund
from domain import ids
from domain.accounting import chart
from domain.accounting.rules import postings
from tests.application.commands.test_processor_refunds import PAID, REFUND
from tests.support.damaged_books import ledger_with_every_movement
from tests.support.damaged_logs import Log, events
from tests.support.given import NOBODY, SESSION_ID, given
from tests.support.ledger_fixture import LedgerFixture

PAYER = ("payer_amount_minor", "payer_currency", "payer_exponent", "spread_minor")


def test_rows_of_sessions_must_equal_the_events(ledger: LedgerFixture) -> None:
    checker, _ = check_log(events(ledger))
    rows = [
        SimpleNamespace(
            session_id=one.session_id, merchant_id=one.merchant_id, order_id=one.order_id,
            amount_minor=one.amount_minor, currency=one.currency, expires_at=one.expires_at,
            status=one.status, version=one.version, position=one.position,
            paid_wallet_id=one.payer, fee_minor=one.fee_minor, refunded_minor=one.refunded_minor,
            disputed_minor=one.disputed_minor, flags_json=one.flags_json,
            **dict(zip(PAYER, one.payer_amount, strict=True)),
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


def test_rows_of_balances_must_equal_the_books() -> None:
    checker, _ = check_log(events(ledger_with_every_movement()))
    books = checker.books
    rows = [
        SimpleNamespace(
            account=account, currency=currency, exponent=books.exponents[account, currency],
            balance_minor=minor, earned_minor=books.earned.get((account, currency), 0),
        )
        for (account, currency), minor in books.balances.items()
    ]  # fmt: skip

    assert check_balances(checker, rows) == []
    assert len(check_balances(checker, rows[1:])) == 1
    rows[0].earned_minor += 1
    [violation] = check_balances(checker, rows)
    assert (violation.invariant, violation.position) == (
        "rows-equal-the-fold",
        checker.log.position,
    )


def open_rows(checker: LogChecker, prefix: str, key: str) -> list[Any]:
    return [
        SimpleNamespace(
            session_id=one.session_id, begun_position=one.begun_position, position=one.position,
            is_open=one.is_open, unresolved=one.unresolved, **{key: ids.decode(prefix, name)},
        )
        for name, one in checker.open_subjects.of(f"{prefix}_").items()
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("compare", "prefix", "key"),
    [(check_attempts, "att", "attempt_id"), (check_refunds, "ref", "refund_id")],
)
def test_rows_of_attempts_and_refunds_must_equal_the_events(
    compare: Callable[[LogChecker, list[Any]], list[Violation]], prefix: str, key: str
) -> None:
    scenario = given(*PAID, REFUND, FlagRefund(session_id=SESSION_ID, refund_id=NOBODY))
    checker, _ = check_log(scenario.log.events)
    [row] = rows = open_rows(checker, prefix, key)

    assert (row.is_open, row.unresolved) == (prefix == "ref", prefix == "ref")
    assert compare(checker, rows) == []
    assert len(compare(checker, [])) == 1
    for column in ("begun_position", "position", "is_open", "unresolved", "session_id"):
        wrong = SimpleNamespace(**{**vars(row), column: "other"})
        [violation] = compare(checker, [wrong])
        assert violation.invariant == "rows-equal-the-fold"


@pytest.fixture(scope="module")
def log() -> Log:
    return events(ledger_with_every_movement())


def journal_of(log: Log) -> list[Any]:
    """The rows of the journal, made by the rules."""
    balances: Counter[tuple[str, str]] = Counter()
    rows = []
    for recorded in log:
        for no, posting in enumerate(postings(recorded.event), 1):
            kind, _ = chart.parse(posting.account)
            key = (posting.account, posting.currency)
            balances[key] += (
                posting.minor if posting.side is kind.kind.normal_side else -posting.minor
            )
            rows.append(
                SimpleNamespace(
                    position=recorded.position, no=no, recorded_at=recorded.recorded_at,
                    type=recorded.topic, stream_id=recorded.stream_id, event_id=recorded.event_id,
                    account=posting.account, side=posting.side.value, minor=posting.minor,
                    currency=posting.currency, exponent=posting.exponent,
                    balance_minor=balances[key],
                )
            )  # fmt: skip
    return rows


def compare_journal(log: Log, rows: list[Any], *, up_to: int | None = None) -> list[Violation]:
    """What is found if the journal has these rows at a position."""
    position = up_to or len(log)
    checker, journal = LogChecker(), JournalRowCheck(rows)
    for recorded in log:
        checker.observe(recorded)
        if recorded.position <= position:
            journal.observe(recorded, checker.books.changes_at(recorded.position))
    journal.finish(position)
    return journal.violations


def test_rows_of_the_journal_must_equal_the_books(log: Log) -> None:
    rows = journal_of(log)

    assert compare_journal(log, rows) == []
    behind = [row for row in rows if row.position <= 30]
    assert compare_journal(log, behind, up_to=30) == []
    assert compare_journal(log, rows, up_to=30)[0].position == 30
    assert compare_journal(log, [])[0].position == rows[0].position


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("minor", 1), ("minor", 0), ("side", "credit"), ("account", "fees"), ("currency", "EUR"),
        ("exponent", 3), ("balance_minor", 0), ("no", 9), ("type", "x"), ("stream_id", None),
        ("event_id", None), ("position", 1),
    ],
)  # fmt: skip
def test_a_changed_row_of_the_journal_is_reported(log: Log, field: str, value: object) -> None:
    rows = journal_of(log)
    changed = rows[4]
    assert changed.side == "debit"
    position = changed.position
    setattr(changed, field, value)

    [violation] = compare_journal(log, rows)

    assert violation.invariant == "rows-equal-the-fold"
    assert violation.position <= position


@pytest.mark.parametrize("index", [0, 4, 11, -1])
def test_a_missing_row_or_one_too_many_is_reported(log: Log, index: int) -> None:
    rows = journal_of(log)

    assert len(compare_journal(log, [row for row in rows if row is not rows[index]])) == 1
    assert (
        len(compare_journal(log, sorted([*rows, rows[index]], key=lambda row: row.position))) == 1
    )
