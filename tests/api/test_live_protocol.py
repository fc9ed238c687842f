"""The live protocol without a network: snapshots, events in order, exact resume."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from api.live import protocol
from api.live.hub import BUFFER_BYTES_MAX, Hub, Listener, for_each
from api.live.protocol import SessionFeed
from application.bus import Bus
from application.commands.decline_attempt import DeclineAttempt
from application.commands.refund_session import RefundSession
from application.commands.set_processors import SetProcessors
from application.commands.start_attempt import StartAttempt
from application.event_log import Recorded, history
from domain import ids, times
from domain.money.money import Money
from domain.payouts.debits import Credits
from tests.support.ledger_fixture import LedgerFixture, envelope
from tests.support.memory_log import START, MemoryLog


class RecordingSocket:
    """A socket that records what it is sent."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.disconnected: list[int] = []
        self.unsent_bytes = 0

    def buffered_bytes(self) -> int:
        return self.unsent_bytes

    def send(self, text: str) -> None:
        self.messages.append(json.loads(text))

    def disconnect(self, code: int, reason: str) -> None:
        self.disconnected.append(code)


Story = tuple[MemoryLog, UUID, list[Recorded]]


@pytest.fixture
def story() -> Story:
    """A session that was created, scanned and paid."""
    ledger = LedgerFixture(log := MemoryLog())
    session, wallet = ledger.create_session(), ledger.open_wallet()
    ledger.send(ledger.pay(session, wallet, ledger.claim_session(session, wallet)))
    return log, session, history(log, session)


def listen(hub: Hub, session: UUID) -> tuple[Listener, RecordingSocket]:
    socket = RecordingSocket()
    listener = Listener(socket, session)
    hub.register(listener)
    return listener, socket


def seqs(socket: RecordingSocket) -> list[int]:
    return [message["seq"] for message in socket.messages]


def test_the_first_message_is_a_snapshot_with_the_fields_of_the_contract(story: Story) -> None:
    _, session, events = story

    [text] = SessionFeed(events, livemode=False).initial_messages(None, START)

    message = json.loads(text)
    assert list(message) == ["type", "seq", "position", "server_time", "session"]
    assert (message["type"], message["seq"]) == ("snapshot", 3)
    assert message["position"] == events[-1].position
    assert message["session"]["status"] == "paid"
    assert message["session"]["order_id"] == str(session)
    assert "claim" not in message["session"]
    assert "metadata" not in message["session"]


@pytest.mark.parametrize(("after", "missed"), [(0, [1, 2, 3]), (1, [2, 3]), (2, [3]), (3, [])])
def test_a_client_that_resumes_gets_exactly_the_events_it_missed(
    story: Story, after: int, missed: list[int]
) -> None:
    messages = [
        json.loads(text)
        for text in SessionFeed(story[2], livemode=False).initial_messages(after, START)
    ]

    assert [message["seq"] for message in messages] == missed
    assert all(message["type"] == "event" for message in messages)
    names = ["payment_session.created", "payment_session.scanned", "payment_session.paid"]
    assert [message["event"] for message in messages] == names[after:]
    statuses = ["created", "scanned", "paid"]
    assert [message["session"]["status"] for message in messages] == statuses[after:]


def test_a_session_that_is_processing_has_not_ended_and_says_who_was_asked() -> None:
    ledger = LedgerFixture(log := MemoryLog())
    session, attempt_id = ledger.create_session(), ledger.new_id()
    ledger.send(SetProcessors(merchant_id=ledger.merchant_id, processors=("sandbox",)))
    start = StartAttempt(session_id=session, attempt_id=attempt_id, processor="sandbox")
    ledger.send(start)

    processing = SessionFeed(history(log, session), public_only=True, livemode=False)
    ledger.send(DeclineAttempt(session_id=session, attempt_id=attempt_id))
    declined = SessionFeed(history(log, session), public_only=True, livemode=False)

    [started] = [json.loads(text)["session"] for text in processing.initial_messages(1, START)]
    [ended] = [json.loads(text)["session"] for text in declined.initial_messages(2, START)]
    assert (processing.ended, declined.ended) == (False, False)
    assert started["status"] == "processing"
    assert started["attempt"] == {
        "processor": "sandbox", "status": "started", "may_stop": True,
        "created_at": times.to_text(START),
    }  # fmt: skip
    assert "notice" not in started
    assert (ended["status"], ended["notice"]) == ("created", "declined")
    assert "next_action" not in ended


