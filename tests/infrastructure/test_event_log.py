"""The contract of the event log, for every adapter and the one in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from application.errors import LogRejected
from application.event_log import LOAD_EVENTS_MAX, AppendRequest, Verdict, fold, history
from domain.money.currencies import CURRENCIES
from domain.money.money import Money
from domain.wallets.wallet import Wallet
from infrastructure.event_store.postgres_log import PostgresLog
from tests.support.memory_log import MemoryLog

pytestmark = [pytest.mark.contract, pytest.mark.postgres]
AT = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


class LogFixture:
    """A log and its clock."""

    def __init__(self, log: MemoryLog | PostgresLog, set_clock: Callable[[datetime], None]) -> None:
        self.log = log
        self.set_clock = set_clock

    def append(self, *batch: AppendRequest) -> list[str]:
        return [verdict.kind.value for verdict in self.log.append(batch)]


@pytest.fixture(params=["memory", "postgres"])
def fixture(request: pytest.FixtureRequest) -> LogFixture:
    if request.param == "memory":
        memory = MemoryLog()

        def set_clock(at: datetime) -> None:
            memory.clock = at

        return LogFixture(memory, set_clock)
    log = request.getfixturevalue("postgres_log")
    clock = request.getfixturevalue("clock")
    clock.set(AT)
    return LogFixture(log, clock.set)


def open_wallet(wallet_id: UUID | None = None) -> Wallet:
    return Wallet.open(
        wallet_id=wallet_id or uuid7(), wallet_app_id="app", currency=CURRENCIES["USD"], at=AT
    )


def top_up(wallet: Wallet) -> Sequence[Any]:
    wallet.top_up(amount=Money(1, "USD"), reference=str(uuid7()), at=AT)
    return wallet.collect_events()


def pending(events: Sequence[Any], **facts: Any) -> AppendRequest:
    given: dict[str, Any] = {
        "command_id": uuid7(),
        "fingerprint": b"",
        "deadline": None,
        "not_before": None,
        "actor": "somebody",
        "trace_id": "a trace",
        "subject": None,
        "version": 0,
        "refusal": None,
    }
    return AppendRequest(events=events, **{**given, **facts})


@pytest.mark.unaudited  # top-ups without their references
def test_appended_events_are_read_back_complete(fixture: LogFixture) -> None:
    wallet = open_wallet()
    opened = wallet.collect_events()
    command = pending([*opened, *top_up(wallet)])

    [verdict] = fixture.log.append([command])

    assert (verdict.first_position, verdict.last_position) == (1, 2)
    first, second = fixture.log.read(0, 10)
    assert (first.position, second.position) == (1, 2)
    assert (first.version, second.version) == (1, 2)
    assert (first.topic, second.topic) == ("wallet.opened", "wallet.topped_up")
    assert first.command_id == second.command_id == command.command_id
    assert (first.actor, first.trace_id, first.schema_version) == ("somebody", "a trace", 1)
    assert first.event_id != second.event_id
    assert first.recorded_at == second.recorded_at == verdict.recorded_at
    assert fold([first, second]) == wallet
    assert fixture.log.head() == 2
    assert fixture.log.read(1, 1)[0].position == 2
    assert [recorded.version for recorded in history(fixture.log, wallet.id)] == [1, 2]
    assert [recorded.version for recorded in fixture.log.stream(wallet.id, after=1)] == [2]
    assert [recorded.version for recorded in fixture.log.stream(wallet.id, up_to=1)] == [1]


@pytest.mark.unaudited  # top-ups without their references
def test_a_page_has_the_events_of_some_topics_and_the_end_of_its_range(fixture: LogFixture) -> None:
    wallets = [open_wallet() for _ in range(3)]
    for wallet in wallets:
        fixture.append(pending([*wallet.collect_events(), *top_up(wallet)]))
    page = fixture.log.page

    opened = page(0, 1000, {"wallet.opened"})
    part = page(2, 2, {"wallet.opened", "wallet.topped_up"})
    other = page(1, 3, ["payment_session.paid"])
    end = page(6, 10, {"wallet.opened"})

    assert (opened.after, opened.last) == (0, 6)
    assert [recorded.position for recorded in opened.events] == [1, 3, 5]
    assert opened.events == fixture.log.read(0, 10)[::2]
    assert (part.last, part.events) == (4, fixture.log.read(2, 2))
    assert (other.last, list(other.events)) == (4, [])
    assert (end.after, end.last, list(end.events)) == (6, 6, [])
    assert list(opened.unknown) == list(end.unknown) == []


@pytest.mark.unaudited  # top-ups without their references
def test_load_returns_new_events_receipts_and_the_time(fixture: LogFixture) -> None:
    wallet, other = open_wallet(), open_wallet()
    command = pending(
        [*wallet.collect_events(), *top_up(wallet)], fingerprint=b"f", subject=wallet.id, version=2
    )
    fixture.append(command, pending(other.collect_events()))
    fixture.set_clock(AT + HOUR)

    loaded = fixture.log.load(
        {wallet.id: 1, other.id: 0, uuid7(): 0}, [command.command_id, uuid7()]
    )

    assert {(recorded.stream_id, recorded.version) for recorded in loaded.events} == {
        (wallet.id, 2),
        (other.id, 1),
    }
    assert loaded.now == AT + HOUR
    [receipt] = loaded.receipts.values()
    assert receipt.command_id == command.command_id
    assert (receipt.fingerprint, receipt.last_position) == (b"f", 2)
    assert (receipt.subject, receipt.version, receipt.refusal) == (wallet.id, 2, None)


@pytest.mark.unaudited  # top-ups without their references
def test_a_long_stream_is_loaded_in_part_with_a_sign_that_there_is_more(
    fixture: LogFixture,
) -> None:
    wallet = open_wallet()
    events = [*wallet.collect_events()]
    while len(events) < LOAD_EVENTS_MAX + 10:
        events += top_up(wallet)
    fixture.append(pending(events))

    loaded = fixture.log.load({wallet.id: 0}, [])
    rest = fixture.log.load({wallet.id: 20}, [])

    assert [recorded.version for recorded in loaded.events] == [*range(1, LOAD_EVENTS_MAX + 2)]
    assert [recorded.version for recorded in rest.events] == [*range(21, LOAD_EVENTS_MAX + 11)]


@pytest.mark.unaudited  # top-ups without their references
def test_a_conflict_stores_nothing_and_uses_no_position(fixture: LogFixture) -> None:
    wallet = open_wallet()
    opened = wallet.collect_events()

    assert fixture.append(pending(opened), pending(opened)) == ["recorded", "conflict"]
    stale = pending(opened)
    assert fixture.append(pending(top_up(wallet)), stale) == ["recorded", "conflict"]

    assert [recorded.position for recorded in fixture.log.read(0, 10)] == [1, 2]
    assert stale.command_id not in fixture.log.load({}, [stale.command_id]).receipts


@pytest.mark.unaudited  # top-ups without their references
def test_a_command_that_builds_on_a_conflicting_one_conflicts_even_if_its_version_matches(
    fixture: LogFixture,
) -> None:
    wallet = open_wallet()
    fixture.append(pending(wallet.collect_events()))
    mine = top_up(wallet)
    built_on_mine = top_up(wallet)
    fixture.append(pending(mine), pending(built_on_mine))
    third = top_up(wallet)
    late = pending(third, deadline=AT)
    built_on_late = pending(top_up(wallet))
    accident = pending([replace(event, originator_version=4) for event in third])

    assert fixture.append(late, built_on_late) == ["late", "conflict"]
    assert fixture.append(late, accident) == ["late", "conflict"]
    assert fixture.append(pending(third)) == ["recorded"]


def test_commands_on_several_streams_are_recorded_completely_or_not_at_all(
    fixture: LogFixture,
) -> None:
    one, other = open_wallet(), open_wallet()
    first, second = one.collect_events(), other.collect_events()
    fixture.append(pending(first))

    assert fixture.append(pending([*second, *first])) == ["conflict"]

    assert history(fixture.log, other.id) == []


@pytest.mark.unaudited
@pytest.mark.parametrize(
    ("offset", "deadline", "not_before"),
    [(-1, "recorded", "early"), (0, "late", "recorded"), (1, "late", "recorded")],
)
def test_deadlines_are_half_open_to_the_microsecond(
    fixture: LogFixture, offset: int, deadline: str, not_before: str
) -> None:
    fixture.set_clock(AT + timedelta(microseconds=offset))

    assert fixture.append(pending(open_wallet().collect_events(), deadline=AT)) == [deadline]
    assert fixture.append(pending(open_wallet().collect_events(), not_before=AT)) == [not_before]
    assert fixture.append(pending([], deadline=AT)) == [deadline]


def test_time_never_goes_back(fixture: LogFixture) -> None:
    fixture.set_clock(AT + HOUR)
    fixture.append(pending(open_wallet().collect_events()))
    fixture.set_clock(AT + HOUR - 29 * SECOND)

    [verdict] = fixture.log.append([pending(open_wallet().collect_events())])

    assert (verdict.kind, verdict.recorded_at) == ("recorded", AT + HOUR)


def test_a_clock_that_fell_back_far_records_nothing_but_knows_recorded_commands(
    fixture: LogFixture,
) -> None:
    fixture.set_clock(AT + HOUR)
    known = pending(open_wallet().collect_events(), fingerprint=b"f")
    fixture.append(known)
    fixture.set_clock(AT + HOUR - 31 * SECOND)

    fresh = pending(open_wallet().collect_events(), fingerprint=b"f")
    assert fixture.append(known, fresh, known._replace(fingerprint=b"g")) == [
        "duplicate",
        "doubt",
        "reused",
    ]

    assert fixture.log.head() == 1
    assert fixture.log.load({}, [fresh.command_id]).receipts == {}
    assert fixture.log.clock_state().doubt


def test_the_time_returned_by_load_never_goes_back(fixture: LogFixture) -> None:
    fixture.set_clock(AT + HOUR)
    fixture.append(pending(open_wallet().collect_events()))
    fixture.set_clock(AT)

    assert fixture.log.now() == AT + HOUR
    assert fixture.log.load({}, []).now == AT + HOUR
    assert fixture.log.load({uuid7(): 0}, [uuid7()]).now == AT + HOUR


def test_a_repeated_command_is_a_duplicate_with_its_positions(fixture: LogFixture) -> None:
    wallet = open_wallet()
    command = pending(wallet.collect_events(), fingerprint=b"f")
    fixture.append(command)
    fixture.set_clock(AT + HOUR)

    again, other = fixture.log.append([command])[0], command._replace(fingerprint=b"g")

    assert (again.kind, again.first_position, again.last_position) == ("duplicate", 1, 1)
    assert again.recorded_at == AT
    assert fixture.append(other) == ["reused"]
    assert fixture.log.head() == 1


def test_a_refusal_is_stored_without_an_event(fixture: LogFixture) -> None:
    command = pending([], fingerprint=b"f", refusal=b'{"code":"x"}')

    [verdict] = fixture.log.append([command])

    assert (verdict.first_position, verdict.last_position) == (None, None)
    receipt = fixture.log.load({}, [command.command_id]).receipts[command.command_id]
    assert (receipt.refusal, receipt.last_position) == (b'{"code":"x"}', None)
    assert fixture.log.head() == 0


def test_a_thousand_commands_are_one_batch(fixture: LogFixture) -> None:
    wallets = [open_wallet() for _ in range(1000)]

    verdicts: Sequence[Verdict] = fixture.log.append([pending(w.collect_events()) for w in wallets])

    assert [verdict.first_position for verdict in verdicts] == list(range(1, 1001))
    assert [recorded.stream_id for recorded in fixture.log.read(0, 1000)] == [
        wallet.id for wallet in wallets
    ]


def test_a_state_that_cannot_be_sealed_is_rejected(fixture: LogFixture) -> None:
    def opened(app: str) -> AppendRequest:
        wallet = Wallet.open(
            wallet_id=uuid7(), wallet_app_id=app, currency=CURRENCIES["USD"], at=AT
        )
        return AppendRequest(uuid7(), b"", wallet.collect_events())

    fixture.append(opened("a"))
    spare = 60_000 - len(fixture.log.read(0, 1)[0].state) + 1

    assert fixture.append(opened("a" * spare)) == ["recorded"]
    with pytest.raises(LogRejected, match="60001 bytes; at most 60000"):
        fixture.append(opened("a" * (spare + 1)))

    assert [len(recorded.state) for recorded in fixture.log.read(1, 10)] == [60_000]
