"""Late money waits for its merchant as long as the setting says, or goes back at once."""

from __future__ import annotations

from typing import Any

import pytest

from domain import times
from tests.support.payments import Payers, attempt_of, sandbox_reference
from tests.support.processors import captured_notice


@pytest.mark.parametrize("seconds", [0, 3600, 86_400])
def test_late_money_is_returned_when_its_merchant_may_not_accept_it_any_more(seconds: int) -> None:
    payers = Payers(late_money_seconds=seconds)
    session_id = payers.start(1261)  # declines
    payers.run(10)
    session = payers.session(session_id)
    key = f"{session.public_id}.{attempt_of(session).id}"
    answer = captured_notice(key).answer
    late = captured_notice(
        key,
        charge_reference=sandbox_reference(session),
        answer=type(answer)(state=answer.state, reference="r-1", amount=session.amount),
    )

    payers.inbox.receive("sandbox", late, b"")
    payers.run(5)

    [received] = [one for one in payers.log.events if one.topic == "suspense.received"]
    event: Any = received.event
    waits = times.from_text(event.accept_until) - received.recorded_at
    assert waits.total_seconds() == seconds
    requested = [one for one in payers.log.events if one.topic == "suspense.return_requested"]
    assert len(requested) == (seconds == 0)
