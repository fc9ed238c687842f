"""Batches: commands see their predecessors' results, and none harms another."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from uuid_utils.compat import uuid7

from application.command import Command, Decision, Envelope, Loaded, Outcome
from application.commands.top_up_wallet import TopUpWallet
from application.errors import LogRejected
from application.event_log import AppendRequest, Verdict
from domain.errors import LedgerError
from domain.money.money import Money
from domain.wallets.wallet import Wallet
from tests.support.ledger_fixture import LedgerFixture, codes, envelope
from tests.support.memory_log import MemoryLog


def test_commands_of_one_batch_see_their_predecessors_results() -> None:
    ledger = LedgerFixture(MemoryLog())
    wallet = ledger.open_wallet(2500)
    sessions = [ledger.create_session() for _ in range(4)]
    claims = [ledger.claim_session(session, wallet) for session in sessions]

    results = ledger.bus.send_all(
        [
            envelope(ledger.pay(session, wallet, claim))
            for session, claim in zip(sessions, claims, strict=True)
        ]
    )

    assert codes(results) == ["ok", "ok", "insufficient-funds", "insufficient-funds"]
    assert ledger.wallet(wallet).available_minor == 500


def test_a_second_session_for_an_order_is_refused_with_the_id_of_its_predecessors() -> None:
    ledger = LedgerFixture(MemoryLog())
    first = ledger.create("A-1")

    [_, refusal] = ledger.bus.send_all([envelope(first), envelope(ledger.create("A-1"))])

    assert isinstance(refusal, LedgerError)
    assert refusal.code == "order-open"
    assert refusal.facts == {
        "order_id": "A-1",
        "session_id": ledger.session(first.session_id).public_id,
    }


def test_an_unrecorded_result_has_the_position_and_time_of_its_predecessor() -> None:
    ledger = LedgerFixture(log := MemoryLog())
    wallet, session = ledger.open_wallet(), ledger.create_session()
    log.advance(1)

    scanned, again = ledger.bus.send_all(
        [envelope(ledger.scan(session, wallet)), envelope(ledger.scan(session, wallet))]
    )

    assert isinstance(scanned, Outcome)
    assert isinstance(again, Outcome)
    assert (again.position, again.recorded_at) == (log.head(), log.now())
    assert (again.position, again.recorded_at) == (scanned.position, scanned.recorded_at)


def test_a_refused_command_leaves_no_event() -> None:
    ledger = LedgerFixture(log := MemoryLog())
    head = log.head()

    assert ledger.try_send(ledger.scan(uuid7(), uuid7())) == "not-found"
    assert ledger.try_send(ledger.cancel(uuid7())) == "not-found"
    assert log.head() == head


def test_a_command_that_the_log_rejects_fails_alone() -> None:
    class Picky(MemoryLog):
        def append(self, batch: Sequence[AppendRequest]) -> Sequence[Verdict]:
            if any(request.trace_id == "poison" for request in batch):
                raise LogRejected(reason="no")
            return super().append(batch)

    ledger = LedgerFixture(Picky())
    bad = Envelope(command=ledger.create(), command_id=uuid7(), actor="t", trace_id="poison")

    results = ledger.bus.send_all([envelope(ledger.create()), bad, envelope(ledger.create())])

    assert codes(results) == ["ok", "internal-error", "ok"]


def test_a_command_that_raises_fails_alone() -> None:
    class Broken(Command):
        def decide(self, loaded: Loaded) -> Decision:
            raise ZeroDivisionError

    ledger = LedgerFixture(MemoryLog())

    results = ledger.bus.send_all(
        [envelope(ledger.create()), envelope(Broken()), envelope(ledger.create())]
    )

    assert codes(results) == ["ok", "internal-error", "ok"]


def test_a_command_that_needs_streams_without_end_fails_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Endless(Command):
        def decide(self, loaded: Loaded) -> Decision:
            while True:
                loaded.find(Wallet, uuid7())

    ledger = LedgerFixture(MemoryLog())

    results = ledger.bus.send_all([envelope(Endless()), envelope(ledger.create())])

    assert codes(results) == ["internal-error", "ok"]
    assert "Endless needs too many streams" in caplog.text


def test_a_stream_that_cannot_be_read_fails_only_its_own_commands(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ledger = LedgerFixture(log := MemoryLog())
    broken, readable = ledger.open_wallet(), ledger.open_wallet()
    stream = log._streams[broken]
    stream[0] = stream[0]._replace(state=b"not JSON")
    commands = [
        TopUpWallet(wallet_id=wallet, amount=Money(1, "USD"), reference="r")
        for wallet in (readable, broken)
    ]

    results = LedgerFixture(log, like=ledger).bus.send_all(
        [envelope(command, key=str(command.wallet_id)) for command in commands]
    )

    assert codes(results) == ["ok", "internal-error"]
    assert "failed" in caplog.text
