"""Known bugs of processors, their callbacks and the processes that call them."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

PAYMENTS = "application/processes/payments.py"
CHECKS = "application/processes/status_checks.py"
WORDS = "application/processes/_processor_words.py"
STRIPE = "infrastructure/processors/stripe_processor.py"
PROCESSES = "tests/application/processes"
STORY = f"{PROCESSES}/test_payments.py {PROCESSES}/test_sandbox_matrix.py"
REFUNDS = "tests/application/processes/test_processor_refunds.py"
CONTRACT = "tests/infrastructure/processors/test_contract.py"
STRIPE_TESTS = "tests/infrastructure/processors/test_stripe.py"
CURRENCY_TESTS = "tests/infrastructure/processors/test_stripe_currencies.py"
PSP_TESTS = "tests/infrastructure/processors/test_generic_psp.py"

PROCESSOR_BUGS: Final = [
    Bug("a new key on each retry", WORDS,
        '    key = callbacks.make_key(session.id, "att", ids.decode("att", attempt.id))\n',
        '    from uuid import uuid4\n    key = callbacks.make_key(session.id, "att", uuid4())\n', STORY),
    Bug("an unsigned callback is believed", "infrastructure/processors/signatures.py",
        "    if not hmac.compare_digest(signature", "    if False and hmac.compare_digest(signature",
        CONTRACT),
    Bug("an unsigned callback of Stripe is believed", "infrastructure/processors/stripe_objects.py",
        "    if not any(equal):\n", "    if False:\n", CONTRACT),
    Bug("a callback may be signed at any time to come", "infrastructure/processors/signatures.py",
        "if abs(int(now.timestamp()) - int(timestamp)) > CALLBACK_SECONDS_MAX:",
        "if int(now.timestamp()) - int(timestamp) > CALLBACK_SECONDS_MAX:", CONTRACT),
    Bug("a callback is acknowledged before it is stored", "application/callbacks.py",
        "        return self._inbox.receive(name, notice, hashlib.sha256(body).digest())\n",
        "        try:\n            return self._inbox.receive(name, notice, hashlib.sha256(body).digest())\n"
        "        except Exception:\n            return True\n", "tests/api/test_callbacks.py"),
    Bug("a callback is stored twice", "infrastructure/postgres/attempts.py",
        "    values (%s, %s, %s, %s::json) on conflict do nothing returning 1\n",
        "    values (%s, %s || clock_timestamp(), %s, %s::json) on conflict do nothing returning 1\n",
        "tests/infrastructure/processors/test_stores.py"),
    Bug("an unknown outcome counts as declined", PAYMENTS,
        "            return Done(commands=[MarkAttemptUnknown(**same)])\n",
        "            return Done(commands=[DeclineAttempt(**same)])\n", STORY),
    Bug("an abandoned attempt is not voided", PAYMENTS,
        "                    _task(VOID, event.attempt_id, session_id, max(at, deadline)),\n", "", STORY),
    Bug("an attempt is not voided when the payer chooses another way", PAYMENTS,
        "                return [_task(VOID_NOW, event.attempt_id, session_id, at)]\n",
        "                return []\n", STORY),
    Bug("an unknown attempt is asked for at once", CHECKS,
        "FIRST_CHECK: Final = timedelta(seconds=15)", "FIRST_CHECK: Final = timedelta(0)", STORY),
    Bug("an unknown attempt is asked for without end", CHECKS,
        "        if now >= session.expires_at + AFTER_EXPIRY:\n", "        if False:\n", STORY),
    Bug("an attempt that never arrived is begun after the deadline", CHECKS,
        "ended=expired or attempt.void_requested)", "ended=False)", STORY),
    Bug("the second confirmation of a payment is forgotten", CHECKS,
        "{State.NOT_FOUND, State.CONFIRMABLE} and not ended", "{State.NOT_FOUND} and not ended", STORY),
    Bug("the amount that was captured is not read", WORDS,
        "return [CaptureAttempt(reference=reference, money=answer.amount, **same)]",
        'return [CaptureAttempt(reference=reference, money=type(answer.amount)(1200, "USD"), **same)]',
        STORY),
    Bug("notes of an ended attempt are kept", PAYMENTS,
        "        self._notes.forget(attempt_id)\n", "", STORY),
    Bug("an ended attempt is not known by its processor's reference", PAYMENTS,
        "        if attempt.reference:\n", "        if False:\n", STORY),
    Bug("an attempt is begun after its deadline", PAYMENTS,
        "attempt.void_requested or current.now >= session.expires_at", "attempt.void_requested", STORY),
    Bug("a dispute that comes before its payment is lost", "application/processes/processor_callbacks.py",
        "            concerned = payment is not None and payment.attempt_id == name\n",
        "            concerned = True\n", STORY),
    Bug("late money never goes back at once", WORDS,
        '            same["accept_seconds"] = accept_seconds\n', "",
        f"{PROCESSES}/test_late_money_policy.py"),
    Bug("a callback waits for a wrong clock", "infrastructure/postgres/attempts.py",
        "least(ledger.now(), %s)", "greatest(ledger.now(), %s)",
        "tests/infrastructure/processors/test_stores.py"),
    Bug("a refund that is pending is asked for under another key",
        "application/processes/processor_refunds.py",
        '            key=callbacks.make_key(session_id, "ref", refund_id),\n',
        "            key=f'{refund} {self._reader.clock.now().timestamp()}',\n", REFUNDS),
    Bug("money in suspense is not returned", "application/processes/processor_refunds.py",
        '                key, at = f"{REQUEST} {stream}", max(at, times.from_text(event.accept_until))\n',
        "                return []\n", REFUNDS),
    Bug("a redirect of a PSP is followed", "infrastructure/processors/outbound.py",
        "                follow_redirects=False,\n", "                follow_redirects=True,\n", PSP_TESTS),
    Bug("an answer may have any length", "infrastructure/processors/outbound.py",
        "                if len(received) > ANSWER_BYTES_MAX:\n", "                if False:\n", PSP_TESTS),
    Bug("an error of a PSP counts as an answer", "infrastructure/processors/generic_psp.py",
        "        if answered.status != OK:\n", "        if False:\n", PSP_TESTS),
    Bug("an idempotency key of Stripe is used after a day", STRIPE,
        "self._now() - begun_at > timedelta(hours=KEY_HOURS)", "False", STRIPE_TESTS),
    Bug("what Stripe has never received is voided without a trace", STRIPE,
        "            return self._call(\n                Intent,\n"
        '                lambda: self._intents.create(params, {"idempotency_key": charge.key}),',
        "            return self._call(\n                Intent,\n"
        '                lambda: self._intents.create(params, {"idempotency_key": charge.key + "-void"}),',
        STRIPE_TESTS),
    Bug("a live key is used in a test ledger", "infrastructure/processors/checks.py",
        "    if match.group(2) != mode:\n", "    if False:\n", STRIPE_TESTS),
    Bug("amounts go to Stripe in minor units", "infrastructure/processors/stripe_currencies.py",
        "    more = decimals - CURRENCIES[amount.currency].exponent\n", "    more = 0\n", CURRENCY_TESTS),
]  # fmt: skip
"""Each one is caught by a test of its part."""
