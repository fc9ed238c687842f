"""Known bugs of recorded refusals."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

DOMAIN, RECORD = "domain/sessions/refusals.py", "application/commands/record_refusal.py"
RECORDING, WRITER = "application/refusals.py", "application/writer.py"
COMMAND = "tests/application/commands/test_record_refusal.py"
QUEUE, MODEL = "tests/application/test_refusals.py", "tests/application/test_refusals_model.py"
CHECKS = "tests/application/checks/test_refusals.py"

REFUSAL_BUGS: Final = [
    Bug("a wallet's refusals are recorded without a limit", DOMAIN,
        "of_wallet < REFUSALS_PER_WALLET_MAX and ", "", f"{COMMAND} {QUEUE}"),
    Bug("a session has one refusal too many", DOMAIN,
        "together < REFUSALS_PER_SESSION_MAX", "together <= REFUSALS_PER_SESSION_MAX", COMMAND),
    Bug("a command that was sent again is recorded again", DOMAIN,
        "        if str(refused_command_id) in self.command_ids:\n", "        if False:\n", COMMAND),
    Bug("a payment without any claim counts as a loss", DOMAIN,
        "return session.claim is not None and session.claim.wallet_id != wallet_id",
        "return session.claim is None or session.claim.wallet_id != wallet_id", COMMAND),
    Bug("a scan after the end counts as a loss", DOMAIN,
        "        return session.status in {Status.PAID, Status.PROCESSING}\n", "        return True\n",
        COMMAND),
    Bug("a refusal is recorded as it was answered, not as it is decided again", RECORD,
        "            code = refusal.code\n", "            code = self.answered_code or refusal.code\n",
        f"{COMMAND} {CHECKS}"),
    Bug("what is not refused any more is done", RECORD,
        "            self.refused.decide(loaded)\n",
        "            return self.refused.decide(loaded)\n", f"{COMMAND} {MODEL}"),
    Bug("a refusal has the id of the refused command", RECORDING,
        'command_id=ids.derive("refusal", envelope.command_id.bytes)',
        "command_id=envelope.command_id", f"{QUEUE} {MODEL}"),
    Bug("a replayed refusal is recorded again", RECORDING,
        " or result.replayed:", ":", QUEUE),
    Bug("refusals that wait are never counted out", RECORDING,
        "            self._in_progress -= 1\n", "            pass\n", QUEUE),
    Bug("any number of refusals wait", RECORDING,
        "admitted = self._in_progress < self._in_progress_max", "admitted = True", QUEUE),
    Bug("what waits when the process stops is not counted", WRITER,
        "            self._refusals.drop()\n", "            pass\n", QUEUE),
    Bug("refusals without commands to ride with wait for ever", WRITER,
        "seconds = REFUSALS_WAIT_SECONDS if self._refusals.waiting else None", "seconds = None", QUEUE),
    Bug("the answer to the loser waits for the record", WRITER,
        "        try:\n            self._deliver(",
        "        self._refusals.add((command.envelope, result) for command, result in finished)\n"
        "        try:\n            self._deliver(", QUEUE),
    Bug("the check of refusals does not look at the claim", "application/checks/refusals.py",
        '"claim-required": is_taken,', '"claim-required": True,', CHECKS),
]  # fmt: skip
