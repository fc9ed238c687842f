"""Money that a processor has only authorised is not a payment, unless a wallet's is held for it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from application.commands.start_attempt import StartAttempt
from application.commands.top_up_wallet import TopUpWallet
from application.ports.processor import Answer, Charge, OutcomeUnknown, State, Unavailable
from domain import ids
from domain.money.money import Money
from domain.sessions.state import Funding
from infrastructure.processors.sandbox import Sandbox
from tests.support.payments import Payers, attempt_of, sandbox_reference
from tests.support.processors import captured_notice
from tests.support.task_fixture import STEPS

PAID = "payment_session.paid"


class Authorising(Sandbox):
    """The sandbox, but it only authorises until `capture` is called, whatever it was asked for."""

    captures: list[str]
    failure: Exception | None

    def begin(self, charge: Charge) -> Answer:
        return super().begin(replace(charge, capture=False))

    def capture(self, charge: Charge) -> Answer:
        self.captures.append(charge.key)
        if self.failure is not None:
            raise self.failure
        return super().capture(charge)


def authorising() -> tuple[Payers, Authorising]:
    payers = Payers()
    payers.sandbox.__class__ = Authorising
    sandbox = payers.sandbox
    assert isinstance(sandbox, Authorising)
    sandbox.captures, sandbox.failure = [], None
    return payers, sandbox


def authorised_notice(payers: Payers, session_id: UUID) -> None:
    session = payers.session(session_id)
    key = f"{session.public_id}.{attempt_of(session).id}"
    reference = sandbox_reference(session)
    answer = Answer(state=State.AUTHORISED, reference=reference, amount=session.amount)
    notice = captured_notice(key, charge_reference=reference, answer=answer)
    payers.inbox.receive("sandbox", notice, b"")


@pytest.mark.parametrize("step", ["", *STEPS])
def test_authorised_money_is_captured_once_and_only_that_pays(step: str) -> None:
    payers, sandbox = authorising()
    session_id = payers.start()

    payers.run(120, kill_at=step)

    assert sandbox.captures
    assert payers.topics(session_id).count(PAID) == 1
    assert payers.taken_minor() == 1200
    assert len(payers.charges.rows) == 1


@pytest.mark.parametrize("failure", [OutcomeUnknown("silent"), Unavailable("away")])
def test_money_that_could_not_be_captured_yet_has_paid_nothing(failure: Exception) -> None:
    payers, sandbox = authorising()
    sandbox.failure = failure
    session_id = payers.start()
    payers.run(60)
    assert payers.session(session_id).status == "processing"
    assert payers.taken_minor() == 0

    sandbox.failure = None
    payers.run(300)

    assert payers.session(session_id).status == "paid"
    assert payers.taken_minor() == 1200


def test_a_callback_that_money_is_authorised_pays_nothing_and_it_is_captured_later() -> None:
    payers, sandbox = authorising()
    session_id = payers.start(1262)
    payers.run()
    payers.sandbox.decide(sandbox_reference(payers.session(session_id)), approved=True)
    authorised_notice(payers, session_id)

    payers.run()
    assert PAID not in payers.topics(session_id)
    assert sandbox.captures == []
    payers.run(60)

    assert payers.topics(session_id)[-1] == PAID
    assert payers.taken_minor() == 1262


def test_authorised_money_is_voided_and_not_captured_after_the_deadline() -> None:
    payers, sandbox = authorising()
    sandbox.failure = OutcomeUnknown("silent")
    session_id = payers.start()
    payers.run(60)
    asked = len(sandbox.captures)
    payers.log.advance(900)
    sandbox.failure = None

    payers.run(60)

    assert payers.session(session_id).status == "expired"
    assert len(sandbox.captures) == asked
    assert payers.taken_minor() == 0


def test_money_that_a_wallet_holds_pays_when_it_is_authorised_and_nothing_is_captured() -> None:
    payers, sandbox = authorising()
    ledger = payers.ledger
    session_id, wallet_id = ledger.create_session(amount=Money(1200, "USD")), ledger.open_wallet()
    ledger.send(TopUpWallet(wallet_id=wallet_id, amount=Money(5000, "USD"), reference="more"))
    claim = ledger.claim_session(session_id, wallet_id)
    ledger.send(
        StartAttempt(
            attempt_id=ledger.new_id(),
            session_id=session_id,
            processor="sandbox",
            funding=Funding.WALLET,
            wallet_id=wallet_id,
            wallet_app_id=ledger.app,
            claim_id=claim,
            amount=Money(1200, "USD"),
        )
    )

    payers.run(60)

    payment = payers.session(session_id).payment
    assert payment is not None
    assert payment.wallet_id == ids.encode("wal", wallet_id)
    assert sandbox.captures == []
