"""A long history costs a command no more than a short one, and nobody but its own callers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Event, Lock
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from application import snapshots
from application.bus import Bus
from application.command import Deferred, Outcome, Result, StreamState
from application.commands.top_up_wallet import TopUpWallet
from application.event_log import LOAD_EVENTS_MAX, LoadResult, Recorded, fold, history
from application.reader import Reader
from application.state_cache import StateCache
from application.writer import Writer
from domain.money.money import Money
from domain.sessions.order import Order
from domain.wallets.wallet import Wallet
from tests.support.ledger_fixture import LedgerFixture, envelope
from tests.support.memory_log import MemoryLog
from tests.support.memory_snapshots import MemorySnapshots

LONG = 3 * LOAD_EVENTS_MAX


class CountingLog(MemoryLog):
    """Counts the events it hands out, and can hold one stream's pages back."""

    def __init__(self) -> None:
        super().__init__()
        self.read_events = 0
        self.held: UUID | None = None
        self.asked, self.go_on = Event(), Event()

    def load(self, streams: Mapping[UUID, int], receipts: Sequence[UUID]) -> LoadResult:
        loading = super().load(streams, receipts)
        self.read_events += len(loading.events)
        return loading

    def stream(self, stream_id: UUID, *, after: int = 0, up_to: int = 2**62) -> Sequence[Recorded]:
        if stream_id == self.held:
            self.asked.set()
            assert self.go_on.wait(60)
        page = super().stream(stream_id, after=after, up_to=up_to)
        self.read_events += len(page)
        return page


def top_up(wallet: UUID, reference: str) -> TopUpWallet:
    return TopUpWallet(wallet_id=wallet, amount=Money(1, "USD"), reference=reference)


def a_long_wallet(ledger: LedgerFixture, top_ups: int = LONG) -> UUID:
    """A wallet with many top-ups, each under a key and a reference of its number."""
    wallet = ledger.open_wallet(minor=0)
    for first in range(0, top_ups, 256):
        numbers = range(first, min(top_ups, first + 256))
        batch = [envelope(top_up(wallet, str(n)), key=str(n), body=str(n)) for n in numbers]
        assert all(isinstance(result, Outcome) for result in ledger.bus.send_all(batch))
    return wallet


def a_cold_bus(log: MemoryLog, store: MemorySnapshots | None = None) -> Bus:
    return Bus(log, cache=StateCache(snapshot_store=store))


def test_a_long_stream_without_a_snapshot_is_not_decided_in_a_lane() -> None:
    ledger = LedgerFixture(log := CountingLog())
    wallet = a_long_wallet(ledger)
    bus = a_cold_bus(log)
    log.read_events = 0

    [long, short] = bus.decide_batch(
        [envelope(top_up(wallet, "new")), envelope(ledger.create("order of another"))]
    )

    assert long == Deferred(wallet)
    assert isinstance(short, Outcome)
    assert log.read_events <= 2 * (LOAD_EVENTS_MAX + 1) + 1


def test_what_was_deferred_is_decided_once_its_stream_is_read() -> None:
    ledger = LedgerFixture(log := CountingLog())
    wallet = a_long_wallet(ledger)
    bus = a_cold_bus(log)
    command = envelope(top_up(wallet, "new"))
    [deferred] = bus.decide_batch([command])
    assert isinstance(deferred, Deferred)

    assert bus.resolve_deferred(deferred) is None
    [outcome] = bus.decide_batch([command])

    assert isinstance(outcome, Outcome)
    assert outcome.subject.available_minor == LONG + 1


def test_snapshots_are_left_behind_while_a_stream_grows_and_bound_what_is_read() -> None:
    store = MemorySnapshots()
    ledger = LedgerFixture(log := CountingLog())
    ledger.bus = a_cold_bus(log, store)
    wallet = a_long_wallet(ledger)
    log.read_events = 0

    [outcome] = a_cold_bus(log, store).decide_batch([envelope(top_up(wallet, "new"))])

    assert isinstance(outcome, Outcome)
    assert outcome.subject.available_minor == LONG + 1
    assert log.read_events <= 2 * (LOAD_EVENTS_MAX + 1) + 1
    versions = sorted(one.version for one in store.kept.values())
    assert versions
    assert all(b - a <= LOAD_EVENTS_MAX for a, b in zip([0, *versions], versions, strict=False))


