"""Known bugs of payments through processors on the pages."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

ROUTES, TESTS = "api/pages/checkout_attempts.py", "tests/api/test_checkout_attempts.py"
NOTICES = "api/views/notices.py"

CHECKOUT_BUGS: Final = [
    Bug("the socket of a session that is processing is closed", "api/live/protocol.py",
        "        going_on = {*OPEN, Status.PROCESSING}\n", "        going_on = OPEN\n",
        "tests/api/test_live_protocol.py"),
    Bug("any flag replaces the status on the checkout screen", "api/pages/sessions.py",
        "if flag in REFUND_FLAGS]", "if flag]", TESTS),
    Bug("the checkout screen stops a wallet's payment", ROUTES,
        "            if not payer_attempt_view(attempt).may_stop and not attempt.void_requested:\n",
        "            if False:\n", TESTS),
    Bug("the checkout screen shows where a wallet goes on", "api/views/attempts.py",
        "        return identity.role is CallerRole.CHECKOUT\n"
        "    if identity",
        "        return identity.role is CallerRole.CHECKOUT\n"
        "    if identity.role is CallerRole.CHECKOUT:\n        return True\n    if identity", TESTS),
    Bug("an attempt is started with any token", ROUTES,
        "        await session_with_token(self._services, id, query.token)\n        at_checkout, html",
        "        at_checkout, html", TESTS),
    Bug("a payer is told that accepted money is returned", NOTICES,
        "        if attempt.id == paid_by:\n", "        if False:\n", TESTS),
    Bug("a payer is not told of money that arrived late", NOTICES,
        "            return Notice.LATE\n", "            return None\n", TESTS),
]  # fmt: skip
