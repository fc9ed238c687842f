"""Conflicts: a command that lost decides again, and no result depends on it."""

from __future__ import annotations

import pytest
from uuid_utils.compat import uuid7

from application.bus import TRIES_MAX
from application.command import Outcome
from application.commands.top_up_wallet import TopUpWallet
from domain import ids
from domain.money.money import Money
from domain.sessions.state import Status
from domain.wallets.top_up_reference import TopUpReference
from tests.support.interfering_log import InterferingLog
from tests.support.ledger_fixture import LedgerFixture, codes, envelope


def test_a_command_that_lost_decides_again_on_the_current_state() -> None:
    ledger = LedgerFixture(log := InterferingLog())
    other = LedgerFixture(log, like=ledger)
    wallet, rival, session = ledger.open_wallet(), ledger.open_wallet(), ledger.create_session()
    log.before_append = lambda: other.send(other.scan(session, rival))

    assert ledger.try_send(ledger.scan(session, wallet)) == "session-claimed"


@pytest.mark.parametrize("key", ["", "k"])
def test_a_result_that_depends_on_a_command_that_lost_is_decided_again(key: str) -> None:
    ledger = LedgerFixture(log := InterferingLog())
    other = LedgerFixture(log, like=ledger)
    wallet = ledger.open_wallet(1000)
    first, second = ledger.create_session(), ledger.create_session()
    claims = [ledger.claim_session(first, wallet), ledger.claim_session(second, wallet)]
    log.before_append = lambda: other.send(other.cancel(first))

    results = ledger.bus.send_all(
        [
            envelope(ledger.pay(first, wallet, claims[0])),
            envelope(ledger.pay(second, wallet, claims[1]), key=key),
        ]
    )

    assert codes(results) == ["session-not-payable", "ok"]
    assert ledger.wallet(wallet).available_minor == 0


def test_a_kept_refusal_never_depends_on_a_predecessor_that_may_lose() -> None:
    ledger = LedgerFixture(log := InterferingLog())
    other = LedgerFixture(log, like=ledger)
    wallet = ledger.open_wallet(1000)
    first, second = ledger.create_session(), ledger.create_session()
    claims = [ledger.claim_session(first, wallet), ledger.claim_session(second, wallet)]
    log.before_append = lambda: other.send(other.cancel(first))

    ledger.bus.send_all(
        [
            envelope(ledger.pay(first, wallet, claims[0])),
            envelope(ledger.pay(second, wallet, claims[1]), key="k"),
        ]
    )

    pay_again = ledger.pay(second, wallet, claims[1])
    assert isinstance(ledger.try_send(pay_again, key="k"), Outcome)


def test_a_result_keeps_its_position_although_a_later_command_of_the_batch_lost() -> None:
    ledger = LedgerFixture(log := InterferingLog())
    other = LedgerFixture(log, like=ledger)
    wallet, session = ledger.open_wallet(1000), ledger.create_session()
    scan = ledger.scan(session, wallet)
    claim = ids.encode("clm", scan.claim_id)
    log.before_append = lambda: other.send(
        TopUpWallet(wallet_id=wallet, amount=Money(1, "USD"), reference="meanwhile")
    )

    scanned, again, paid = ledger.bus.send_all(
        [
            envelope(scan),
            envelope(ledger.scan(session, wallet)),
            envelope(ledger.pay(session, wallet, claim)),  # loses on the wallet, decides again
        ]
    )

    assert isinstance(scanned, Outcome)
    assert isinstance(again, Outcome)
    assert isinstance(paid, Outcome)
    assert again.position == scanned.position
    assert again.subject.version == scanned.subject.version == 2


def test_a_command_that_always_loses_is_refused_as_overloaded() -> None:
    ledger = LedgerFixture(log := InterferingLog())
    other = LedgerFixture(log, like=ledger)
    wallet = ledger.open_wallet()

    def top_up() -> None:
        log.after_load = None
        reference = str(uuid7())
        other.send(TopUpWallet(wallet_id=wallet, amount=Money(1, "USD"), reference=reference))
        log.after_load = top_up

    log.after_load = top_up
    mine = TopUpWallet(wallet_id=wallet, amount=Money(1, "USD"), reference="mine")

    assert ledger.try_send(mine) == "overloaded"
    log.after_load = None
    assert log.stream(TopUpReference.stream_id(wallet, "mine")) == []
    assert ledger.wallet(wallet).version == 1 + 1 + TRIES_MAX


def test_a_deadline_that_passes_between_decision_and_append_is_noticed() -> None:
    ledger = LedgerFixture(log := InterferingLog())
    wallet, session = ledger.open_wallet(), ledger.create_session()
    pay = ledger.pay(session, wallet, ledger.claim_session(session, wallet))
    log.before_append = lambda: log.advance(900)

    assert ledger.try_send(pay) == "session-expired"
    assert ledger.session(session).status is Status.SCANNED


def test_a_clock_that_goes_back_does_not_expire_a_session_early() -> None:
    ledger = LedgerFixture(log := InterferingLog())
    session = ledger.create_session()
    log.advance(900)
    log.before_append = lambda: log.advance(-1)

    assert ledger.try_send(ledger.expire(session)) == "session-not-due"
    assert ledger.session(session).status is Status.CREATED
