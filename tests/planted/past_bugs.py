"""Known bugs of questions about the past."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

POSITIONS = "application/positions.py"
TESTS, TRAVEL = "tests/application/test_positions.py", "tests/api/test_time_travel.py"

PAST_BUGS: Final = [
    Bug("a time includes what was recorded at it", POSITIONS,
        "    position = head if first is None else first - 1\n",
        "    position = head if first is None else first\n", TESTS),
    Bug("a time that is not settled is answered", POSITIONS,
        "    if first is None and bound > now - SETTLED_AFTER:\n", "    if bound > now:\n", TESTS),
    Bug("a position after the head is answered", POSITIONS,
        "        if not 1 <= bound <= head:\n", "        if not 1 <= bound:\n", TRAVEL),
    Bug("the version of a position is one too low", POSITIONS,
        "return bool(found) and found[0].position <= position\n",
        "return bool(found) and found[0].position < position\n", TESTS),
    Bug("expiry is judged at the present", "application/reader.py",
        "        return Current(state, position, moment.at)\n",
        "        return Current(state, position, self._event_log.now())\n", TRAVEL),
    Bug("a balance of the past misses the event of its position", "api/v1/books.py",
        "self._balances_before, accounts, moment.position + 1)",
        "self._balances_before, accounts, moment.position)", TRAVEL),
    Bug("merchants ask how a session stood", "api/v1/accounts.py",
        "    if call.identity.role is not CallerRole.AUDITOR:\n", "    if False:\n", TRAVEL),
]  # fmt: skip
