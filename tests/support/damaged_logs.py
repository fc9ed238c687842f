"""Ways to damage a log, and the invariants that a log breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from application.checks.checker import check_log
from application.event_log import Receipt, Recorded
from tests.support.ledger_fixture import LEASE_SECONDS, LedgerFixture
from tests.support.memory_log import MemoryLog

Log = list[Recorded]
Damage = Callable[[Log], Log]


def ledger_with_every_event() -> LedgerFixture:
    """Orders A-1 paid after a claim was taken over, A-2 cancelled, A-3 expired and opened again."""
    log = MemoryLog()
    ledger = LedgerFixture(log)
    first, second = ledger.open_wallet(5000), ledger.open_wallet(5000)
    paid = ledger.create_session("A-1")
    ledger.claim_session(paid, first)
    log.advance(LEASE_SECONDS)
    claim = ledger.claim_session(paid, second)
    ledger.send(ledger.pay(paid, second, claim), key="k")
    ledger.try_send(ledger.pay(paid, first, claim), key="l")
    ledger.send(ledger.cancel(ledger.create_session("A-2")))
    ledger.create_session("A-3")
    log.advance(900)
    ledger.create_session("A-3")
    return ledger


def events(ledger: LedgerFixture) -> Log:
    """Every event of the ledger's log."""
    assert isinstance(ledger.log, MemoryLog)
    return list(ledger.log.events)


def receipts(ledger: LedgerFixture) -> list[Receipt]:
    """Every receipt of the ledger's log."""
    assert isinstance(ledger.log, MemoryLog)
    return list(ledger.log.receipts.values())


def broken(log: Sequence[Recorded], receipts: Iterable[Receipt] | None = None) -> set[str]:
    """The names of the invariants that a log breaks."""
    return {violation.invariant for violation in check_log(log, receipts)[1]}


def find(log: Sequence[Recorded], topic: str) -> int:
    """The index of the first event of a topic."""
    return next(n for n, recorded in enumerate(log) if recorded.topic == topic)


def rewrite(recorded: Recorded, **fields: Any) -> Recorded:
    """The same event with other values in its stored bytes."""
    state = msgspec.json.decode(recorded.state) | fields
    return recorded._replace(state=msgspec.json.encode(state))


def renumber(log: Sequence[Recorded]) -> Log:
    """Number positions and versions again, so that nothing seems to be missing."""
    versions: dict[Any, int] = {}
    renumbered = []
    for position, recorded in enumerate(log, 1):
        version = versions[recorded.stream_id] = versions.get(recorded.stream_id, 0) + 1
        renumbered.append(recorded._replace(position=position, version=version))
    return renumbered


def without(topic: str) -> Damage:
    """Remove every event of a topic."""
    return lambda log: renumber([recorded for recorded in log if recorded.topic != topic])


def twice(topic: str) -> Damage:
    """Repeat the first event of a topic."""

    def repeat(log: Log) -> Log:
        index = find(log, topic)
        return renumber([*log[: index + 1], *log[index:]])

    return repeat


def changed(topic: str, **fields: Any) -> Damage:
    """Change values in the first event of a topic."""

    def change(log: Log) -> Log:
        index = find(log, topic)
        log[index] = rewrite(log[index], **fields)
        return log

    return change


def as_recorded_by(topic: str, version: int) -> Damage:
    """The events of a topic as a release recorded them when this was their version."""
    members = {
        ("wallet.captured", 1): {"source", "merchant_id", "merchant_name"},
        ("wallet.captured", 2): {"merchant_id", "merchant_name"},
    }

    def older(recorded: Recorded) -> Recorded:
        state = msgspec.json.decode(recorded.state)
        kept = {k: v for k, v in state.items() if k not in members[topic, version]}
        kept["class_version"] = version
        return recorded._replace(state=msgspec.json.encode(kept), schema_version=version)

    return lambda log: [older(one) if one.topic == topic else one for one in log]


def moved(topic: str, seconds: float) -> Damage:
    """Move the times of everything from the first event of a topic on."""

    def move(log: Log) -> Log:
        index, step = find(log, topic), timedelta(seconds=seconds)
        return [
            recorded._replace(recorded_at=recorded.recorded_at + step) if n >= index else recorded
            for n, recorded in enumerate(log)
        ]

    return move


def replaced(index: int, **fields: Any) -> Damage:
    """Replace fields of the event at an index, such as its version."""

    def replace(log: Log) -> Log:
        log[index] = log[index]._replace(**fields)
        return log

    return replace
