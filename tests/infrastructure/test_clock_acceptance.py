"""`qrledger clock accept`: a ledger whose clock is in doubt records events again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from application.commands.accept_clock import AcceptClock
from domain.errors import InvalidRequest
from domain.sessions.state import Status
from tests.support.clock_fixture import HOUR, YEAR, ClockFixture

pytestmark = [pytest.mark.contract, pytest.mark.postgres]


@pytest.mark.parametrize(("back", "code"), [(29, "session-expired"), (600, "overloaded")])
def test_a_late_payment_is_not_accepted_after_a_step_back(
    clocked: ClockFixture, back: int, code: str
) -> None:
    wallet, session = (
        clocked.ledger.open_wallet(),
        clocked.ledger.create_session(expires_in_seconds=60),
    )
    claim = clocked.ledger.claim_session(session, wallet)
    clocked.tick(61)
    clocked.create()  # the log has reached the deadline
    clocked.jump(-back)

    assert clocked.ledger.try_send(clocked.ledger.pay(session, wallet, claim), key="pay") == code
    assert clocked.ledger.wallet(wallet).available_minor == 100_000


def test_accepting_a_jump_ahead_adopts_the_clock(clocked: ClockFixture) -> None:
    session = clocked.ledger.create_session(expires_in_seconds=900)
    clocked.jump(YEAR)
    assert clocked.create() == "overloaded"

    assert clocked.accept() == timedelta(0)

    assert clocked.create() == "ok"  # the process that refused it reads the acceptance
    assert clocked.last == clocked.seconds + YEAR
    assert clocked.status(session) is Status.EXPIRED
    assert clocked.log.clock_state().doubt == ""


def test_a_ledger_ahead_of_the_clock_continues_at_the_true_pace_once_accepted(
    clocked: ClockFixture,
) -> None:
    clocked.create()
    clocked.jump(YEAR)
    clocked.restart()  # no witness, so it adopts the clock
    assert clocked.create() == "ok"
    clocked.jump(-YEAR)
    clocked.tick(5)
    assert clocked.create() == "overloaded"
    clocked.restart()
    assert clocked.create() == "overloaded"

    assert clocked.accept() == timedelta(seconds=YEAR - 5)

    accepted = clocked.last
    assert accepted == YEAR  # the time of the last event
    clocked.tick(10)
    session = clocked.ledger.create_session(expires_in_seconds=60)
    assert clocked.last == YEAR + 10
    clocked.tick(59)
    assert clocked.status(session) is Status.CREATED
    clocked.restart()
    clocked.tick(1)
    assert clocked.status(session) is Status.EXPIRED
    assert clocked.log.clock_state().reading.offset == timedelta(seconds=YEAR - 5)
    [event] = [r.event for r in clocked.log.read(0, 1000) if r.topic == "clock.accepted"]
    assert vars(event)["offset_microseconds"] == int(YEAR - 5) * 1_000_000


def test_a_later_acceptance_changes_the_offset(clocked: ClockFixture) -> None:
    clocked.jump(YEAR)
    clocked.create()
    clocked.restart()
    clocked.create()
    clocked.jump(-YEAR)
    clocked.accept()
    clocked.jump(-HOUR)
    assert clocked.create() == "overloaded"

    offset = clocked.accept()

    assert offset is not None
    assert timedelta(seconds=YEAR) < offset <= timedelta(seconds=YEAR + HOUR)
    assert clocked.create() == "ok"
    clocked.jump(YEAR + 2 * HOUR)  # the server's clock is ahead of the log: no offset is needed
    assert clocked.create() == "overloaded"
    assert clocked.accept() == timedelta(0)
    assert clocked.create() == "ok"
    assert clocked.last == clocked.seconds + clocked.skew


def test_there_is_nothing_to_accept_within_the_limits(clocked: ClockFixture) -> None:
    clocked.create()

    assert clocked.accept() is None
    clocked.tick(300)
    assert clocked.accept() is None
    clocked.jump(-30)
    assert clocked.accept() is None


def test_an_acceptance_of_a_time_before_the_last_event_is_refused(clocked: ClockFixture) -> None:
    clocked.tick(HOUR)
    clocked.create()
    clocked.jump(-HOUR)
    head = clocked.log.head()

    short = AcceptClock(acceptance_id=uuid7(), offset=timedelta(minutes=59))
    assert clocked.ledger.try_send(short) == "overloaded"
    for seconds in (-1, 200 * YEAR):
        wrong = AcceptClock(acceptance_id=uuid7(), offset=timedelta(seconds=seconds))
        with pytest.raises(InvalidRequest):
            clocked.ledger.send(wrong)

    assert clocked.log.head() == head
    assert clocked.log.clock_state().reading.offset == timedelta(0)
