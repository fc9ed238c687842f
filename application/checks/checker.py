"""One pass over the log: each event goes to the checks of its aggregate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final, Protocol

from application.checks.attempts import AttemptCheck
from application.checks.books import BooksCheck
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
from application.event_log import Receipt, Recorded

READ_ERRORS: Final = (AttributeError, OverflowError, TypeError, ValueError)
"""What a check raises when an event holds a value that it cannot use."""


class EventCheck(Protocol):
    """Judges some events."""

    follows: ClassVar[tuple[str, ...]]
    """Topics of events, or of aggregates for all their events, such as `payment_session`."""

    def observe(self, recorded: Recorded, event: Any) -> None:
        """Check the next event, which has been decoded once for all checks."""


class Followers(dict[str, list[EventCheck]]):
    """The checks that follow a topic; each topic is looked for once."""

    def __init__(self, checks: Sequence[EventCheck]) -> None:
        super().__init__()
        self._checks = checks

    def __missing__(self, topic: str) -> list[EventCheck]:
        names = {topic, topic.partition(".")[0]}
        found = [check for check in self._checks if names.intersection(check.follows)]
        self[topic] = found
        return found


def observe_event(
    recorded: Recorded,
    log: LogCheck,
    commands: CommandCheck,
    followers: Followers,
    violations: Violations,
) -> None:
    """Check what an event says, after its place and its command. Whatever it holds, it returns."""
    try:
        event = recorded.event
    except Exception as error:  # noqa: BLE001 - any stored bytes are judged, none are trusted
        violations.report("known-topics", f"{recorded.topic} cannot be read: {error}")
        return
    try:
        log.check_timestamp(recorded, event)
        for check in followers[recorded.topic]:
            check.observe(recorded, event)
    except READ_ERRORS as error:
        report_invalid(recorded, error, violations)
    else:
        commands.observe(recorded, event)


def report_invalid(recorded: Recorded, error: Exception, violations: Violations) -> None:
    """Report an event with a value that a check cannot use."""
    violations.report("known-topics", f"{recorded.topic} holds an invalid value: {error}")


class LogChecker:
    """Observes the log event by event; `finish` returns what was wrong."""

    def __init__(self) -> None:
        self._violations = Violations()
        self.log = LogCheck(self._violations)
        self.commands = CommandCheck(self._violations)
        self.sessions = SessionCheck(self._violations)
        self.wallets = WalletCheck(self._violations)
        self.clock = ClockCheck(self._violations)
        self.books = BooksCheck(self._violations)
        self.payouts = PayoutCheck(self._violations)
        self.refunds = RefundCheck(self._violations)
        self.treasury = TreasuryCheck(self._violations)
        self.static_codes = StaticCodeCheck(self._violations, self.sessions)
        self.attempts = AttemptCheck(self._violations)
        self.open_subjects = OpenSubjectCheck()
        checks: list[EventCheck] = [
            self.sessions,
            self.wallets,
            self.clock,
            self.books,
            self.payouts,
            self.refunds,
            self.treasury,
            self.static_codes,
            self.attempts,
            self.open_subjects,
            OrderCheck(self._violations),
            PayableCheck(self._violations),
            FxQuoteCheck(self._violations),
            FeeCheck(self._violations),
            RefusalCheck(self._violations, self.sessions),
        ]
        self._followers = Followers(checks)

    def observe(self, recorded: Recorded) -> None:
        """Check the next event. Whatever it holds, the pass continues."""
        self._violations.position = recorded.position
        self.log.observe(recorded)
        self.commands.begin(recorded.command_id)
        observe_event(recorded, self.log, self.commands, self._followers, self._violations)

    @property
    def violations(self) -> list[Violation]:
        """What was found so far."""
        return self._violations.found

    def finish(self, receipts: Iterable[Receipt] | None = None) -> list[Violation]:
        """End the pass; compares the events with the receipts if they are given."""
        self.commands.finish(receipts)
        self.wallets.finish(self.books.balances)
        self.attempts.finish(self.books.balances)
        self.payouts.finish(self.treasury.set_aside())
        return self._violations.found


def check_log(
    events: Iterable[Recorded], receipts: Iterable[Receipt] | None = None
) -> tuple[LogChecker, list[Violation]]:
    """Check a whole log; returns the checker with what it collected, and every violation."""
    checker = LogChecker()
    for recorded in events:
        checker.observe(recorded)
    return checker, checker.finish(receipts)
