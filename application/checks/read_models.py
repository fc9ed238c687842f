"""Rows of read models against the events they are made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from application.checks.checker import LogChecker
from application.checks.violation import Violation
from domain import ids
from domain.text import replace_unacceptable


def check_sessions(checker: LogChecker, rows: Iterable[Any]) -> list[Violation]:
    """Compare the rows of `sessions` with the events up to the checker's position."""
    columns = (
        "session_id", "merchant_id", "order_id", "amount_minor", "currency", "expires_at",
        "status", "version", "position",
    )  # fmt: skip
    expected = {
        session.session_id: (*(getattr(session, name) for name in columns), session.payer)
        for session in checker.sessions.facts.values()
    }
    found = {
        row.session_id: (*(getattr(row, name) for name in columns), row.paid_wallet_id)
        for row in rows
    }
    return _compare_rows("sessions", expected, found, checker.log.position)


def check_wallet_payments(checker: LogChecker, rows: Iterable[Any]) -> list[Violation]:
    """Compare the rows of `wallet_payments` with the events up to the checker's position."""
    expected = {
        ids.encode("ps", session.session_id): (
            session.payer, session.merchant_id, session.amount_minor, session.currency,
            session.paid_position,
        )
        for session in checker.sessions.facts.values()
        if session.payer is not None
    }  # fmt: skip
    found = {
        row.session_id: (
            row.wallet_id, row.merchant_id, row.amount_minor, row.currency, row.position,
        )
        for row in rows
    }  # fmt: skip
    return _compare_rows("wallet_payments", expected, found, checker.log.position)


def _compare_rows(
    name: str,
    expected: Mapping[Any, tuple[object, ...]],
    found: Mapping[Any, object],
    position: int,
) -> list[Violation]:
    # Old events may hold unacceptable text, which rows hold with replacement characters.
    expected = {
        key: tuple(
            replace_unacceptable(value) if isinstance(value, str) else value for value in values
        )
        for key, values in expected.items()
    }
    return [
        Violation(
            "rows-equal-the-fold",
            position,
            f"{name} {key}: row {found.get(key)}, events {expected.get(key)}",
        )
        for key in expected.keys() | found.keys()
        if expected.get(key) != found.get(key)
    ]
