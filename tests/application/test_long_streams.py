"""Long streams: a bounded number of events to read, and only their own callers wait."""

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
    """Counts the events it returns, and can block reads of one stream."""

    def __init__(self) -> None:
        super().__init__()
        self.read_events = 0
        self.blocked_stream: UUID | None = None
        self.blocked, self.go_on = Event(), Event()

    def load(self, streams: Mapping[UUID, int], receipts: Sequence[UUID]) -> LoadResult:
        loaded = super().load(streams, receipts)
        self.read_events += len(loaded.events)
        return loaded

    def stream(self, stream_id: UUID, *, after: int = 0, up_to: int = 2**62) -> Sequence[Recorded]:
        if stream_id == self.blocked_stream:
            self.blocked.set()
            assert self.go_on.wait(60)
        page = super().stream(stream_id, after=after, up_to=up_to)
        self.read_events += len(page)
        return page


def top_up(wallet: UUID, reference: str) -> TopUpWallet:
    return TopUpWallet(wallet_id=wallet, amount=Money(1, "USD"), reference=reference)


def long_wallet(ledger: LedgerFixture, top_ups: int = LONG) -> UUID:
    """A wallet with many top-ups; the idempotency key and the reference of each is its number."""
    wallet = ledger.open_wallet(minor=0)
    for first in range(0, top_ups, 256):
        numbers = range(first, min(top_ups, first + 256))
        batch = [envelope(top_up(wallet, str(n)), key=str(n), body=str(n)) for n in numbers]
        assert all(isinstance(result, Outcome) for result in ledger.bus.send_all(batch))
    return wallet


def cold_bus(log: MemoryLog, store: MemorySnapshots | None = None) -> Bus:
    return Bus(log, cache=StateCache(snapshot_store=store))


def test_a_command_on_a_long_stream_without_a_snapshot_is_deferred() -> None:
    ledger = LedgerFixture(log := CountingLog())
    wallet = long_wallet(ledger)
    bus = cold_bus(log)
    log.read_events = 0

    [long, short] = bus.decide_batch(
        [envelope(top_up(wallet, "new")), envelope(ledger.create("order of another"))]
    )

    assert long == Deferred(wallet)
    assert isinstance(short, Outcome)
    assert log.read_events <= 2 * (LOAD_EVENTS_MAX + 1) + 1


def test_a_deferred_command_is_decided_once_its_stream_has_been_read() -> None:
    ledger = LedgerFixture(log := CountingLog())
    wallet = long_wallet(ledger)
    bus = cold_bus(log)
    command = envelope(top_up(wallet, "new"))
    [deferred] = bus.decide_batch([command])
    assert isinstance(deferred, Deferred)

    assert bus.resolve_deferred(deferred) is None
    [outcome] = bus.decide_batch([command])

    assert isinstance(outcome, Outcome)
    assert outcome.subject.available_minor == LONG + 1


def test_snapshots_taken_while_a_stream_grows_bound_the_events_to_read() -> None:
    store = MemorySnapshots()
    ledger = LedgerFixture(log := CountingLog())
    ledger.bus = cold_bus(log, store)
    wallet = long_wallet(ledger)
    log.read_events = 0

    [outcome] = cold_bus(log, store).decide_batch([envelope(top_up(wallet, "new"))])

    assert isinstance(outcome, Outcome)
    assert outcome.subject.available_minor == LONG + 1
    assert log.read_events <= 2 * (LOAD_EVENTS_MAX + 1) + 1
    versions = sorted(snapshot.version for snapshot in store.kept.values())
    assert versions
    assert all(b - a <= LOAD_EVENTS_MAX for a, b in zip([0, *versions], versions, strict=False))


@pytest.mark.parametrize("number", [0, 1, 700, LONG - 1])
def test_a_replay_in_a_long_stream_reads_a_bounded_number_of_events(number: int) -> None:
    store = MemorySnapshots()
    ledger = LedgerFixture(log := CountingLog())
    ledger.bus = cold_bus(log, store)
    wallet = long_wallet(ledger)
    again = envelope(top_up(wallet, str(number)), key=str(number), body=str(number))
    log.read_events = 0

    [outcome] = cold_bus(log, store).decide_batch([again])

    assert isinstance(outcome, Outcome)
    assert outcome.replayed
    assert outcome.subject.available_minor == number + 1
    assert log.read_events <= 2 * (LOAD_EVENTS_MAX + 1) + 1


def test_a_replay_without_snapshots_is_deferred() -> None:
    ledger = LedgerFixture(log := CountingLog())
    wallet = long_wallet(ledger)
    again = envelope(top_up(wallet, "900"), key="900", body="900")
    bus = cold_bus(log)
    log.read_events = 0

    [deferred] = bus.decide_batch([again])

    assert isinstance(deferred, Deferred)
    assert log.read_events <= 2 * (LOAD_EVENTS_MAX + 1) + 1
    outcome = bus.resolve_deferred(deferred)
    assert isinstance(outcome, Outcome)
    assert (outcome.replayed, outcome.subject.available_minor) == (True, 901)


def test_an_unreadable_snapshot_or_one_of_another_shape_is_ignored() -> None:
    store = MemorySnapshots()
    ledger = LedgerFixture(log := MemoryLog())
    ledger.bus = cold_bus(log, store)
    wallet = long_wallet(ledger)
    for name, snapshot in list(store.kept.items()):
        if snapshot.stream_id == wallet:
            store.kept[name] = snapshot._replace(state=b'{"available_minor": "no"}')
    newest = max(snapshot.version for snapshot in store.kept.values())
    store.kept[wallet, "wallet:0", newest] = store.kept[wallet, "wallet:2", newest]._replace(
        shape="wallet:0", state=b"{}"
    )

    outcome = cold_bus(log, store).send(envelope(top_up(wallet, "new")))

    assert outcome.subject.available_minor == LONG + 1


