"""Rows of read models against the events they are made from."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, Protocol

from application.checks.books import BooksCheck, Change, is_debit_normal
from application.checks.log import LogCheck
from application.checks.open_subjects import OpenSubjectCheck
from application.checks.payouts import PayoutCheck
from application.checks.sessions import SessionCheck
from application.checks.static_codes import StaticCodeCheck
from application.checks.violation import Violation
from application.event_log import Recorded
from domain import ids
from domain.text import replace_unacceptable

_SESSION: Final = attrgetter(
    "session_id", "merchant_id", "order_id", "amount_minor", "currency", "expires_at", "status",
    "version", "position", "fee_minor", "refunded_minor", "disputed_minor", "flags_json",
)  # fmt: skip
_PAID: Final = attrgetter(
    "paid_wallet_id", "payer_amount_minor", "payer_currency", "payer_exponent", "spread_minor"
)
_OPEN: Final = attrgetter("session_id", "begun_position", "position", "is_open", "unresolved")


class Grouped(Protocol):
    """What the events of some sessions and static codes have led to."""

    log: LogCheck
    sessions: SessionCheck
    open_subjects: OpenSubjectCheck
    static_codes: StaticCodeCheck


class Whole(Protocol):
    """What the events of the whole log have led to."""

    log: LogCheck
    books: BooksCheck
    payouts: PayoutCheck


def check_sessions(checker: Grouped, rows: Iterable[Any]) -> list[Violation]:
    """Compare the rows of `sessions` with the events up to the checker's position."""
    expected = {
        session.session_id: (*_SESSION(session), session.payer, *session.payer_amount)
        for session in checker.sessions.facts.values()
    }
    found = {row.session_id: (*_SESSION(row), *_PAID(row)) for row in rows}
    return _compare_rows("sessions", expected, found, checker.log.position)


def check_wallet_payments(checker: Grouped, rows: Iterable[Any]) -> list[Violation]:
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


def check_balances(checker: Whole, rows: Iterable[Any]) -> list[Violation]:
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


def check_payouts(checker: Whole, rows: Iterable[Any]) -> list[Violation]:
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


def check_attempts(checker: Grouped, rows: Iterable[Any]) -> list[Violation]:
    """Compare the rows of `attempts` with the events up to the checker's position."""
    return _check_open(
        checker, "attempts", {ids.encode("att", row.attempt_id): row for row in rows}
    )


def check_refunds(checker: Grouped, rows: Iterable[Any]) -> list[Violation]:
    """Compare the rows of `refunds` with the events up to the checker's position."""
    return _check_open(checker, "refunds", {ids.encode("ref", row.refund_id): row for row in rows})


def _check_open(checker: Grouped, name: str, rows: Mapping[str, Any]) -> list[Violation]:
    """Compare rows with attempts or refunds, by their public ids."""
    facts = checker.open_subjects.of("att_" if name == "attempts" else "ref_")
    expected = {one: _OPEN(of) for one, of in facts.items()}
    found = {one: _OPEN(row) for one, row in rows.items()}
    return _compare_rows(name, expected, found, checker.log.position)


def check_static_codes(checker: Grouped, rows: Iterable[Any]) -> list[Violation]:
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

    @property
    def next_position(self) -> int:
        """The position of the next row; a huge number after the last."""
        if self._next is None:
            return sys.maxsize
        position: int = self._next.position
        return position

    def observe(self, recorded: Recorded, changes: Sequence[Change]) -> None:
        """Compare the rows of the next event with what it changes.

        An event without changes may be left out if `next_position` is after it.
        """
        if self.violations:
            return
        expected: dict[tuple[object, ...], int] = {}
        for account, currency, exponent, minor, _ in changes:
            key = (account, currency, exponent)
            expected[key] = expected.get(key, 0) + minor
        position, number, found = recorded.position, 0, dict.fromkeys(expected, 0)
        topic, at, stream_id, event_id = (
            recorded.topic, recorded.recorded_at, recorded.stream_id, recorded.event_id,
        )  # fmt: skip
        while self._next is not None and self._next.position <= position:
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
            event = (position, number, topic, stream_id, event_id, at)
            if stated != event or row.minor < 1 or row.balance_minor != balance:
                text = f"{stated} leads to {row.balance_minor}, events {event}, to {balance}"
                self._report(row.position, text)
                return
        if found != expected:
            self._report(position, f"{found}, events {expected}")

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
    if expected == found:
        return []
    differing = []
    for key in expected.keys() | found.keys():
        events, row = expected.get(key), found.get(key)
        if events != row and (events is None or _as_stored(events) != row):
            text = f"{name} {key}: row {row}, events {events}"
            differing.append(Violation("rows-equal-the-fold", position, text))
    return sorted(differing, key=attrgetter("text"))


def _as_stored(values: tuple[object, ...]) -> tuple[object, ...]:
    """Old events may hold unacceptable text, which rows hold with replacement characters."""
    return tuple(
        replace_unacceptable(value) if isinstance(value, str) else value for value in values
    )
