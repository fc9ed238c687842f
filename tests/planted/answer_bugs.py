"""Known bugs of what payers and operators get of processors."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

ANSWERS = "api/v1/attempt_answers.py"
STARTS = "api/v1/attempt_starts.py"
TESTS = "tests/api/test_attempt_answers.py"
RETURN = "tests/api/test_return_page.py"
BREAKER = "infrastructure/processors/breaker.py"

ANSWER_BUGS: Final = [
    Bug("an attempt is answered without a wait", ANSWERS,
        "    seconds = 0.0 if outcome.replayed else WAIT_SECONDS\n", "    seconds = 0.0\n", TESTS),
    Bug("a replay has the first answer's state", ANSWERS,
        "    if declined is not None:\n        raise declined\n", "    if outcome.replayed:\n"
        "        return _response(call, views, outcome, None)\n", TESTS),
    Bug("everybody sees where the payer has to go", "api/views/attempts.py",
        "    return NextActionView(url=redirect_url) if pays(identity, attempt) else None\n",
        "    return NextActionView(url=redirect_url)\n", TESTS),
    Bug("a checkout screen sees the action of a wallet", "api/views/attempts.py",
        "    if attempt.wallet_id is None:\n", "    if identity.role is CallerRole.CHECKOUT:\n"
        "        return True\n    if attempt.wallet_id is None:\n", TESTS),
    Bug("any token of a session begins an attempt", "api/http/authentication.py",
        "            self._services.tokens.check_session(Use.CHECKOUT, token, session_id, now)\n",
        '            self._services.tokens.check_session(Use("live"), token, session_id, now)\n', TESTS),
    Bug("the source is kept after the attempt was recorded", STARTS,
        "    await blocking.read(notes.set_source, attempt_id, token)\n", "", TESTS),
    Bug("the source of a refused attempt is kept", STARTS,
        "    except LedgerError:\n        await blocking.read(notes.forget, attempt_id)\n",
        "    except LedgerError:\n", TESTS),
    Bug("the source of a replay is kept", STARTS,
        "    if attempt_id not in outcome.subject.attempts:\n", "    if False:\n", TESTS),
    Bug("a payer ends the attempt of another one", STARTS,
        "    if current.wallet_id != wallet_id:\n", "    if False:\n", TESTS),
    Bug("another way does not void the first", STARTS,
        "    await call.send(request, keyed=False)\n", "", TESTS),
    Bug("what is known of a processor is refused out of order",
        "application/commands/start_attempt.py",
        '        session = loaded.get(PaymentSession, self.session_id, "payment session")\n',
        '        session = loaded.get(PaymentSession, self.session_id, "payment session")\n'
        "        if self.known_refusal is not None:\n            raise self.known_refusal\n", TESTS),
    Bug("an amount is refused only once the processor is asked",
        "infrastructure/processors/terms.py",
        "            AMOUNT_CHECKS[processor](amount, behaviour)\n", "            pass\n", TESTS),
    Bug("the sandbox exists in a live ledger", "infrastructure/processors/terms.py",
        '        if processor == sandbox.NAME and self._mode != "test":\n', "        if False:\n", TESTS),
    Bug("the return page refuses what processors add to its address", "api/pages/returns.py",
        "any_query=True", "any_query=False", RETURN),
    Bug("the return page accepts the checkout's token", "api/pages/returns.py",
        "check_session(Use.RETURN, token, id, now)", "check_session(Use.CHECKOUT, token, id, now)", RETURN),
    Bug("a payer is not sent on to the merchant", "api/pages/returns.py",
        "        if has_ended and session.return_url and notice_of(session, now) is None:\n",
        "        if False:\n", RETURN),
    Bug("a payer who gets money back is not told", "api/pages/returns.py",
        " and notice_of(session, now) is None:", ":", RETURN),
    Bug("a payer is sent on while the payment is processing", "api/pages/returns.py",
        "status not in OPEN and status is not Status.PROCESSING", "status not in OPEN", RETURN),
    Bug("nobody learns that a breaker has opened", BREAKER,
        "        if is_open or was_open:\n", "        if False:\n",
        "tests/infrastructure/processors/test_breaker.py"),
    Bug("an attempt that has ended is listed as open", "projections/_open_subjects.py",
        "        captured, unresolved = bool(event.captured_minor), event.flag == Flag.UNRESOLVED\n",
        "        captured, unresolved = False, event.flag == Flag.UNRESOLVED\n",
        "tests/infrastructure/test_attempt_commands.py"),
    Bug("a person may resolve in nobody's name", "infrastructure/cli/attempts.py",
        "else AttemptStatus.CAPTURED,\n                by=_user(),\n",
        'else AttemptStatus.CAPTURED,\n                by="cli",\n',
        "tests/infrastructure/test_attempt_commands.py"),
    Bug("a dispute is dropped while its attempt may still pay",
        "application/processes/processor_callbacks.py",
        "notice, for_ever=True)", "notice)", "tests/application/processes/test_payments.py"),
]  # fmt: skip
"""Each one is caught by a test of its part."""
