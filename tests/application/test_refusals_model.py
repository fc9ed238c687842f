"""Recording refusals changes no answer and no session, whatever wallets do and when."""

from __future__ import annotations

from itertools import count
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from application.checks.checker import check_log
from application.command import Command, Envelope, Result
from application.commands.release_claim import ReleaseClaim
from application.refusals import RefusalRecording
from domain.errors import LedgerError
from domain.money.money import Money
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog

FIRST_ID = 0x01890A5D_AC96_774B_8CCE_000000000000
STEP = st.tuples(
    st.sampled_from(["scan", "scan", "pay", "pay", "release", "cancel", "expire", "wait"]),
    st.integers(0, 2),
    st.sampled_from([1, 60, 91, 900]),
    st.booleans(),
)


class Shop:
    """One session and three wallets; ids are counted, so two shops can be compared."""

    def __init__(self, *, recording: RefusalRecording | None) -> None:
        numbers = count(FIRST_ID)
        self.log = MemoryLog()  # whose events have ids of their own
        self.ledger = LedgerFixture(self.log, new_id=lambda: UUID(int=next(numbers)))
        self.recording = recording
        self.wallets = [self.ledger.open_wallet() for _ in range(3)]
        self.session = self.ledger.create_session()
        self.commands = count(1)

    def act(self, step: tuple[str, int, int, bool]) -> list[Any]:
        """Do a step, and record what it lost; returns the answers, twice if it is sent twice."""
        action, who, seconds, again = step
        if action == "wait":
            self.log.advance(seconds)
            return []
        sent = Envelope(
            command=self._command(action, self.wallets[who]),
            command_id=UUID(int=next(self.commands)),
            actor="test",
        )
        answers = []
        for _ in range(1 + again):
            [result] = self.ledger.bus.send_all([sent])
            answers.append(_told(result))
            if self.recording is not None:
                self.recording.add([(sent, result)])
                for envelope, finish in self.recording.take():
                    finish(self.ledger.bus.send_all([envelope])[0])
        return answers

    def _command(self, action: str, wallet: UUID) -> Command:
        claim = self.ledger.session(self.session).claim
        match action:
            case "scan":
                return self.ledger.scan(self.session, wallet)
            case "pay":
                claim_id = claim.id if claim else "clm_none"
                return self.ledger.pay(self.session, wallet, claim_id, Money(1000, "USD"))
            case "release":
                return ReleaseClaim(session_id=self.session, wallet_app_id=self.ledger.app)
            case "cancel":
                return self.ledger.cancel(self.session)
            case _:
                return self.ledger.expire(self.session)


def _told(result: Result) -> Any:
    if isinstance(result, LedgerError):
        return result.code, dict(result.facts)
    return result.subject.id, result.subject.version


@settings(max_examples=100, deadline=None)
@given(st.lists(STEP, max_size=25))
def test_the_same_answers_and_the_same_session_with_refusals_and_without(
    steps: list[tuple[str, int, int, bool]],
) -> None:
    without, with_ = Shop(recording=None), Shop(recording=RefusalRecording())

    answers = [(without.act(step), with_.act(step)) for step in steps]

    assert all(plain == recorded for plain, recorded in answers)
    told = [[one.state for one in shop.log.stream(shop.session)] for shop in (without, with_)]
    assert told[0] == told[1]
    assert check_log(with_.log.events)[1] == []
    topics = {one.topic for one in with_.log.events} - {one.topic for one in without.log.events}
    assert topics <= {"refusal.recorded"}
