"""Known bugs of `audit parquet`, `audit report` and the table of free text."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

EXPORT, COLUMNS = "infrastructure/lake/export.py", "infrastructure/lake/columns.py"
ACTS = "application/privileged_acts.py"
LAKE = "tests/infrastructure/test_lake.py"
REPORT = "tests/application/test_privileged_acts.py"

LAKE_BUGS: Final = [
    Bug("the last event of a month is left out of its file", EXPORT,
        "    if group:\n        yield group\n", "    if group[1:]:\n        yield group[:-1]\n", LAKE),
    Bug("a gap in the log is exported", EXPORT,
        "        if len(page) < wanted or page[-1].position != after + wanted:\n", "        if False:\n", LAKE),
    Bug("a file is complete although events were added", EXPORT,
        "    return bool(found == facts)\n", "    return True\n", LAKE),
    Bug("files of another ledger are replaced", EXPORT,
        "    if not same or ahead:\n", "    if ahead:\n", LAKE),
    Bug("files of a lost future are replaced", EXPORT,
        "    if not same or ahead:\n", "    if not same:\n", LAKE),
    Bug("a month is one group in memory", EXPORT,
        "        if len(group) >= GROUP_EVENTS_MAX:\n", "        if False:\n", LAKE),
    Bug("an interrupted file stays", "infrastructure/exports/output.py",
        "        with suppress(OSError):\n            temporary.unlink()\n", "        pass\n", LAKE),
    Bug("an amount of zero is no amount", COLUMNS,
        "value if isinstance(value, int) and", "value if isinstance(value, int) and value and", LAKE),
    Bug("unknown events keep their text", COLUMNS,
        "personal_data.blanked(recorded.topic, data) if known else {}",
        "personal_data.blanked(recorded.topic, data)", LAKE),
    Bug("the user of the command line stays in files without text", COLUMNS,
        "personal_data.blanked_actor(recorded.actor) if without_text else recorded.actor",
        "recorded.actor", LAKE),
    Bug("metadata is not free text", "domain/personal_data.py",
        '            "metadata": "the merchant",\n', "", "tests/house/test_personal_data.py"),
    Bug("months end a month late", "infrastructure/lake/months.py",
        "        end = _first_position(log, _next(month), head)\n",
        "        end = _first_position(log, _next(_next(month)), head)\n", LAKE),
    Bug("revoked keys are not reported", ACTS,
        '        "key.revoked": Act("API key revoked"),\n', "", REPORT),
    Bug("a report goes on past its end", ACTS,
        "            limit = min(PAGE_EVENTS_MAX, end - 1 - after)\n",
        "            limit = PAGE_EVENTS_MAX\n", REPORT),
    Bug("a report about one actor has those of longer names", ACTS,
        "if actor is None or recorded.actor == actor:",
        "if actor is None or recorded.actor.startswith(actor):", REPORT),
    Bug("a printed report lets text turn the direction of writing",
        "infrastructure/cli/audit_report.py",
        "one if one.isprintable() else REPLACEMENT", "one if one.isprintable() else one",
        "tests/infrastructure/test_report_command.py"),
]  # fmt: skip
