"""The live protocol without a network: snapshot, events in order, exact resume, never a part."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest

from api.live import protocol
from api.live.hub import BUFFER_BYTES_MAX, Hub, Listener, in_steps
from api.live.protocol import SessionFeed
from application.event_log import Recorded, history
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import START, MemoryLog


class Ear:
    """A socket that remembers what it heard."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.disconnected: list[int] = []
        self.unsent = 0

    def buffered(self) -> int:
        return self.unsent

    def send_soon(self, text: str) -> None:
        self.heard.append(json.loads(text))

    def disconnect(self, code: int, reason: str) -> None:
        self.disconnected.append(code)


@pytest.fixture
def story() -> tuple[MemoryLog, UUID, list[Recorded]]:
    """A session that was created, scanned and paid."""
    ledger = LedgerFixture(log := MemoryLog())
    session, wallet = ledger.create_session(), ledger.open_wallet()
    ledger.send(ledger.pay(session, wallet, ledger.claim_session(session, wallet)))
    return log, session, history(log, session)


def listen(hub: Hub, session: UUID) -> tuple[Listener, Ear]:
    ear = Ear()
    listener = Listener(ear, session)
    hub.register(listener)
    return listener, ear


def seqs(ear: Ear) -> list[int]:
    return [one["seq"] for one in ear.heard]


Story = tuple[MemoryLog, UUID, list[Recorded]]


def test_the_first_message_is_a_snapshot_as_the_contract_shows_it(story: Story) -> None:
    _, session, events = story

    [text] = SessionFeed(events).opening(None, START)

    told = json.loads(text)
    assert list(told) == ["type", "seq", "position", "server_time", "session"]
    assert (told["type"], told["seq"]) == ("snapshot", 3)
    assert told["position"] == events[-1].position
    assert told["session"]["status"] == "paid"
    assert told["session"]["order_id"] == str(session)
    assert "claim" not in told["session"]
    assert "metadata" not in told["session"]


@pytest.mark.parametrize(("after", "missed"), [(0, [1, 2, 3]), (1, [2, 3]), (2, [3]), (3, [])])
def test_a_client_that_comes_back_gets_exactly_what_it_missed(
    story: Story, after: int, missed: list[int]
) -> None:
    told = [json.loads(text) for text in SessionFeed(story[2]).opening(after, START)]

    assert [one["seq"] for one in told] == missed
    assert all(one["type"] == "event" for one in told)
    names = ["payment_session.created", "payment_session.scanned", "payment_session.paid"]
    assert [one["event"] for one in told] == names[after:]
    statuses = ["created", "scanned", "paid"]
    assert [one["session"]["status"] for one in told] == statuses[after:]


def test_a_client_that_knows_too_much_or_missed_too_much_gets_a_snapshot_that_says_so(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = SessionFeed(story[2])

    [ahead] = [json.loads(text) for text in feed.opening(4, START)]
    monkeypatch.setattr(protocol, "MISSED_MAX", 1)
    [long] = [json.loads(text) for text in feed.opening(0, START)]

    assert (ahead["type"], ahead["recovered"]) == ("snapshot", False)
    assert (long["type"], long["recovered"]) == ("snapshot", False)


@pytest.mark.parametrize("known", [0, 1, 2, 3])
@pytest.mark.parametrize("early", [0, 1, 2, 3])
def test_no_event_is_lost_or_told_twice_whenever_the_history_is_read(
    story: Story, known: int, early: int
) -> None:
    """`early` events reach the hub before the history (of `known` events) has been read."""
    _, session, events = story
    known = max(known, 1)
    hub = Hub(lambda: START)
    listener, ear = listen(hub, session)

    hub.dispatch(events[min(early, known - 1) : early])  # what the follower brings meanwhile
    hub.open(listener, events[:known], None)
    hub.dispatch(events[early:] if early >= known else events[min(early, known) :])

    assert seqs(ear) == list(range(known, 4))
    assert ear.heard[0]["type"] == "snapshot"


def test_a_slow_reader_is_parted_with_and_others_are_not(story: Story) -> None:
    _, session, events = story
    hub = Hub(lambda: START)
    slow, slow_ear = listen(hub, session)
    fast, fast_ear = listen(hub, session)
    for listener in (slow, fast):
        hub.open(listener, events[:1], None)
    slow_ear.unsent = BUFFER_BYTES_MAX + 1

    hub.dispatch(events[1:])

    assert set(slow_ear.disconnected) == {protocol.CLOSE_SLOW}
    assert seqs(slow_ear) == [1]
    assert seqs(fast_ear) == [1, 2, 3]


def test_a_gap_is_never_told_as_if_it_were_none(story: Story) -> None:
    _, _, events = story
    feed = SessionFeed(events[:1])

    with pytest.raises(ValueError, match="version 3 after 1"):
        feed.apply(events[2])


def test_the_hub_forgets_who_left(story: Story) -> None:
    _, session, events = story
    hub = Hub(lambda: START)
    listener, ear = listen(hub, session)
    hub.open(listener, events[:1], None)

    hub.leave(listener)
    hub.leave(listener)
    hub.dispatch(events[1:])

    assert (hub.count, hub.on_session(session, public_only=False)) == (0, 0)
    assert seqs(ear) == [1]


def test_a_listener_that_cannot_be_told_is_closed_and_the_others_hear(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, session, events = story
    hub = Hub(lambda: START)
    bad, deaf = listen(hub, session)
    good, ear = listen(hub, session)
    for listener in (bad, good):
        hub.open(listener, events[:1], None)

    monkeypatch.setattr(deaf, "send_soon", None)
    hub.dispatch(events[1:])

    assert seqs(ear) == [1, 2, 3]
    assert deaf.disconnected == [protocol.CLOSE_RESTART]
    assert hub.listeners() == [good]


def test_one_listeners_failure_ends_no_heartbeat(story: Story) -> None:
    _, session, _ = story
    hub = Hub(lambda: START)
    (_, _), (_, ear) = listen(hub, session), listen(hub, session)
    first, _second = hub.listeners()

    def beat(listener: Listener) -> None:
        if listener is first:
            raise RuntimeError
        listener.send("{}")

    asyncio.run(in_steps(hub.listeners(), beat))
    heard = [one.socket for one in hub.listeners()]

    assert sum(len(one.heard) for one in heard if isinstance(one, Ear)) == 1
    assert ear in heard
