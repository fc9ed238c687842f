"""One event of each class, and the golden files that must load forever.

`python -m tests.support.golden` writes the files of new events. It never overwrites one, because
stored bytes never change.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from infrastructure.event_store.mapper import LedgerMapper, schema_version
from tests.support.golden_merchants import MERCHANTS
from tests.support.golden_money import MONEY_EVENTS
from tests.support.golden_sessions import SESSIONS

GOLDEN = Path(__file__).parents[1] / "house" / "golden"
EVENTS = [*SESSIONS, *MONEY_EVENTS, *MERCHANTS]

if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for event in EVENTS:
        stored = LedgerMapper().to_stored_event(event)
        path = GOLDEN / f"{stored.topic}.v{schema_version(type(event))}.json"
        golden = {
            "topic": stored.topic,
            "originator_id": str(stored.originator_id),
            "originator_version": stored.originator_version,
            "state": stored.state.decode(),
            "fields": msgspec.to_builtins({**vars(event)}),
        }
        if not path.exists():
            path.write_text(json.dumps(golden, indent=2, ensure_ascii=False) + "\n")
