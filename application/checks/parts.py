"""The checks of a log in two parts, so that a log of any length needs a bounded amount of memory.

`WholeChecks` follows what belongs together across the log: accounts, wallets, merchants, commands.
It keeps a few numbers for each account and for each credit. `GroupChecks` follows what belongs to
one stream, session, order or static code, and is given all events of some of them, in the order of
the log; its state can be dropped afterwards. Together they apply every rule of `LogChecker`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from application.checks.attempts import AttemptCheck
from application.checks.books import BooksCheck
from application.checks.checker import (
    READ_ERRORS,
    EventCheck,
    Followers,
    observe_event,
    report_invalid,
)
from application.checks.clock import ClockCheck
from application.checks.commands import CommandCheck
from application.checks.fees import FeeCheck
from application.checks.fx_quotes import FxQuoteCheck
from application.checks.log import LogCheck
from application.checks.open_subjects import OpenSubjectCheck
from application.checks.orders import OrderCheck
from application.checks.payables import PayableCheck, TreasuryCheck
from application.checks.payouts import PayoutCheck
from application.checks.refunds import RefundCheck
from application.checks.refusals import RefusalCheck
from application.checks.sessions import SessionCheck
from application.checks.static_codes import StaticCodeCheck
from application.checks.violation import Violation, Violations
from application.checks.wallets import WalletCheck
from application.event_log import Recorded

WITH_COMMAND: Final = frozenset({"refusal.recorded"})
"""Topics whose rules by group need the id of the command, which is slow to make of bytes."""


class _Part:
    """What both parts have in common."""

    def __init__(self) -> None:
        self._violations = Violations()
        self.log = LogCheck(self._violations)

    @property
    def violations(self) -> list[Violation]:
        """What was found so far."""
        return self._violations.found


class WholeChecks(_Part):
    """Positions, times, commands, accounts, wallets, merchants, payouts."""

    def __init__(self) -> None:
        super().__init__()
        self.commands = CommandCheck(self._violations, lambda _command, _span: None)
        self.wallets = WalletCheck(self._violations)
        self.clock = ClockCheck(self._violations)
        self.books = BooksCheck(self._violations)
        self.payouts = PayoutCheck(self._violations)
        self.treasury = TreasuryCheck(self._violations)
        checks: list[EventCheck] = [
            self.wallets,
            self.clock,
            self.books,
            self.payouts,
            self.treasury,
            PayableCheck(self._violations),
        ]
        self._followers = Followers(checks)

    def observe(self, recorded: Recorded) -> None:
        """Check the next event of the log."""
        self._violations.position = recorded.position
        self.log.observe_place(recorded)
        self.commands.begin(recorded.command_id)
        observe_event(recorded, self.log, self.commands, self._followers, self._violations)

    def finish(self) -> None:
        """End the pass."""
        self.commands.finish(None)
        self.wallets.finish(self.books.balances)
        self.payouts.finish(self.treasury.set_aside())


class GroupChecks(_Part):
    """Versions and what belongs to sessions, orders, quotes, fees, static codes: of some groups."""

    def __init__(self, wallets: dict[str, tuple[str, int]]) -> None:
        """`wallets`: currency and exponent of every wallet of the log."""
        super().__init__()
        self.sessions = SessionCheck(self._violations)
        self.refunds = RefundCheck(self._violations)
        self.static_codes = StaticCodeCheck(self._violations, self.sessions)
        self.attempts = AttemptCheck(self._violations)
        self.open_subjects = OpenSubjectCheck()
        self.fees = FeeCheck(self._violations)
        checks: list[EventCheck] = [
            self.sessions,
            self.refunds,
            self.static_codes,
            self.attempts,
            self.open_subjects,
            OrderCheck(self._violations),
            FxQuoteCheck(self._violations, wallets),
            self.fees,
            RefusalCheck(self._violations, self.sessions),
        ]
        self._checks = checks
        self._followers = Followers(checks)

    @property
    def topics(self) -> frozenset[str]:
        """The topics of events, or of aggregates for all their events, that any rule follows."""
        return frozenset(name for check in self._checks for name in check.follows)

    def place(self, position: int, stream_id: bytes, version: int) -> None:
        """Check the version of the next event, whatever its topic."""
        self._violations.position = self.log.position = position
        self.log.check_version(stream_id, version)

    def observe(self, recorded: Recorded) -> None:
        """Check the event that was placed. One that cannot be read is `WholeChecks`' finding."""
        checks = self._followers[recorded.topic]
        if not checks:
            return
        try:
            event = recorded.event
        except Exception:  # noqa: BLE001 - any stored bytes are judged, none are trusted
            return
        try:
            for check in checks:
                check.observe(recorded, event)
        except READ_ERRORS as error:
            report_invalid(recorded, error, self._violations)

    def refer(self, recorded: Recorded) -> None:
        """Take in an event that all groups need and that belongs to none: a merchant's fee plan."""
        try:
            self.fees.observe(recorded, recorded.event)
        except Exception:  # noqa: BLE001 - `WholeChecks` reports what cannot be read
            return


class CommandSpans:
    """The events of commands against their receipts, for some commands."""

    def __init__(self) -> None:
        self._violations = Violations()
        self._check = CommandCheck(self._violations)
        self.note: Callable[[UUID, tuple[int, int, datetime]], None] = self._check.keep
        """Take in first position, last position and time of a command's events."""

    def finish(self, receipts: Iterable[Any]) -> list[Violation]:
        """Compare with the receipts of the same commands."""
        self._check.finish(receipts)
        return self._violations.found


def sum_up(parts: Iterable[Mapping[tuple[str, str], int]]) -> dict[tuple[str, str], int]:
    """The sums of what several groups expect the books to hold."""
    total: dict[tuple[str, str], int] = {}
    for part in parts:
        for key, minor in part.items():
            total[key] = total.get(key, 0) + minor
    return total
