"""The bus under idempotency keys: each command once, and its first result again."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from application.command import Outcome
from application.commands.top_up_wallet import TopUpWallet
from domain import ids
from domain.errors import LedgerError
from domain.money.money import Money
from domain.sessions.state import Status
from tests.support.interfering_log import InterferingLog
from tests.support.ledger_fixture import LedgerFixture, codes, envelope
from tests.support.memory_log import MemoryLog


def test_the_same_key_and_body_returns_the_first_result_even_much_later() -> None:
    ledger = LedgerFixture(log := MemoryLog())
    command = ledger.create("A-1")
    first = ledger.send(command, key="k", body="b")
    wallet = ledger.open_wallet()
    claim = ledger.claim_session(command.session_id, wallet)
    ledger.send(ledger.pay(command.session_id, wallet, claim))
    log.advance(5000)
    head = log.head()

    again = ledger.send(ledger.create("A-1"), key="k", body="b")

    assert again.replayed
    assert (again.position, again.recorded_at) == (first.position, first.recorded_at)
    assert (again.subject.id, again.subject.version) == (command.session_id, 1)
    assert again.subject.status is Status.CREATED
    assert log.head() == head


def test_the_same_key_with_another_body_is_refused() -> None:
    ledger = LedgerFixture(log := MemoryLog())
    ledger.send(ledger.create(), key="k", body="b")
    head = log.head()

    assert ledger.try_send(ledger.create(), key="k", body="c") == "idempotency-key-reused"
    assert log.head() == head


def test_a_decided_refusal_is_kept_under_its_key_and_replayed() -> None:
    ledger = LedgerFixture(log := MemoryLog())
    wallet, session = ledger.open_wallet(5), ledger.create_session()
    pay = ledger.pay(session, wallet, ledger.claim_session(session, wallet))

    assert ledger.try_send(pay, key="k") == "insufficient-funds"
    ledger.send(TopUpWallet(wallet_id=wallet, amount=Money(5000, "USD"), reference="more"))
    head = log.head()
    with pytest.raises(LedgerError) as replayed:
        ledger.send(pay, key="k")

    assert (replayed.value.code, replayed.value.replayed) == ("insufficient-funds", True)
    assert replayed.value.facts == {
        "wallet_id": ids.encode("wal", wallet),
        "asked_minor": 1000,
        "currency": "USD",
    }
    assert log.head() == head
    assert isinstance(ledger.try_send(pay, key="other"), Outcome)


def test_paying_again_under_another_key_returns_the_first_payment() -> None:
    ledger = LedgerFixture(log := MemoryLog())
    wallet, session = ledger.open_wallet(), ledger.create_session()
    pay = ledger.pay(session, wallet, ledger.claim_session(session, wallet))
    first = ledger.send(pay, key="one")
    head = log.head()
    log.advance(5000)

    again = ledger.send(pay, key="two")

    assert (again.position, again.replayed) == (first.position, False)
    assert log.head() == head
    assert ledger.send(pay, key="two").replayed


def test_a_transient_refusal_is_not_kept() -> None:
    ledger = LedgerFixture(log := MemoryLog())
    wallet, other, session = ledger.open_wallet(), ledger.open_wallet(), ledger.create_session()
    ledger.claim_session(session, wallet)
    scan = ledger.scan(session, other)

    assert ledger.try_send(scan, key="k") == "session-claimed"
    log.advance(90)

    assert isinstance(ledger.try_send(scan, key="k"), Outcome)


def test_duplicates_in_one_batch_are_recorded_once() -> None:
    ledger = LedgerFixture(log := MemoryLog())
    head = log.head()

    results = ledger.bus.send_all([envelope(ledger.create("A-1"), "k", "b") for _ in range(50)])

    assert codes(results) == ["ok"] * 50
    outcomes = [result for result in results if isinstance(result, Outcome)]
    assert len({outcome.subject.id for outcome in outcomes}) == 1
    assert sum(outcome.replayed for outcome in outcomes) == 49
    assert log.head() == head + 2


def test_duplicates_in_one_batch_share_a_transient_refusal() -> None:
    ledger = LedgerFixture(log := MemoryLog())
    wallet, other, session = ledger.open_wallet(), ledger.open_wallet(), ledger.create_session()
    ledger.claim_session(session, wallet)
    scan = ledger.scan(session, other)
    receipts = len(log.receipts)

    results = ledger.bus.send_all([envelope(scan, "k", "b"), envelope(scan, "k", "b")])

    assert codes(results) == ["session-claimed", "session-claimed"]
    assert len(log.receipts) == receipts


def test_a_duplicate_in_one_batch_with_another_body_is_refused() -> None:
    ledger = LedgerFixture(MemoryLog())
    command = ledger.create("A-1")

    results = ledger.bus.send_all([envelope(command, "k", "b"), envelope(command, "k", "c")])

    assert codes(results) == ["ok", "idempotency-key-reused"]


@pytest.mark.parametrize("known", [True, False])
def test_a_concurrent_retry_sent_by_an_older_release_is_recognized_by_its_fingerprint(
    known: bool,
) -> None:
    ledger = LedgerFixture(log := InterferingLog())
    other = LedgerFixture(log, like=ledger)
    command = ledger.create("A-1")
    older = ids.derive("body", "b, as an older release encodes it").bytes
    first: list[Outcome] = []
    log.before_append = lambda: first.append(
        other.send(command, key="k", body="b, as an older release encodes it")
    )
    retry = replace(
        envelope(command, key="k", body="b"),
        older_fingerprints=lambda: (older,) if known else (),
    )

    [result] = ledger.bus.send_all([retry])

    if known:
        assert isinstance(result, Outcome)
        assert result.replayed
        assert result.position == first[0].position
    else:
        assert codes([result]) == ["idempotency-key-reused"]


KEPT_REFUSALS = {
    "create_session": {"invalid-request"},
    "scan_session": {"session-expired", "invalid-qr"},
    "pay_session": {
        "session-expired", "amount-mismatch", "wallet-currency-mismatch", "insufficient-funds",
    },
    "release_claim": {"session-expired"},
    "top_up_wallet": {"wallet-currency-mismatch", "balance-limit"},
    "issue_key": {"invalid-request"},
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(KEPT_REFUSALS))
def test_a_process_that_imports_only_the_bus_and_a_command_can_replay_its_refusals(
    name: str,
) -> None:
    program = (
        f"import json, application.bus, application.commands.{name}; "
        "from domain.errors import LedgerError; print(json.dumps(list(LedgerError.by_code)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert set(json.loads(done.stdout)) >= KEPT_REFUSALS[name]