@pytest.mark.parametrize("number", [0, 1, 700, LONG - 1])
def test_a_replay_in_a_long_stream_reads_a_bounded_number_of_events(number: int) -> None:
    store = MemorySnapshots()
    ledger = LedgerFixture(log := CountingLog())
    ledger.bus = a_cold_bus(log, store)
    wallet = a_long_wallet(ledger)
    again = envelope(top_up(wallet, str(number)), key=str(number), body=str(number))
    log.read_events = 0

    [outcome] = a_cold_bus(log, store).decide_batch([again])

    assert isinstance(outcome, Outcome)
    assert outcome.replayed
    assert outcome.subject.available_minor == number + 1
    assert log.read_events <= 2 * (LOAD_EVENTS_MAX + 1) + 1


def test_a_replay_without_snapshots_is_answered_outside_the_lanes() -> None:
    ledger = LedgerFixture(log := CountingLog())
    wallet = a_long_wallet(ledger)
    again = envelope(top_up(wallet, "900"), key="900", body="900")
    bus = a_cold_bus(log)
    log.read_events = 0

    [deferred] = bus.decide_batch([again])

    assert isinstance(deferred, Deferred)
    assert log.read_events <= 2 * (LOAD_EVENTS_MAX + 1) + 1
    outcome = bus.resolve_deferred(deferred)
    assert isinstance(outcome, Outcome)
    assert (outcome.replayed, outcome.subject.available_minor) == (True, 901)


def test_an_unreadable_or_foreign_snapshot_is_as_good_as_none() -> None:
    store = MemorySnapshots()
    ledger = LedgerFixture(log := MemoryLog())
    ledger.bus = a_cold_bus(log, store)
    wallet = a_long_wallet(ledger)
    for name, one in list(store.kept.items()):
        if one.stream_id == wallet:
            store.kept[name] = one._replace(state=b'{"available_minor": "no"}')
    newest = max(one.version for one in store.kept.values())
    store.kept[wallet, "wallet:0", newest] = store.kept[wallet, "wallet:1", newest]._replace(
        shape="wallet:0", state=b"{}"
    )

    outcome = a_cold_bus(log, store).send(envelope(top_up(wallet, "new")))

    assert outcome.subject.available_minor == LONG + 1


def test_a_used_reference_stays_used_however_long_the_wallet() -> None:
    ledger = LedgerFixture(MemoryLog())
    wallet = a_long_wallet(ledger)

    assert ledger.try_send(top_up(wallet, "0")) == "reference-used"
    assert ledger.try_send(top_up(ledger.open_wallet(minor=0), "0")) != "reference-used"


def test_the_reader_shows_a_long_wallet() -> None:
    store = MemorySnapshots()
    ledger = LedgerFixture(log := MemoryLog())
    wallet = a_long_wallet(ledger)

    reader = Reader(log, StateCache(snapshot_store=store))

    assert reader.get(Wallet, wallet, "wallet").state.available_minor == LONG
    assert store.kept


def test_a_restored_state_is_the_state_that_was_taken() -> None:
    ledger = LedgerFixture(log := MemoryLog())
    session = ledger.create_session("the order")
    order = Order.stream_id(ledger.merchant, "the order")
    states: list[Any] = [fold(history(log, order))]
    ledger.send(ledger.cancel(session))
    states += [fold(history(log, order)), fold(history(log, ledger.open_wallet()))]

    for state in states:
        taken = snapshots.take(StreamState(state, 7))
        assert taken is not None
        restored = snapshots.restore(taken)
        assert restored is not None
        assert (restored.position, restored.version) == (7, state.version)
        assert vars(restored.aggregate) == vars(state)


