"""Known bugs of refunds through processors whose end nobody knows, and of what processors hold."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

REFUNDS = "application/processes/processor_refunds.py"
STORY = "tests/application/processes/test_processor_refunds.py"
AUTHORISED = "tests/application/processes/test_authorised_money.py"
ROWS = "tests/application/checks/test_read_models.py"

REFUND_BUGS: Final = [
    Bug("a refund without an answer needs nobody", REFUNDS,
        "            if now < heard + UNANSWERED and not isinstance(error, NeedsPerson):\n",
        "            if True:\n", STORY),
    Bug("a refund that a person has ended is made all the same", REFUNDS,
        "        if session.refunds[refund].status is not RefundStatus.PENDING:\n",
        "        if False:\n", STORY),
    Bug("a flagged refund is given up", REFUNDS,
        "    return Done(tasks=tasks)\n", "    return Done(tasks=tasks[1:] if flag else tasks)\n", STORY),
    Bug("a person ends a refund twice", "domain/sessions/refund.py",
        "    if refund.status is not RefundStatus.PENDING:\n        raise RefundEnded",
        "    if False:\n        raise RefundEnded", "tests/application/commands/test_resolve_refund.py"),
    Bug("the audit overlooks an attempt that is shown as open", "application/checks/read_models.py",
        'attrgetter("session_id", "begun_position", "position", "is_open", "unresolved")',
        'attrgetter("session_id", "begun_position", "position", "unresolved")', ROWS),
    Bug("a flag of an earlier attempt is shown for the present one", "api/views/notices.py",
        "    if (Flag.UNRESOLVED, attempt.id) in session.flagged:",
        "    if Flag.UNRESOLVED in session.flags:", "tests/api/test_checkout_attempts.py"),
    Bug("a processor that is not configured is offered", "api/pages/processing.py",
        " if takes(one, session.amount, behaviour)]", "]", "tests/api/test_checkout_attempts.py"),
    Bug("authorised money counts as captured", "application/processes/_processor_words.py",
        "        answer.state is State.AUTHORISED and attempt.funding is Funding.WALLET\n",
        "        answer.state is State.AUTHORISED\n", AUTHORISED),
    Bug("authorised money is never captured", "application/processes/_processor_words.py",
        "    if answer.state is not State.AUTHORISED or not charge.capture:\n", "    if True:\n", AUTHORISED),
    Bug("the note of an attempt that has ended meanwhile is kept",
        "application/processes/_processor_words.py",
        "        if not session.attempts[charge.attempt_id].active:\n", "        if False:\n",
        "tests/application/processes/test_attempt_notes.py"),
]  # fmt: skip
"""Each one is caught by a test of its part."""
