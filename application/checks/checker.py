"""One pass over the log: each event goes to the checks of its aggregate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Protocol

from application.checks.clock import ClockCheck
from application.checks.commands import CommandCheck
from application.checks.log import LogCheck
from application.checks.orders import OrderCheck
from application.checks.sessions import SessionCheck
from application.checks.violation import Violation, Violations
from application.checks.wallets import WalletCheck
from application.event_log import Receipt, Recorded


class AggregateCheck(Protocol):
    """Judges the events of some aggregates."""

    aggregates: ClassVar[tuple[str, ...]]
    """Topics of the aggregates, such as `payment_session`."""

    def observe(self, recorded: Recorded, event: Any) -> None:
        """Check the next event, which has been decoded once for all checks."""


class LogChecker:
    """Observes the log event by event; `finish` returns what was wrong."""

    def __init__(self) -> None:
        self._violations = Violations()
        self.log = LogCheck(self._violations)
        self.commands = CommandCheck(self._violations)
        self.sessions = SessionCheck(self._violations)
        self.wallets = WalletCheck(self._violations)
        self.clock = ClockCheck(self._violations)
        checks: list[AggregateCheck] = [
            self.sessions,
            self.wallets,
            self.clock,
            OrderCheck(self._violations),
        ]
        self._checks = {name: check for check in checks for name in check.aggregates}

    def observe(self, recorded: Recorded) -> None:
        """Check the next event. Whatever it holds, the pass continues."""
        self._violations.position = recorded.position
        self.log.observe(recorded)
        self.commands.begin(recorded.command_id)
        try:
            event = recorded.event
        except Exception as error:  # noqa: BLE001 - any stored bytes are judged, none are trusted
            self._violations.report("known-topics", f"{recorded.topic} cannot be read: {error}")
            return
        check = self._checks.get(recorded.topic.partition(".")[0])
        try:
            self.log.check_timestamp(recorded, event)
            if check is not None:
                check.observe(recorded, event)
        except (AttributeError, OverflowError, TypeError, ValueError) as error:
            text = f"{recorded.topic} holds an invalid value: {error}"
            self._violations.report("known-topics", text)
        else:
            self.commands.observe(recorded, event)

    def finish(self, receipts: Iterable[Receipt] | None = None) -> list[Violation]:
        """End the pass; compares the events with the receipts if they are given."""
        self.commands.finish(receipts)
        self.wallets.finish(self.sessions.paid_minor)
        return self._violations.found


def check_log(
    events: Iterable[Recorded], receipts: Iterable[Receipt] | None = None
) -> tuple[LogChecker, list[Violation]]:
    """Check a whole log; returns the checker with what it collected, and every violation."""
    checker = LogChecker()
    for recorded in events:
        checker.observe(recorded)
    return checker, checker.finish(receipts)
