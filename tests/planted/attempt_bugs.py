"""Known bugs of attempts, suspense, disputes and settlements."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

TABLE = "domain/sessions/attempts.py"
RECORDS = "domain/sessions/attempt_records.py"
SUSPENSE = "domain/processors/suspense.py"
COMMANDS = "tests/application/commands"
ATTEMPTS = f"{COMMANDS}/test_attempts.py {COMMANDS}/test_start_attempt.py"
MODEL = "tests/application/test_attempts_model.py"
WORDS = "tests/domain/test_attempts.py"
LATE, DISPUTES = f"{COMMANDS}/test_late_money.py", f"{COMMANDS}/test_disputes.py"

ATTEMPT_BUGS: Final = [
    Bug("an attempt that is unknown is treated as declined", TABLE,
        "        case AttemptStatus.UNKNOWN:\n            return Word.UNANSWERED\n",
        "        case AttemptStatus.UNKNOWN:\n            return Word.DECLINED\n", f"{ATTEMPTS} {WORDS}"),
    Bug("the captured amount is not compared", TABLE,
        "    if money.minor == attempt.amount.minor:\n", "    if money.minor:\n", f"{ATTEMPTS} {WORDS}"),
    Bug("the captured currency is not compared", TABLE,
        "    if money.currency != attempt.amount.currency:\n", "    if False:\n", f"{ATTEMPTS} {WORDS}"),
    Bug("a second capture of an attempt is lost", TABLE,
        "            return Word.SECOND\n", "            return Word.AGAIN\n", f"{ATTEMPTS} {WORDS}"),
    Bug("a callback is applied twice", TABLE,
        "        return Word.AGAIN if same else Word.OTHER\n",
        "        return Word.SECOND if same else Word.OTHER\n", f"{ATTEMPTS} {WORDS}"),
    Bug("a wallet gets its held money back twice", "application/commands/_attempts.py",
        "            wallet.release(\n", "            for _ in (1, 2): wallet.release(\n", f"{ATTEMPTS} {MODEL}"),
    Bug("a decline after a capture is believed", TABLE,
        "(_dec,    _dec,       _dec,    _con,     _nil,     _nil)",
        "(_dec,    _dec,       _dec,    _dec,     _nil,     _nil)", f"{ATTEMPTS} {WORDS}"),
    Bug("money after a decline is dropped", TABLE,
        "(_pay,    _pay,       _pay,    _nil,     _late,    _late)",
        "(_pay,    _pay,       _pay,    _nil,     _nil,    _nil)", f"{ATTEMPTS} {WORDS}"),
    Bug("the excess is not put into suspense", TABLE,
        "        return Consequence(effect, attempt, excess, Flag.OVER)\n",
        "        return Consequence(effect, attempt)\n", f"{ATTEMPTS} {MODEL}"),
    Bug("a processing session is swept", "domain/sessions/state.py",
        "OPEN: Final = frozenset({Status.CREATED, Status.SCANNED})",
        "OPEN: Final = frozenset({Status.CREATED, Status.SCANNED, Status.PROCESSING})", ATTEMPTS),
    Bug("a decline after the deadline leaves the session open", RECORDS,
        "    if session.expire(at=at):\n", "    if False:\n", f"{ATTEMPTS} {MODEL}"),
    Bug("a session may have any number of attempts", RECORDS,
        "    if len(session.attempts) >= ATTEMPTS_MAX:\n", "    if False:\n", f"{ATTEMPTS} {MODEL}"),
    Bug("another attempt takes the place of one that has no end", "application/commands/start_attempt.py",
        "        session.check_not_in_flight()\n", "", f"{ATTEMPTS} {MODEL}"),
    Bug("a session is cancelled while it is processing", "domain/sessions/payment_session.py",
        "        self.check_not_in_flight()\n        if (status := self.status_at(at)) not in OPEN:\n",
        "        if (status := self.status_at(at)) in {Status.PAID, Status.CANCELLED}:\n", f"{ATTEMPTS} {MODEL}"),
    Bug("held money is not released", "application/commands/_attempts.py",
        "        case Effect.DECLINE | Effect.VOID | Effect.REFUSE:\n",
        "        case Effect.VOID | Effect.REFUSE:\n", f"{ATTEMPTS} {MODEL}"),
    Bug("money in suspense is counted again", TABLE,
        "    if in_suspense and", "    if False and", f"{ATTEMPTS} {MODEL}"),
    Bug("late money can be accepted for ever", SUSPENSE,
        "        return self.status is SuspenseStatus.RECEIVED and at < self.accept_until\n",
        "        return self.status is SuspenseStatus.RECEIVED\n", LATE),
    Bug("money is returned while the merchant may accept it", SUSPENSE,
        "        if at < self.accept_until:\n            until", "        if False:\n            until", LATE),
    Bug("accepted money is returned too", SUSPENSE,
        "        if self.status is not SuspenseStatus.RETURN_REQUESTED:\n", "        if False:\n",
        f"{LATE} {MODEL}"),
    Bug("accepted money does not take its order again", "application/commands/accept_late_money.py",
        "        if session.status not in OPEN:\n", "        if False:\n", f"{LATE} {MODEL}"),
    Bug("a merchant bears a dispute of what it has refunded", "domain/sessions/dispute.py",
        "merchant_minor=min(amount.minor, session.amount.minor - taken)", "merchant_minor=amount.minor",
        f"{DISPUTES} {MODEL}"),
    Bug("what is disputed can be refunded", "domain/sessions/refund.py",
        "    disputed = session.disputed_minor\n", "    disputed = 0\n", f"{DISPUTES} {MODEL}"),
    Bug("a dispute is applied twice", "domain/sessions/dispute.py",
        "    if dispute_id in session.disputes:\n        return None\n", "", f"{DISPUTES} {MODEL}"),
    Bug("a failed refund stays with the house", "application/commands/_refunds.py",
        "    if succeeded or not refund.debit_minor:\n", "    if True:\n",
        f"{COMMANDS}/test_processor_refunds.py {MODEL}"),
    Bug("the processor's fee is not part of a settlement", "domain/accounting/rules.py",
        "    yield credit(chart.RECEIVABLE.of(event.processor), _amount(event, received + fee))\n",
        "    yield credit(chart.RECEIVABLE.of(event.processor), _amount(event, received))\n",
        f"{COMMANDS}/test_receive_settlement.py"),
    Bug("the deadline does not count again after an attempt", "application/processes/expiry.py",
        "            if event.session_status not in OPEN:\n", "            if True:\n",
        "tests/application/processes/test_expiry.py"),
    Bug("the checks overlook two attempts at once", "application/checks/attempts.py",
        "        if recorded.stream_id in self._active or event.attempt_id in self._attempts:\n",
        "        if False:\n", "tests/application/checks/test_attempts.py"),
    Bug("the checks overlook money that is not in suspense", "application/checks/attempts.py",
        "        if (entry.amount_minor, entry.currency) != (rest, event.currency):\n",
        "        if False:\n", "tests/application/checks/test_attempts.py"),
]  # fmt: skip
