"""Known bugs of the history of a session as a picture."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

HISTORY = "application/session_history.py"
PICTURE = "api/pages/dashboards/history_picture.py"
TEXTS = "api/pages/dashboards/history_texts.py"
ACCESS = "api/pages/dashboards/access.py"
TESTS = "tests/api/test_history_page.py"

HISTORY_BUGS: Final = [
    Bug("a history of the past shows what came later", HISTORY,
        "    return [one for one in events if one.position <= moment.position]\n",
        "    return list(events)\n", TESTS),
    Bug("webhooks of later are shown in a history of the past", HISTORY,
        "for one in notices if one.at <= shown.moment.at], key", "for one in notices], key", TESTS),
    Bug("a long history shows the first rows twice", HISTORY,
        "(facts[:half], facts[-half:])", "(facts[:half], facts[:half])", TESTS),
    Bug("webhooks are not looked for", HISTORY,
        "    found = deliveries.find(merchant, wanted, DELIVERIES_MAX) if wanted else []\n",
        "    found = []\n", TESTS),
    Bug("a session that has ended reaches its deadline", HISTORY,
        "    if session.status in {*OPEN, Status.PROCESSING} and since", "    if since", TESTS),
    Bug("a claim's line goes on after the session has ended", PICTURE,
        "claim = fact.claim if fact.status in {*OPEN, Status.PROCESSING} else None",
        "claim = fact.claim", TESTS),
    Bug("rows within a burst share one place", PICTURE,
        "        picture.height = y + ROW - ROW // 2\n",
        "        picture.height = y + (ROW - ROW // 2) * (waited.microseconds > 999)\n", TESTS),
    Bug("a value changes the direction of its line", TEXTS,
        'return f"{_OPEN}{text}{_CLOSE}"', "return text", TESTS),
    Bug("merchants see how a session stood", "api/pages/dashboards/history.py",
        "only_auditors(call, query.at)", "str(query.at)", TESTS),
    Bug("a merchant sees the history of another's session", "api/pages/dashboards/history.py",
        "        current = await readable_session(call, id)\n        if isinstance",
        "        reader = call.services.reader\n"
        "        current = reader.get(PaymentSession, id, 'payment session')\n"
        "        if isinstance", TESTS),
    Bug("an auditor's cookie opens a merchant's dashboards", ACCESS,
        "        if call.identity.role is not CallerRole.MERCHANT:\n", "        if False:\n", TESTS),
    Bug("a merchant's key opens the histories of all", ACCESS,
        "        if key.revoked or known != (", "        if key.revoked or merchant and known != (",
        TESTS),
    Bug("the history shows texts that are restricted", "application/session_history.py",
        "    if session.restricted and not whole:\n", "    if False:\n", TESTS),
]  # fmt: skip
