"""What listeners and callers received."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from application.checks.notices import check_answers, check_notices
from application.event_log import Recorded
from tests.support.damaged_logs import events, find
from tests.support.ledger_fixture import LedgerFixture


def message(seq: int, history: Sequence[Recorded], kind: str = "event") -> dict[str, Any]:
    return {
        "type": kind,
        "seq": seq,
        "position": history[seq - 1].position,
        "event": history[seq - 1].topic,
        "session": {"version": seq},
    }


def test_a_listener_must_receive_every_event_in_order(ledger: LedgerFixture) -> None:
    log = events(ledger)
    stream = log[find(log, "payment_session.created")].stream_id
    history = [one for one in log if one.stream_id == stream]
    sent = [message(1, history, "snapshot"), *(message(n, history) for n in (2, 3, 4))]

    assert check_notices(sent, history) == []
    assert check_notices([{"type": "heartbeat"}, *sent[2:]], history, after=2) == []
    assert check_notices(sent[:3], history)
    assert check_notices([*sent[:2], sent[3]], history)
    assert check_notices([*sent, sent[3]], history)
    assert check_notices([sent[0], sent[2], sent[1], sent[3]], history)
    assert check_notices([*sent[:3], sent[3] | {"position": 1}], history)
    assert check_notices([*sent[:3], sent[3] | {"event": "payment_session.expired"}], history)
    assert check_notices([*sent, sent[3] | {"seq": 9}], history)


def test_every_idempotency_key_has_one_answer() -> None:
    assert check_answers([("k", "ok"), ("l", "410"), ("k", "ok")]) == []
    assert len(check_answers([("k", "ok"), ("k", "409")])) == 1
