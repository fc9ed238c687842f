"""Rows of read models against the events they are made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from application.checks.books import Change, is_debit_normal
from application.checks.checker import LogChecker
from application.checks.violation import Violation
from application.event_log import Recorded
from domain import ids
from domain.text import replace_unacceptable


def check_sessions(checker: LogChecker, rows: Iterable[Any]) -> list[Violation]:
    """Compare the rows of `sessions` with the events up to the checker's position."""
    columns = (
        "session_id", "merchant_id", "order_id", "amount_minor", "currency", "expires_at",
        "status", "version", "position", "fee_minor", "refunded_minor", "disputed_minor",
        "flags_json",
    )  # fmt: skip
    paid = ("payer_amount_minor", "payer_currency", "payer_exponent", "spread_minor")
    expected = {
        session.session_id: (
            *(getattr(session, name) for name in columns), session.payer, *session.payer_amount,
        )
        for session in checker.sessions.facts.values()
    }  # fmt: skip
    found = {
        row.session_id: (
            *(getattr(row, name) for name in columns), row.paid_wallet_id,
            *(getattr(row, name) for name in paid),
        )
        for row in rows
    }  # fmt: skip
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


def check_balances(checker: LogChecker, rows: Iterable[Any]) -> list[Violation]:
    """Compare the rows of `balances` with the books up to the checker's position."""
    books = checker.books
    expected = {
        key: (books.exponents[key], minor, books.earned.get(key, 0))
        for key, minor in books.balances.items()
    }
    found = {
        (row.account, row.currency): (row.exponent, row.balance_minor, row.earned_minor)
        for row in rows
    }
    return _compare_rows("balances", expected, found, checker.log.position)


def check_payouts(checker: LogChecker, rows: Iterable[Any]) -> list[Violation]:
    """Compare the rows of `payouts` with the events up to the checker's position."""
    expected = {
        ids.encode("pay", stream): (*payout.figures, payout.status, payout.position)
        for stream, payout in checker.payouts.facts.items()
    }
    found = {
        row.payout_id: (
            row.merchant_id, row.amount_minor, row.currency, row.exponent, row.destination,
            row.status, row.position,
        )
        for row in rows
    }  # fmt: skip
    return _compare_rows("payouts", expected, found, checker.log.position)


def check_attempts(checker: LogChecker, rows: Iterable[Any]) -> list[Violation]:
    """Compare the rows of `attempts` with the events up to the checker's position."""
    return _check_open(
        checker, "attempts", {ids.encode("att", row.attempt_id): row for row in rows}
    )


def check_refunds(checker: LogChecker, rows: Iterable[Any]) -> list[Violation]:
    """Compare the rows of `refunds` with the events up to the checker's position."""
    return _check_open(checker, "refunds", {ids.encode("ref", row.refund_id): row for row in rows})


def _check_open(checker: LogChecker, name: str, rows: Mapping[str, Any]) -> list[Violation]:
    """Compare rows with attempts or refunds, by their public ids."""
    columns = attrgetter("session_id", "begun_position", "position", "is_open", "unresolved")
    facts = checker.open_subjects.of("att_" if name == "attempts" else "ref_")
    expected = {one: columns(of) for one, of in facts.items()}
    found = {one: columns(row) for one, row in rows.items()}
    return _compare_rows(name, expected, found, checker.log.position)


def check_static_codes(checker: LogChecker, rows: Iterable[Any]) -> list[Violation]:
    """Compare the rows of `static_codes` with the events up to the checker's position."""
    expected = {
        ids.encode("sc", stream): (
            code.merchant_id, code.currency, code.revoked_at is not None, code.position,
        )
        for stream, code in checker.static_codes.facts.items()
    }  # fmt: skip
    found = {
        row.static_code_id: (
            row.merchant_id, row.currency, row.revoked_at is not None, row.position,
        )
        for row in rows
    }  # fmt: skip
    return _compare_rows("static_codes", expected, found, checker.log.position)


class JournalRowCheck:
    """Compares the rows of `journal` with the books, entry by entry, while the log is read.

    Holds one balance per account and one entry at a time. Of the rows that differ, only the first
    is reported.
    """

    def __init__(self, rows: Iterable[Any]) -> None:
        """`rows`: in the order of position and number."""
        self.violations: list[Violation] = []
        self.compared = 0
        """How many rows."""
        self._rows = iter(rows)
        self._next = next(self._rows, None)
        self._balances: dict[tuple[str, str], int] = {}

    def observe(self, recorded: Recorded, changes: Sequence[Change]) -> None:
        """Compare the rows of the next event with what it changes."""
        if self.violations:
            return
        expected: dict[tuple[object, ...], int] = {}
        for account, currency, exponent, minor, _ in changes:
            key = (account, currency, exponent)
            expected[key] = expected.get(key, 0) + minor
        number, found = 0, dict.fromkeys(expected, 0)
        while self._next is not None and self._next.position <= recorded.position:
            row, number = self._next, number + 1
            self._next = next(self._rows, None)
            self.compared += 1
            change = (
                row.minor if (row.side == "debit") is is_debit_normal(row.account) else -row.minor
            )
            key = (row.account, row.currency, row.exponent)
            found[key] = found.get(key, 0) + change
            balance = self._balances.get(key[:2], 0) + change
            self._balances[key[:2]] = balance
            stated = (
                row.position, row.no, row.type, row.stream_id, row.event_id, row.recorded_at,
            )  # fmt: skip
            event = (
                recorded.position, number, recorded.topic, recorded.stream_id, recorded.event_id,
                recorded.recorded_at,
            )  # fmt: skip
            if stated != event or row.minor < 1 or row.balance_minor != balance:
                text = f"{stated} leads to {row.balance_minor}, events {event}, to {balance}"
                self._report(row.position, text)
                return
        if found != expected:
            self._report(recorded.position, f"{found}, events {expected}")

    def finish(self, position: int) -> None:
        """End at the read model's position: no row may be left."""
        if self._next is not None and not self.violations:
            self._report(position, f"a row of position {self._next.position} has no event")

    def _report(self, position: int, text: str) -> None:
        self.violations.append(Violation("rows-equal-the-fold", position, f"journal: {text}"))


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
