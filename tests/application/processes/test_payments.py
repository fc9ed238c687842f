"""Payments by a processor: whatever it does, one charge, one effect, and an end or a flag."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import pytest

from application.commands.cancel_session import CancelSession
from application.commands.request_void import RequestVoid
from application.ports.processor import (
    Answer,
    Charge,
    OutcomeUnknown,
    State,
    Subject,
    Unavailable,
)
from application.processes.process import Done, Task
from application.processes.processor_callbacks import WAITS
from domain import ids
from domain.money.money import Money
from domain.sessions.errors import PaymentInFlight
from domain.sessions.payment_session import PaymentSession
from tests.support.payments import Payers, attempt_of, sandbox_reference
from tests.support.processors import captured_notice
from tests.support.task_fixture import STEPS

LIFETIME = 900


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", ["approves", "slow", "silent", "late", "twice", "redirects"])
def test_a_payer_is_charged_once_wherever_the_worker_dies(name: str, step: str) -> None:
    payers = Payers()
    session_id = payers.start(sandbox=name)

    payers.run(400, step=20, kill_at=step)

    assert len(payers.charges.rows) == 1
    assert payers.topics(session_id).count("payment_session.paid") == (name != "redirects")


def test_a_payer_who_approves_on_the_page_has_paid() -> None:
    payers = Payers()
    session_id = payers.start(1262)
    payers.run(10)
    waiting = payers.session(session_id)
    attempt_id = attempt_of(waiting).id
    address = payers.notes.of(attempt_id).redirect_url

    payers.sandbox.decide(sandbox_reference(waiting), approved=True)
    payers.run(30)

    assert waiting.status == "processing"
    assert address == f"https://pay.example/sandbox/{sandbox_reference(waiting)}"
    assert payers.session(session_id).status == "paid"
    assert payers.notes.of(attempt_id) == ("", "")


def test_a_decline_on_the_page_is_called_back() -> None:
    payers = Payers()
    session_id = payers.start(1262)
    payers.run()
    payers.sandbox.decide(sandbox_reference(payers.session(session_id)), approved=False)

    payers.run(60)

    assert payers.session(session_id).status == "created"
    assert attempt_of(payers.session(session_id)).status == "declined"


def test_a_payer_who_chooses_another_way_does_not_wait_for_the_deadline() -> None:
    payers = Payers()
    session_id = payers.start(1262)
    payers.run()
    attempt_id = ids.decode("att", attempt_of(payers.session(session_id)).id)

    payers.ledger.send(RequestVoid(session_id=session_id, attempt_id=attempt_id))
    payers.run(2)
    open_again = payers.session(session_id).status
    payers.attempt(session_id)
    payers.run(2)

    assert open_again == "created"
    assert [row.state for row in payers.charges.rows] == ["voided", "processing"]


def test_a_session_in_flight_cannot_be_cancelled() -> None:
    payers = Payers()
    session_id = payers.start(1262)
    payers.run()

    with pytest.raises(PaymentInFlight):
        payers.ledger.send(CancelSession(session_id=session_id, merchant_id=payers.ledger.merchant))


class Scripted:
    """A processor whose calls answer in order; the last answer is repeated."""

    def __init__(self, **answers: Sequence[Answer | Exception]) -> None:
        self.answers = {name: list(each) for name, each in answers.items()}
        self.calls: list[tuple[str, str]] = []

    def __getattr__(self, name: str) -> object:
        def call(charge: Charge) -> Answer:
            self.calls.append((name, charge.key))
            answers = self.answers[name]
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


PENDING = Answer(state=State.PROCESSING, reference="r-1")
CAPTURED = Answer(state=State.CAPTURED, reference="r-1", amount=Money(1200, "USD"))
MISSING = Answer(state=State.NOT_FOUND)
VOIDED = Answer(state=State.VOIDED)


def paying(**answers: Sequence[Answer | Exception]) -> tuple[Payers, Scripted, UUID]:
    scripted = Scripted(**answers)
    payers = Payers(scripted)  # type: ignore[arg-type]
    return payers, scripted, payers.start()


def test_an_outage_before_the_call_is_repeated_under_the_same_key() -> None:
    payers, scripted, session_id = paying(
        begin=[Unavailable("away"), Unavailable("away"), CAPTURED], status=[MISSING]
    )

    payers.run(60, step=1)

    assert payers.session(session_id).status == "paid"
    assert len({key for _, key in scripted.calls}) == 1


def test_an_unknown_outcome_is_asked_for_first_after_15_seconds() -> None:
    payers, scripted, session_id = paying(begin=[OutcomeUnknown("timeout")], status=[CAPTURED])

    payers.run(14, step=1)
    unknown, early = payers.session(session_id), scripted.names()
    payers.run(2, step=1)

    assert (unknown.status, attempt_of(unknown).status) == ("processing", "unknown")
    assert early == ["begin"]
    assert scripted.names() == ["begin", "status"]
    assert payers.session(session_id).status == "paid"


def test_what_never_arrived_is_begun_again_before_the_deadline_and_voided_after_it() -> None:
    payers, scripted, session_id = paying(
        begin=[OutcomeUnknown("timeout")],
        status=[MISSING],
        void=[*[OutcomeUnknown("timeout")] * 12, VOIDED],
    )

    payers.run(LIFETIME - 10, step=10)
    before = scripted.names()
    payers.run(880, step=10)

    assert set(before) == {"begin", "status"}
    assert scripted.names().count("begin") == before.count("begin")
    assert payers.session(session_id).status == "expired"
    assert len({key for _, key in scripted.calls}) == 1


def test_silence_never_ends_an_attempt_but_flags_it_for_a_person() -> None:
    silence = [OutcomeUnknown("timeout")]
    payers, scripted, session_id = paying(begin=silence, status=silence, void=silence)

    payers.run(LIFETIME + 890, step=10)
    before = payers.session(session_id)
    payers.run(600, step=10)
    after, asked = payers.session(session_id), scripted.names().count("status")
    payers.run(3600, step=60)

    assert (before.status, before.flags) == ("processing", ())
    assert (after.status, after.flags) == ("processing", ("unresolved",))
    assert scripted.names().count("status") == asked < 100


def test_a_capture_after_the_deadline_is_paid_and_not_late() -> None:
    payers, _, session_id = paying(
        begin=[PENDING], status=[PENDING], void=[PENDING, PENDING, CAPTURED]
    )

    payers.run(LIFETIME + 600, step=10)

    session = payers.session(session_id)
    assert (session.status, session.flags) == ("paid", ())


def test_an_attempt_that_waits_for_a_second_confirmation_gets_it() -> None:
    waiting = Answer(state=State.CONFIRMABLE, reference="r-1")
    payers, scripted, session_id = paying(begin=[PENDING, CAPTURED], status=[waiting])

    payers.run(60)

    assert payers.session(session_id).status == "paid"
    assert scripted.names() == ["begin", "status", "begin"]


def test_a_processor_that_is_not_configured_any_more_is_asked_later() -> None:
    payers = Payers()
    payers.processors.clear()
    session_id = payers.start()

    payers.run(30)

    assert payers.session(session_id).status == "processing"
    assert payers.topics(session_id)[-1] == PaymentSession.Processing.TOPIC


# Callbacks.


def test_a_callback_has_one_effect_in_any_order() -> None:
    payers = Payers()
    session_id = payers.start(sandbox="redirects")
    payers.run()
    key = payers.charges.rows[0].key
    for number in (1, 2, 3):
        notice = captured_notice(key, id=f"n-{number}")
        for _ in range(2):
            payers.inbox.receive("sandbox", notice, bytes(32))

    payers.run(10)

    assert payers.topics(session_id).count("payment_session.paid") == 1
    assert payers.session(session_id).flags == ()


def test_a_callback_about_nothing_waits_72_hours_and_its_money_goes_to_suspense() -> None:
    payers = Payers()
    unknown = f"{ids.encode('ps', ids.derive('a'))}.{ids.encode('att', ids.derive('b'))}"
    for number, key in enumerate((unknown, "", "garbage", "ps_1.att_1")):
        notice = captured_notice(key, id=f"n-{number}", charge_reference=f"r-{number}")
        payers.inbox.receive("sandbox", notice, bytes(32))
    before = payers.log.head()

    payers.run(WAITS.total_seconds() - 3600, step=3600)
    waiting = payers.log.head()
    payers.run(8 * 3600, step=1800)

    assert waiting == before
    assert payers.log.head() > before


def test_an_attempt_that_was_not_begun_by_the_deadline_is_not_begun_at_all() -> None:
    payers, scripted, session_id = paying(begin=[CAPTURED], void=[VOIDED], status=[MISSING])
    payers.log.advance(LIFETIME + 1)

    payers.run(30)

    assert set(scripted.names()) == {"void"}
    assert payers.session(session_id).status == "expired"


def test_a_callback_that_names_only_the_reference_is_about_the_attempt_whoever_ended_it() -> None:
    payers, _, session_id = paying(begin=[OutcomeUnknown("timeout")], void=[CAPTURED])
    attempt_id = ids.decode("att", attempt_of(payers.session(session_id)).id)
    payers.ledger.send(RequestVoid(session_id=session_id, attempt_id=attempt_id))
    payers.run(5)
    before = payers.session(session_id)
    payers.inbox.receive("sandbox", captured_notice("", charge_reference="r-1"), bytes(32))

    payers.run(WAITS.total_seconds() + 2 * 3600, step=1800)

    assert before.status == "paid"
    assert "suspense.received" not in [one.topic for one in payers.log.events]


@pytest.mark.parametrize("pays", [True, False])
def test_a_dispute_that_comes_before_its_payment_waits_for_it(
    pays: bool, caplog: pytest.LogCaptureFixture
) -> None:
    payers = Payers()
    session_id = payers.start(sandbox="redirects")
    payers.run()
    key = payers.charges.rows[0].key
    disputed = Answer(state=State.DISPUTE_OPENED, reference="d-1", amount=Money(1200, "USD"))
    notice = captured_notice(key, subject=Subject.DISPUTE, answer=disputed)
    payers.inbox.receive("sandbox", notice, bytes(32))
    payers.run(10)
    early = payers.topics(session_id).count("dispute.opened")

    reference = sandbox_reference(payers.session(session_id))
    payers.sandbox.decide(reference, approved=pays)
    payers.run(WAITS.total_seconds() + 2 * 3600, step=1800)

    assert (early, payers.topics(session_id).count("dispute.opened")) == (0, pays)
    assert ("has paid nothing" in caplog.text) == (not pays)
    assert not any(process == "processor_callbacks" for process, _ in payers.store.rows)


def test_a_dispute_outlives_a_clock_that_jumps_while_its_attempt_may_still_pay() -> None:
    payers = Payers()
    session_id = payers.start(sandbox="redirects")
    payers.run()
    disputed = Answer(state=State.DISPUTE_LOST, reference="d-1", amount=Money(1200, "USD"))
    key = payers.charges.rows[0].key
    notice = captured_notice(key, subject=Subject.DISPUTE, answer=disputed)
    payers.inbox.receive("sandbox", notice, bytes(32))
    payers.run(10)
    reference = sandbox_reference(payers.session(session_id))

    payers.log.advance(10 * WAITS.total_seconds())
    [callbacks] = [one for one in payers.processes if one.name == "processor_callbacks"]
    [waiting] = [row for (name, _), row in payers.store.rows.items() if name == callbacks.name]
    [result] = callbacks.perform([waiting.task])
    payers.sandbox.decide(reference, approved=True)
    payers.run(2 * 3600, step=600)

    assert isinstance(result, Done)
    assert [task.key for task in result.tasks] == [waiting.task.key]
    assert payers.topics(session_id).count("dispute.lost") == 1


def test_the_key_of_a_status_check_records_ends_only() -> None:
    payers, _, session_id = paying(begin=[PENDING], status=[PENDING])
    attempt_id = attempt_of(payers.session(session_id)).id
    payload = {"session_id": str(session_id)}
    payers.log.advance(LIFETIME + 901)

    [result] = payers.processes[1].perform(
        [Task(key=attempt_id, due_at=payers.log.clock, payload=payload)]
    )

    assert isinstance(result, Done)
    assert result.commands == ()
    assert [one.key for one in result.tasks] == [f"accept {attempt_id}", f"flag {attempt_id}"]