def test_a_state_that_changes_shape_needs_a_new_version() -> None:
    fields = {kind.TOPIC: sorted(kind.State.__annotations__) for kind in snapshots.KINDS}

    assert (snapshots.SHAPES, fields) == (
        ("order:1", "wallet:1", "key_ring:1"),
        {
            "order": ["merchant_id", "order_id", "session_id"],
            "wallet": [
                "available_minor", "currency", "exponent", "held_minor", "wallet_app_id",
            ],
            "key_ring": ["holder_id", "living", "role"],
        },
    )  # fmt: skip


class Answers:
    """Collects what the writer answers."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.results: dict[str, Result] = {}
        self.events: dict[str, Event] = {}

    def expect(self, name: str) -> Any:
        self.events[name] = Event()

        def answer(result: Result) -> None:
            with self._lock:
                self.results[name] = result
            self.events[name].set()

        return answer

    def wait(self, name: str) -> Result:
        assert self.events[name].wait(60)
        return self.results[name]


def test_while_a_long_stream_is_read_only_its_own_callers_wait() -> None:
    ledger = LedgerFixture(log := CountingLog())
    wallet, other = a_long_wallet(ledger), ledger.open_wallet()
    cache = StateCache()
    writer = Writer(*(Bus(log, cache=cache) for _ in range(2)))
    answers = Answers()
    log.held = wallet
    writer.start()
    try:
        writer.submit(envelope(top_up(wallet, "one")), answers.expect("one"))
        assert log.asked.wait(60)
        writer.submit(envelope(top_up(wallet, "two")), answers.expect("two"))
        replay = envelope(top_up(wallet, "800"), key="800", body="800")
        writer.submit(replay, answers.expect("replay"))
        for number in range(40):
            writer.submit(envelope(top_up(other, str(number))), answers.expect(f"other {number}"))

        assert all(isinstance(answers.wait(f"other {n}"), Outcome) for n in range(40))
        assert answers.results.keys().isdisjoint({"one", "two", "replay"})

        log.go_on.set()
        balances = {answers.wait(name).subject.available_minor for name in ("one", "two")}  # type: ignore[union-attr]
        assert balances == {LONG + 1, LONG + 2}
        told = answers.wait("replay")
        assert isinstance(told, Outcome)
        assert told.subject.available_minor == 801
    finally:
        log.go_on.set()
        writer.stop()


def test_a_writer_that_stops_answers_what_waits_for_long_streams() -> None:
    ledger = LedgerFixture(log := CountingLog())
    wallet = a_long_wallet(ledger)
    writer = Writer(a_cold_bus(log))
    answers = Answers()
    writer.submit(envelope(top_up(wallet, "one")), answers.expect("one"))
    writer.start()

    writer.stop()

    assert isinstance(answers.results["one"], Outcome)


def test_one_tenants_long_histories_do_not_fill_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("application.writer.DEFERRED_COMMANDS_MAX", 2)
    ledger = LedgerFixture(log := CountingLog())
    wallet, other = a_long_wallet(ledger), ledger.open_wallet()
    writer = Writer(a_cold_bus(log))
    answers = Answers()
    log.held = wallet
    writer.start()
    try:
        writer.submit(envelope(top_up(wallet, "first")), answers.expect("first"))
        assert log.asked.wait(60)
        for number in range(5):
            writer.submit(envelope(top_up(wallet, f"w{number}")), answers.expect(f"w{number}"))
        writer.submit(envelope(top_up(other, "x")), answers.expect("other"))

        assert isinstance(answers.wait("other"), Outcome)
        refused = [answers.wait(f"w{number}") for number in (2, 3, 4)]
        assert [getattr(one, "code", None) for one in refused] == ["overloaded"] * 3
    finally:
        log.go_on.set()
        writer.stop()


def test_a_stream_that_cannot_be_read_fails_its_own_callers_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ledger = LedgerFixture(log := MemoryLog())
    wallet = a_long_wallet(ledger)
    stream = log._streams[wallet]
    stream[900] = stream[900]._replace(state=b"not JSON")
    bus = a_cold_bus(log)

    results = bus.send_all(
        [envelope(top_up(wallet, str(uuid7()))), envelope(ledger.create("fine"))]
    )

    assert getattr(results[0], "code", None) == "internal-error"
    assert isinstance(results[1], Outcome)
    assert "cannot be read" in caplog.text