def test_a_used_reference_stays_used_however_long_the_wallet() -> None:
    ledger = LedgerFixture(MemoryLog())
    wallet = long_wallet(ledger)

    assert ledger.try_send(top_up(wallet, "0")) == "reference-used"
    assert ledger.try_send(top_up(ledger.open_wallet(minor=0), "0")) != "reference-used"


def test_the_reader_shows_long_wallet() -> None:
    store = MemorySnapshots()
    ledger = LedgerFixture(log := MemoryLog())
    wallet = long_wallet(ledger)

    reader = Reader(log, StateCache(snapshot_store=store))

    assert reader.get(Wallet, wallet, "wallet").state.available_minor == LONG
    assert store.kept


def test_a_restored_state_equals_the_original() -> None:
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


def test_a_change_to_a_state_needs_a_new_version() -> None:
    fields = {kind.TOPIC: sorted(kind.State.__annotations__) for kind in snapshots.KINDS}

    assert (snapshots.SHAPES, fields) == (
        ("order:1", "wallet:2", "key_ring:1", "payable:1", "treasury:1", "code_session:1",
         "clock:1"),
        {
            "order": ["merchant_id", "order_id", "session_id"],
            "wallet": [
                "available_minor", "currency", "exponent", "held_minor", "restricted", "wallet_app_id",
            ],
            "key_ring": ["holder_id", "living", "role"],
            "payable": ["currency", "debited_minor", "exponent", "merchant_id"],
            "treasury": ["currency", "exponent", "funded_minor", "moved_minor"],
            "code_session": ["session_id", "static_code_id", "wallet_id"],
            "clock": ["advanced_seconds", "offset_microseconds"],
        },
    )  # fmt: skip


class Results:
    """Collects the results of the writer."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.results: dict[str, Result] = {}
        self.events: dict[str, Event] = {}

    def expect(self, name: str) -> Any:
        self.events[name] = Event()

        def collect(result: Result) -> None:
            with self._lock:
                self.results[name] = result
            self.events[name].set()

        return collect

    def wait(self, name: str) -> Result:
        assert self.events[name].wait(60)
        return self.results[name]


def test_only_callers_of_a_long_stream_wait_while_it_is_read() -> None:
    ledger = LedgerFixture(log := CountingLog())
    wallet, other = long_wallet(ledger), ledger.open_wallet()
    cache = StateCache()
    writer = Writer(*(Bus(log, cache=cache) for _ in range(2)))
    results = Results()
    log.blocked_stream = wallet
    writer.start()
    try:
        writer.submit(envelope(top_up(wallet, "one")), results.expect("one"))
        assert log.blocked.wait(60)
        writer.submit(envelope(top_up(wallet, "two")), results.expect("two"))
        replay = envelope(top_up(wallet, "800"), key="800", body="800")
        writer.submit(replay, results.expect("replay"))
        for number in range(40):
            writer.submit(envelope(top_up(other, str(number))), results.expect(f"other {number}"))

        assert all(isinstance(results.wait(f"other {n}"), Outcome) for n in range(40))
        assert results.results.keys().isdisjoint({"one", "two", "replay"})

        log.go_on.set()
        balances = {results.wait(name).subject.available_minor for name in ("one", "two")}  # type: ignore[union-attr]
        assert balances == {LONG + 1, LONG + 2}
        replayed = results.wait("replay")
        assert isinstance(replayed, Outcome)
        assert replayed.subject.available_minor == 801
    finally:
        log.go_on.set()
        writer.stop()


def test_a_writer_that_stops_first_runs_the_deferred_commands() -> None:
    ledger = LedgerFixture(log := CountingLog())
    wallet = long_wallet(ledger)
    writer = Writer(cold_bus(log))
    results = Results()
    writer.submit(envelope(top_up(wallet, "one")), results.expect("one"))
    writer.start()

    writer.stop()

    assert isinstance(results.results["one"], Outcome)


def test_one_tenants_long_streams_do_not_fill_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("application.writer.DEFERRED_COMMANDS_MAX", 2)
    ledger = LedgerFixture(log := CountingLog())
    wallet, other = long_wallet(ledger), ledger.open_wallet()
    writer = Writer(cold_bus(log))
    results = Results()
    log.blocked_stream = wallet
    writer.start()
    try:
        writer.submit(envelope(top_up(wallet, "first")), results.expect("first"))
        assert log.blocked.wait(60)
        for number in range(5):
            writer.submit(envelope(top_up(wallet, f"w{number}")), results.expect(f"w{number}"))
        writer.submit(envelope(top_up(other, "x")), results.expect("other"))

        assert isinstance(results.wait("other"), Outcome)
        refused = [results.wait(f"w{number}") for number in (2, 3, 4)]
        assert [getattr(result, "code", None) for result in refused] == ["overloaded"] * 3
    finally:
        log.go_on.set()
        writer.stop()


def test_a_long_stream_that_cannot_be_read_fails_only_its_own_callers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ledger = LedgerFixture(log := MemoryLog())
    wallet = long_wallet(ledger)
    stream = log._streams[wallet]
    stream[900] = stream[900]._replace(state=b"not JSON")
    bus = cold_bus(log)

    results = bus.send_all(
        [envelope(top_up(wallet, str(uuid7()))), envelope(ledger.create("fine"))]
    )

    assert getattr(results[0], "code", None) == "internal-error"
    assert isinstance(results[1], Outcome)
    assert "cannot be read" in caplog.text
