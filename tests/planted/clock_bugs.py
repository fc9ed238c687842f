"""Known bugs of the test clock and of the stories."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

SQL = "infrastructure/postgres/sql/0016_test_clock.sql"
DOMAIN, COMMAND = "tests/domain/test_clock.py", "tests/application/commands/test_advance_clock.py"
STORE = "tests/infrastructure/test_advanced_clock.py"
API = "tests/api/test_advance_clock.py"

CLOCK_BUGS: Final = [
    Bug("a test clock may be set back", "domain/clock.py",
        "if not 1 <= seconds <= ADVANCE_SECONDS_MAX:", "if seconds > ADVANCE_SECONDS_MAX:",
        f"{DOMAIN} {COMMAND}"),
    Bug("the log lowers the offset", SQL, "        if advanced <= 0 then\n", "        if false then\n",
        STORE),
    Bug("the clock of a live ledger is advanced", "application/commands/advance_clock.py",
        '        if self.mode != "test":\n', "        if False:\n", f"{COMMAND} {API}"),
    Bug("the log of a live ledger is advanced", SQL,
        "if (select i.mode from identity i where i.one) <> 'test' then", "if false then", STORE),
    Bug("an advance is recorded and not applied", SQL,
        "update clock set advanced_seconds = advanced_seconds + advanced where one;", "null;", STORE),
    Bug("the last of two advances counts alone", SQL,
        "set advanced_seconds = advanced_seconds + advanced where one;",
        "set advanced_seconds = advanced where one;", STORE),
    Bug("an accepted clock forgets what was advanced", SQL,
        "then ledger.now() - (select c.accepted_offset from clock c where c.one) + accepted",
        "then ledger.server_now() + accepted", STORE),
    Bug("the guard takes an advance for a jump", "application/clock_guard.py",
        "clock > witness + advance + ahead", "clock > witness + ahead", STORE),
    Bug("advances have no end", "domain/clock.py",
        "    if advanced_seconds + seconds > ADVANCED_SECONDS_MAX:\n", "    if False:\n", DOMAIN),
    Bug("webhooks are signed at the ledger's time",
        "application/processes/_webhook_deliveries.py",
        "            at=self._wall_clock(),\n", "            at=now,\n",
        "tests/application/processes/test_webhooks.py"),
    Bug("callbacks are judged by the ledger's time", "infrastructure/bootstrap/api_process.py",
        "now=lambda: datetime.now(UTC)", "now=read_log.now", "tests/api/test_real_time.py"),
    Bug("leases keep real time", "infrastructure/postgres/tasks.py",
        "clock as materialized (select ledger.now() as at),",
        "clock as materialized (select clock_timestamp() as at),", STORE),
    Bug("open screens do not hear of an advance", "api/live/hub.py",
        "        if any(one.topic == Clock.Advanced.TOPIC for one in events):\n", "        if False:\n",
        "tests/api/test_live_server.py"),
    Bug("the notifier keeps the time from before an advance", "api/live/hub.py",
        "        clock.reached(events[-1].recorded_at)\n", "",
        "tests/api/test_live_server.py"),
    Bug("tokens keep the time from before an advance", "api/v1/clock.py",
        "        self._services.reader.clock.reached(now)\n", "", API),
    Bug("a changed test clock goes unnoticed", "infrastructure/audit.py",
        "    if advanced != checker.clock.advanced_seconds:\n", "    if False:\n", STORE),
    Bug("a live ledger plays stories", "infrastructure/cli/trigger.py",
        '    if settings.mode != "test":\n', "    if False:\n",
        "tests/infrastructure/test_trigger.py"),
    Bug("a type of webhooks has no story", "application/stories/library.py",
        "{**SESSION_STORIES, **ATTEMPT_STORIES, **PAYOUT_STORIES}",
        "{**SESSION_STORIES, **ATTEMPT_STORIES}", "tests/infrastructure/test_trigger.py"),
]  # fmt: skip
"""Each one is caught by a test of the clock."""
