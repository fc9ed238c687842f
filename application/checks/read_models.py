"""Rows of read models against the fold of the log's events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from application.invariants import LogChecker, Violation
from domain import ids
from domain.text import shown


def check_sessions(checker: LogChecker, rows: Iterable[Any]) -> list[Violation]:
    """Rows of `sessions` against the fold of the events up to where the checker stands."""
    columns = (
        "session_id", "merchant_id", "order_id", "amount_minor", "currency", "expires_at",
        "status", "version", "position",
    )  # fmt: skip
    expected = {
        one.session_id: (*(getattr(one, name) for name in columns), one.payer)
        for one in checker.sessions.values()
    }
    found = {
        row.session_id: (*(getattr(row, name) for name in columns), row.paid_wallet_id)
        for row in rows
    }
    return _compare_rows("sessions", expected, found, checker.position)


def check_wallet_payments(checker: LogChecker, rows: Iterable[Any]) -> list[Violation]:
    """Rows of `wallet_payments` against the fold of the events up to where the checker stands."""
    expected = {
        ids.encode("ps", one.session_id): (
            one.payer, one.merchant_id, one.amount_minor, one.currency, one.paid_position,
        )
        for one in checker.sessions.values()
        if one.payer is not None
    }  # fmt: skip
    found = {
        row.session_id: (
            row.wallet_id, row.merchant_id, row.amount_minor, row.currency, row.position,
        )
        for row in rows
    }  # fmt: skip
    return _compare_rows("wallet_payments", expected, found, checker.position)


def _compare_rows(
    name: str,
    expected: Mapping[Any, tuple[object, ...]],
    found: Mapping[Any, object],
    position: int,
) -> list[Violation]:
    # Events from before texts were checked may hold some that a row holds only as it is shown.
    told = {
        key: tuple(shown(value) if isinstance(value, str) else value for value in values)
        for key, values in expected.items()
    }
    return [
        Violation(
            "rows-equal-the-fold",
            position,
            f"{name} {key}: row {found.get(key)}, events {told.get(key)}",
        )
        for key in told.keys() | found.keys()
        if told.get(key) != found.get(key)
    ]