def test_a_client_that_is_ahead_or_missed_too_much_gets_a_snapshot_that_is_not_recovered(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = SessionFeed(story[2], livemode=False)

    [ahead] = [json.loads(text) for text in feed.initial_messages(4, START)]
    monkeypatch.setattr(protocol, "MISSED_EVENTS_MAX", 1)
    [behind] = [json.loads(text) for text in feed.initial_messages(0, START)]

    assert (ahead["type"], ahead["recovered"]) == ("snapshot", False)
    assert (behind["type"], behind["recovered"]) == ("snapshot", False)


@pytest.mark.parametrize("known", [0, 1, 2, 3])
@pytest.mark.parametrize("early", [0, 1, 2, 3])
def test_no_event_is_lost_or_repeated_whenever_the_history_is_read(
    story: Story, known: int, early: int
) -> None:
    """`early` events reach the hub before the history (of `known` events) has been read."""
    _, session, events = story
    known = max(known, 1)
    hub = Hub(lambda: START, livemode=False)
    listener, socket = listen(hub, session)

    hub.dispatch(events[min(early, known - 1) : early])  # dispatched during the read
    hub.start(listener, events[:known], None)
    hub.dispatch(events[early:] if early >= known else events[min(early, known) :])

    assert seqs(socket) == list(range(known, 4))
    assert socket.messages[0]["type"] == "snapshot"


def test_a_slow_reader_is_disconnected_and_others_are_not(story: Story) -> None:
    _, session, events = story
    hub = Hub(lambda: START, livemode=False)
    slow, slow_socket = listen(hub, session)
    fast, fast_socket = listen(hub, session)
    for listener in (slow, fast):
        hub.start(listener, events[:1], None)
    slow_socket.unsent_bytes = BUFFER_BYTES_MAX + 1

    hub.dispatch(events[1:])

    assert set(slow_socket.disconnected) == {protocol.CLOSE_SLOW}
    assert seqs(slow_socket) == [1]
    assert seqs(fast_socket) == [1, 2, 3]


def test_a_gap_is_an_error(story: Story) -> None:
    _, _, events = story
    feed = SessionFeed(events[:1], livemode=False)

    with pytest.raises(ValueError, match="version 3 after 1"):
        feed.apply(events[2])


def test_an_unregistered_listener_gets_nothing_more(story: Story) -> None:
    _, session, events = story
    hub = Hub(lambda: START, livemode=False)
    listener, socket = listen(hub, session)
    hub.start(listener, events[:1], None)

    hub.unregister(listener)
    hub.unregister(listener)
    hub.dispatch(events[1:])

    assert (hub.listeners(), hub.count(session, public_only=False)) == ([], 0)
    assert hub._by_session == {}
    assert seqs(socket) == [1]


def test_a_listener_that_cannot_be_served_is_closed_and_the_others_are_not(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, session, events = story
    hub = Hub(lambda: START, livemode=False)
    bad, broken_socket = listen(hub, session)
    good, socket = listen(hub, session)
    for listener in (bad, good):
        hub.start(listener, events[:1], None)

    monkeypatch.setattr(broken_socket, "send", None)
    hub.dispatch(events[1:])

    assert seqs(socket) == [1, 2, 3]
    assert broken_socket.disconnected == [protocol.CLOSE_RESTART]
    assert hub.listeners() == [good]


def test_one_listeners_error_does_not_stop_heartbeats_to_others(story: Story) -> None:
    _, session, _ = story
    hub = Hub(lambda: START, livemode=False)
    sockets = [listen(hub, session)[1] for _ in range(2)]
    first, second = hub.listeners()

    def send_heartbeat(listener: Listener) -> None:
        if listener is first:
            raise RuntimeError
        listener.send("{}")

    asyncio.run(for_each(hub.listeners(), send_heartbeat))

    assert sorted(len(socket.messages) for socket in sockets) == [0, 1]
    assert [len(s.messages) for s in sockets if s is second.socket] == [1]


# Refunds.


@pytest.fixture
def refunded(story: Story) -> Story:
    """The session after two refunds, of $3 and of the rest."""
    log, session, events = story
    merchant = SessionFeed(events, livemode=False).state.merchant_id
    for minor in (300, 700):
        refund = RefundSession(
            refund_id=uuid7(),
            session_id=session,
            merchant_id=ids.decode("mer", merchant),
            amount=Money(minor, "USD"),
            credits=Credits(minor=1000, position=log.head()),
            credits_are_current=True,
        )
        Bus(log).send(envelope(refund))
    return log, session, history(log, session)


def test_refunds_reach_the_listeners_of_their_session_in_order(refunded: Story) -> None:
    _, session, events = refunded
    hub = Hub(lambda: START, livemode=False)
    listener, socket = listen(hub, session)
    hub.start(listener, events[:3], None)

    hub.dispatch(events[3:])

    assert [message["type"] for message in socket.messages] == ["snapshot", "event", "event"]
    assert seqs(socket) == [3, 4, 5]
    first, second = socket.messages[1:]
    assert first["event"] == second["event"] == "refund.succeeded"
    assert first["session"]["status"] == second["session"]["status"] == "paid"
    assert (first["session"]["refunded_minor"], first["session"]["flags"]) == (
        300,
        ["partially_refunded"],
    )
    assert (second["session"]["refunded_minor"], second["session"]["flags"]) == (
        1000,
        ["refunded"],
    )


@pytest.mark.parametrize("after", [0, 1, 2, 3, 4, 5])
def test_a_client_that_was_away_during_refunds_gets_them(refunded: Story, after: int) -> None:
    _, _, events = refunded
    feed = SessionFeed(events, livemode=False)

    messages = [json.loads(text) for text in feed.initial_messages(after, START)]

    assert [message["seq"] for message in messages] == list(range(after + 1, 6))
    assert [message["event"] for message in messages] == [event.topic for event in events[after:]]


def test_a_watcher_is_not_told_of_refunds_but_can_still_resume(refunded: Story) -> None:
    _, session, events = refunded
    hub = Hub(lambda: START, livemode=False)
    socket = RecordingSocket()
    watcher = Listener(socket, session, public_only=True)
    hub.register(watcher)
    hub.start(watcher, events[:2], None)

    hub.dispatch(events[2:])
    again = [
        json.loads(text)
        for text in SessionFeed(events, public_only=True, livemode=False).initial_messages(2, START)
    ]

    assert socket.messages[1:] == again
    assert [(m["type"], m.get("event"), m["seq"]) for m in again] == [
        ("event", "payment_session.paid", 3),
        ("snapshot", None, 4),
        ("snapshot", None, 5),
    ]
    assert "refund" not in json.dumps(socket.messages)
