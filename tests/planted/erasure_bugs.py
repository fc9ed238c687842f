"""Known bugs of erasure: a text that gets out, or a ledger that forgets that it is restricted."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

SHOWN, DOMAIN = "application/restriction.py", "domain/sessions/restriction.py"
LAKE_FILE = "infrastructure/lake/restrictions.py"
SHOW, DECIDE = (
    "tests/application/test_restriction.py",
    "tests/application/commands/test_restrict.py",
)
API, LAKE = "tests/api/test_erasure.py", "tests/infrastructure/test_lake_restrictions.py"

ERASURE_BUGS: Final = [
    Bug("a session is restricted while it can be paid", DOMAIN,
        "    if (status := session.status_at(at)) in GOING_ON:\n",
        "    if (status := session.status_at(at)) is Status.PROCESSING:\n", DECIDE),
    Bug("a session is restricted twice", DOMAIN,
        "    if session.restricted:\n        return False\n", "", DECIDE),
    Bug("older versions of a restricted session are shown whole", SHOWN,
        "    return shown(fold(events[:version]), events[version:])\n",
        "    return shown(fold(events[:version]))\n", SHOW),
    Bug("reasons of refunds outlive the restriction", DOMAIN,
        'replace(one, reason="")', "one", SHOW),
    Bug("a socket resends texts that were restricted since", "api/live/protocol.py",
        "shown(self._states[seq - 1], self._history[seq:])", "self._states[seq - 1]", SHOW),
    Bug("a merchant's socket is resumed with texts", "api/live/merchant_events.py",
        "        return self._as_shown(heard), page.last\n", "        return heard, page.last\n", SHOW),
    Bug("a repeated command is answered with restricted texts", "api/http/operation.py",
        "        if outcome.replayed:\n", "        if False:\n", API),
    Bug("a refund of a restricted session is answered with its reason", "api/http/operation.py",
        "        return shown_result(outcome)\n", "        return outcome\n", API),
    Bug("a merchant's page of events has restricted texts", "api/v1/session_queries.py",
        "restricted=is_restricted(recorded)", "restricted=False", API),
    Bug("merchants see who caused an event", "api/views/events.py",
        "        del document[name]\n", "        pass\n", "tests/api/test_reading.py"),
    Bug("the list has the texts of restricted sessions", "projections/sessions.py",
        "            return dict(_NO_TEXT)\n", "            return {}\n", API),
    Bug("callbacks of processors outlive erasure", "infrastructure/postgres/erasure.py",
        " where starts_with(fields ->> 'key', %s)\n", " where fields ->> 'key' = %s\n", API),
    Bug("later calls keep the address of the callback", "application/processes/_webhook_deliveries.py",
        '"" if one.restricted and one.task.payload["target"] == CALLBACK else one.url', "one.url",
        "tests/application/processes/test_webhooks.py"),
    Bug("orders keep their text in files", "domain/personal_data.py",
        '        "order.opened", "suspense.received", "suspense.return_requested",\n    ]\n',
        '        "suspense.received", "suspense.return_requested",\n    ]\n', LAKE),
    Bug("money in suspense keeps the reference in files", LAKE_FILE,
        '            self._streams |= {ids.decode("sus", one) for one in found if one}\n', "", LAKE),
    Bug("files that were written before keep restricted texts", LAKE_FILE,
"if one.first < end and one.restricted >= first", "if one.restricted < first", LAKE),
    Bug("the audit takes a restriction of an open session for lawful",
        "application/checks/sessions.py",
        "        if session.status in GOING_ON and not is_due:\n", "        if False:\n", SHOW),
]  # fmt: skip
