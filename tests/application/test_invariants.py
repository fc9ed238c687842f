"""Every invariant is refuted by a log that breaks it, and by no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from application.checks.head import check_head
from application.checks.notices import check_answers, check_notices
from application.checks.read_models import check_sessions, check_wallet_payments
from application.event_log import Receipt, Recorded
from application.invariants import check_log
from tests.support.ledger_fixture import LEASE_SECONDS, LedgerFixture
from tests.support.memory_log import MemoryLog


@pytest.fixture
def ledger() -> LedgerFixture:
    """A ledger where everything has happened once."""
    log = MemoryLog()
    ledger = LedgerFixture(log)
    one, two = ledger.open_wallet(5000), ledger.open_wallet(5000)
    paid = ledger.create_session("A-1")
    ledger.claim_session(paid, one)
    log.advance(LEASE_SECONDS)
    claim = ledger.claim_session(paid, two)
    ledger.send(ledger.pay(paid, two, claim), key="k")
    ledger.try_send(ledger.pay(paid, one, claim), key="l")
    ledger.send(ledger.cancel(ledger.create_session("A-2")))
    ledger.create_session("A-3")
    log.advance(900)
    ledger.create_session("A-3")
    return ledger


def events(ledger: LedgerFixture) -> list[Recorded]:
    assert isinstance(ledger.log, MemoryLog)
    return list(ledger.log.events)


def receipts(ledger: LedgerFixture) -> list[Receipt]:
    assert isinstance(ledger.log, MemoryLog)
    return list(ledger.log.receipts.values())


def find(log: Sequence[Recorded], topic: str) -> int:
    return next(n for n, one in enumerate(log) if one.topic == topic)


def broken(log: Sequence[Recorded], told: Sequence[Receipt] | None = None) -> set[str]:
    return {one.invariant for one in check_log(log, told)[1]}


def test_an_honest_log_breaks_nothing(ledger: LedgerFixture) -> None:
    checker, violations = check_log(events(ledger), receipts(ledger))

    assert violations == []
    assert checker.position == len(events(ledger))
    assert checker.paid == {"USD": 1000}


def rewrite(recorded: Recorded, **facts: Any) -> Recorded:
    return recorded._replace(state=msgspec.json.encode(msgspec.json.decode(recorded.state) | facts))


def renumber(log: Sequence[Recorded]) -> list[Recorded]:
    """Hide what was taken out: positions and versions run on as if nothing had been there."""
    versions: dict[Any, int] = {}
    told = []
    for position, one in enumerate(log, 1):
        versions[one.stream_id] = versions.get(one.stream_id, 0) + 1
        told.append(one._replace(position=position, version=versions[one.stream_id]))
    return told


def without(topic: str) -> Callable[[list[Recorded]], list[Recorded]]:
    def take_out(log: list[Recorded]) -> list[Recorded]:
        return renumber([one for one in log if one.topic != topic])

    return take_out


def twice(topic: str) -> Callable[[list[Recorded]], list[Recorded]]:
    def repeat(log: list[Recorded]) -> list[Recorded]:
        place = find(log, topic)
        return renumber([*log[: place + 1], log[place], *log[place + 1 :]])

    return repeat


def changed(topic: str, **facts: Any) -> Callable[[list[Recorded]], list[Recorded]]:
    def change(log: list[Recorded]) -> list[Recorded]:
        place = find(log, topic)
        log[place] = rewrite(log[place], **facts)
        return log

    return change


def moved(topic: str, seconds: float) -> Callable[[list[Recorded]], list[Recorded]]:
    """Everything from the first event of a topic on was recorded earlier or later."""

    def move(log: list[Recorded]) -> list[Recorded]:
        place, step = find(log, topic), timedelta(seconds=seconds)
        return [
            one._replace(recorded_at=one.recorded_at + step) if n >= place else one
            for n, one in enumerate(log)
        ]

    return move


def drop_third(log: list[Recorded]) -> list[Recorded]:
    return log[:2] + log[3:]


def swap_versions(log: list[Recorded]) -> list[Recorded]:
    place = find(log, "wallet.topped_up")
    log[place] = log[place]._replace(version=3)
    return log


def last_is_earlier(log: list[Recorded]) -> list[Recorded]:
    log[-1] = log[-1]._replace(recorded_at=log[0].recorded_at)
    return log


def foreign_topic(log: list[Recorded]) -> list[Recorded]:
    log[0] = log[0]._replace(topic="merchant.event")
    return log


def unreadable(log: list[Recorded]) -> list[Recorded]:
    log[0] = log[0]._replace(state=b"{")
    return log


@pytest.mark.parametrize(
    ("damage", "invariant"),
    [
        (drop_third, "gapless-positions"),
        (last_is_earlier, "time-never-back"),
        (swap_versions, "contiguous-versions"),
        (foreign_topic, "known-topics"),
        (unreadable, "known-topics"),
        (without("payment_session.created"), "legal-transitions"),
        (without("payment_session.scanned"), "legal-transitions"),
        (without("payment_session.expired"), "one-session-per-order"),
        (without("order.released"), "one-session-per-order"),
        (without("order.opened"), "one-session-per-order"),
        (twice("payment_session.paid"), "one-payment"),
        (twice("payment_session.cancelled"), "legal-transitions"),
        (twice("payment_session.created"), "legal-transitions"),
        (twice("wallet.topped_up"), "one-top-up-per-reference"),
        (without("top_up_reference.used"), "one-top-up-per-reference"),
        (twice("top_up_reference.used"), "one-top-up-per-reference"),
        (twice("wallet.captured"), "money-conserved"),
        (without("wallet.captured"), "money-conserved"),
        (without("payment_session.paid"), "money-conserved"),
        (without("wallet.topped_up"), "money-conserved"),
        (without("wallet.opened"), "money-conserved"),
        (changed("payment_session.paid", amount_minor=999), "money-conserved"),
        (changed("wallet.captured", amount_minor=5001), "money-conserved"),
        (changed("payment_session.paid", claim_id="clm_other"), "legal-transitions"),
        (changed("payment_session.paid", wallet_id="wal_other"), "legal-transitions"),
        (moved("payment_session.scanned", LEASE_SECONDS + 900), "on-time"),
        (moved("payment_session.expired", -1), "on-time"),
    ],
)
def test_a_damaged_log_is_found_out(
    ledger: LedgerFixture, damage: Callable[[list[Recorded]], list[Recorded]], invariant: str
) -> None:
    assert invariant in broken(damage(events(ledger)))


def test_a_claim_taken_over_too_early_is_found_out(ledger: LedgerFixture) -> None:
    log = events(ledger)
    first = find(log, "payment_session.scanned")
    early = log[first].recorded_at + timedelta(seconds=1)
    second = first + 1 + find(log[first + 1 :], "payment_session.scanned")
    log[second] = log[second]._replace(recorded_at=early)

    assert "legal-transitions" in broken(log)


def test_receipts_must_agree_with_the_log(ledger: LedgerFixture) -> None:
    log, told = events(ledger), receipts(ledger)
    place = next(n for n, one in enumerate(told) if one.first_position is not None)
    moved_one = told[place]

    assert broken(log, told[:place] + told[place + 1 :]) == {"receipts-agree"}
    told[place] = Receipt(
        moved_one.command_id, b"", 1000, 1001, moved_one.recorded_at, None, 0, None
    )
    assert broken(log, told) == {"receipts-agree"}


def test_a_receipt_for_nothing_is_found_out(ledger: LedgerFixture) -> None:
    log, told = events(ledger), receipts(ledger)
    empty = Receipt(log[0].event_id, b"", None, None, log[0].recorded_at, None, 0, None)

    assert broken(log, [*told, empty]) == {"receipts-agree"}


def test_rows_must_be_what_the_events_say(ledger: LedgerFixture) -> None:
    checker, _ = check_log(events(ledger))
    honest = [
        SimpleNamespace(
            session_id=one.session_id, merchant_id=one.merchant_id, order_id=one.order_id,
            amount_minor=one.amount_minor, currency=one.currency, expires_at=one.expires_at,
            status=one.status, version=one.version, position=one.position,
            paid_wallet_id=one.payer,
        )
        for one in checker.sessions.values()
    ]  # fmt: skip

    assert check_sessions(checker, honest) == []
    assert len(check_sessions(checker, honest[1:])) == 1
    honest[0].amount_minor += 1
    assert len(check_sessions(checker, honest)) == 1
    assert len(check_wallet_payments(checker, [])) == 1


def test_the_head_and_the_processes_stand_where_the_log_ends(ledger: LedgerFixture) -> None:
    log = events(ledger)
    checker, _ = check_log(log)
    last, at = len(log), log[-1].recorded_at

    def wrong(position: int, when: Any, **seen: int) -> list[int]:
        return [one.position for one in check_head(checker, (position, when), seen)]

    assert wrong(last, at, expiry=last) == []
    assert wrong(last + 5, at) == [last + 1]
    assert wrong(last - 2, at) == [last - 1]
    assert wrong(last, at + timedelta(days=400)) == [last]
    assert wrong(last, None) == [last]
    assert wrong(last, at, expiry=last + 1, other=0) == [last + 1]
    assert [one.position for one in check_head(checker, None, {})] == [last]


def told(seq: int, history: Sequence[Recorded], kind: str = "event") -> dict[str, Any]:
    return {
        "type": kind,
        "seq": seq,
        "position": history[seq - 1].position,
        "event": history[seq - 1].topic,
        "session": {"version": seq},
    }


def test_a_listener_must_hear_all_in_order(ledger: LedgerFixture) -> None:
    log = events(ledger)
    stream = log[find(log, "payment_session.created")].stream_id
    history = [one for one in log if one.stream_id == stream]
    whole = [told(1, history, "snapshot"), *(told(n, history) for n in (2, 3, 4))]

    assert check_notices(whole, history) == []
    assert check_notices([{"type": "heartbeat"}, *whole[2:]], history, after=2) == []
    assert check_notices(whole[:3], history)
    assert check_notices([*whole[:2], whole[3]], history)
    assert check_notices([*whole, whole[3]], history)
    assert check_notices([whole[0], whole[2], whole[1], whole[3]], history)
    assert check_notices([*whole[:3], whole[3] | {"position": 1}], history)
    assert check_notices([*whole[:3], whole[3] | {"event": "payment_session.expired"}], history)
    assert check_notices([*whole, whole[3] | {"seq": 9}], history)


def test_one_key_has_one_answer() -> None:
    assert check_answers([("k", "ok"), ("l", "410"), ("k", "ok")]) == []
    assert len(check_answers([("k", "ok"), ("k", "409")])) == 1
