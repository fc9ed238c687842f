"""What payers need of attempts is gone when an attempt has ended, whatever happens meanwhile."""

from __future__ import annotations

import pytest

from application.commands.decline_attempt import DeclineAttempt
from application.ports.attempt_notes import Notes
from application.processes.process import Task
from domain import ids
from tests.support.payments import Payers, attempt_of


@pytest.mark.parametrize("process", ["payments", "status_checks"])
def test_an_attempt_that_ends_before_its_redirect_is_stored_leaves_no_note(process: str) -> None:
    payers = Payers()
    session_id = payers.start(1262)
    if process == "status_checks":
        payers.run()
    [performing] = [one for one in payers.processes if one.name == process]
    [begun] = [one for one in payers.log.events if one.topic == "payment_session.processing"]
    first: Task = next(iter(performing.react(begun)))  # type: ignore[assignment]
    store, stored = payers.notes.set_redirect, []

    def too_late(attempt_id: str, url: str) -> None:
        attempt = ids.decode("att", attempt_id)
        payers.ledger.send(DeclineAttempt(session_id=session_id, attempt_id=attempt))
        payers.notes.forget(attempt_id)  # as the task does that the end has set
        store(attempt_id, url)
        stored.append(payers.notes.of(attempt_id).redirect_url)

    payers.notes.set_redirect = too_late  # type: ignore[method-assign]
    performing.perform([first])

    assert len(stored) == 1
    assert stored[0]
    assert payers.notes.of(attempt_of(payers.session(session_id)).id) == Notes()
