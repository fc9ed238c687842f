"""What `listen` tells a server: the same calls as a webhook's, in order, from where it stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from standardwebhooks import Webhook

from api.views.webhooks import ViewBodies
from application.consumer import Page
from application.errors import LogUnavailable
from application.forwarding import (
    PAGE_POSITIONS,
    WAITS_SECONDS,
    Attempt,
    Forwarder,
    MerchantEvents,
)
from application.ports.webhook_sender import Answer, NoAnswer, Sent
from domain.merchants import standard_webhooks
from domain.merchants.webhook_endpoint import TYPES
from domain.money.money import Money
from tests.support.documents import document_services
from tests.support.ledger_fixture import LedgerFixture
from tests.support.receivers_clock import receivers_clock
from tests.support.webhook_fixture import (
    DOWN,
    OK,
    STORY,
    WALL_CLOCK,
    FakeSender,
    Received,
    WebhookFixture,
)

HERE = "http://127.0.0.1:3000/hooks"
OWNER = "listen"


@dataclass
class Desk:
    """A developer's program, beside the ledger's own webhooks."""

    fixture: WebhookFixture
    answer: Callable[[Received], Sent] = lambda _: OK
    topics: frozenset[str] = TYPES
    remembered: list[int] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    errors: list[LogUnavailable] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    stops: bool = False

    def __post_init__(self) -> None:
        self.sender = FakeSender(self.answer)
        bodies = ViewBodies(document_services().config)
        self.forwarder = Forwarder(
            MerchantEvents(self.fixture.log, bodies, self.fixture.ledger.merchant, self.topics),
            self.sender,
            self.fixture.secrets.signer(OWNER, 1),
            HERE,
            wall_clock=lambda: WALL_CLOCK,
            report=self,
            remember=self.remembered.append,
            pause=self.pause,
        )

    def attempted(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)

    def unavailable(self, error: LogUnavailable) -> None:
        self.errors.append(error)

    def pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        return self.stops

    def run(self, after: int = 0, pages: int = 100) -> int:
        """Forward until the end of the log; returns the last position."""
        for _ in range(pages):
            after, at_once = self.forwarder.forward(after)
            if not at_once:
                return after
        raise AssertionError

    @property
    def types(self) -> list[str]:
        return [call.type for call in self.sender.calls]


@pytest.fixture
def fixture() -> WebhookFixture:
    return WebhookFixture()


def test_the_calls_are_those_of_a_webhook_but_for_the_secret(
    fixture: WebhookFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    receivers_clock(monkeypatch)
    fixture.add_endpoint()
    session = fixture.paid_session()
    fixture.ledger.send(fixture.ledger.refund(session, Money(100, "USD"), earned=1000))
    fixture.run()
    desk = Desk(fixture)

    desk.run()

    assert [(one.id, one.body) for one in desk.sender.calls] == [
        (one.id, one.body) for one in fixture.calls
    ]
    assert desk.types == [*STORY, "refund.succeeded"]
    secret = standard_webhooks.secret_text(fixture.secrets.signer(OWNER, 1).secret)
    for ours, theirs in zip(desk.sender.calls, fixture.calls, strict=True):
        assert ours.url == HERE
        assert ours.headers.keys() == theirs.headers.keys()
        Webhook(secret).verify(ours.body, dict(ours.headers))


def test_events_of_another_merchant_are_not_told(fixture: WebhookFixture) -> None:
    other = LedgerFixture(fixture.log)
    other.create_session()
    mine = fixture.ledger.create_session()
    other.create_session()
    desk = Desk(fixture)

    last = desk.run()

    assert [one.notice.recorded.stream_id for one in desk.attempts] == [mine]
    assert last == fixture.log.head()


def test_only_the_types_that_were_named_are_told(fixture: WebhookFixture) -> None:
    fixture.paid_session()
    desk = Desk(fixture, topics=frozenset({"payment_session.paid"}))

    desk.run()

    assert desk.types == ["payment_session.paid"]


def test_a_long_log_is_told_page_by_page_in_its_order(fixture: WebhookFixture) -> None:
    for _ in range(PAGE_POSITIONS):
        fixture.ledger.create_session()
    desk = Desk(fixture)

    desk.run()

    positions = [one.notice.recorded.position for one in desk.attempts]
    assert len(positions) == PAGE_POSITIONS
    assert positions == sorted(set(positions))
    assert desk.remembered == sorted(desk.remembered)


@pytest.mark.parametrize("stopped_after", range(4))
def test_whatever_was_remembered_nothing_is_missed_and_little_is_told_again(
    fixture: WebhookFixture, stopped_after: int
) -> None:
    fixture.paid_session()
    first = Desk(fixture)
    first.run()
    at = [0, *(one.notice.recorded.position for one in first.attempts)][stopped_after]

    again = Desk(fixture)
    again.run(after=at)

    assert again.types == STORY[stopped_after:]


def test_a_call_that_fails_is_made_again_with_the_same_id_before_the_next_one(
    fixture: WebhookFixture,
) -> None:
    answers: list[Sent] = [DOWN, NoAnswer("the connection failed", 1), OK, OK, OK]
    fixture.paid_session()
    desk = Desk(fixture, lambda _: answers.pop(0))

    desk.run()

    assert desk.types == [STORY[0]] * 3 + STORY[1:]
    assert len({(call.id, call.body) for call in desk.sender.calls[:3]}) == 1
    assert desk.pauses == [*WAITS_SECONDS[:2]]
    assert [one.again_seconds for one in desk.attempts[:3]] == [*WAITS_SECONDS[:2], None]


def test_a_call_that_always_fails_is_given_up_and_the_next_one_follows(
    fixture: WebhookFixture,
) -> None:
    fixture.paid_session()
    desk = Desk(fixture, lambda call: DOWN if call.type == STORY[0] else OK)

    desk.run()

    assert desk.types == [STORY[0]] * 4 + STORY[1:]
    [given_up] = [
        one for one in desk.attempts if not one.verdict.delivered and one.again_seconds is None
    ]
    assert (given_up.number, given_up.verdict.reason) == (4, "answered 500")
    assert given_up.notice.recorded.position in desk.remembered


@pytest.mark.parametrize("status", [199, 301, 302, 307, 400, 404, 410, 500])
def test_only_2xx_is_a_success(fixture: WebhookFixture, status: int) -> None:
    fixture.ledger.create_session()
    desk = Desk(fixture, lambda _: Answer(status, 1))

    desk.run()

    assert len(desk.sender.calls) == 4


def test_a_stop_between_two_attempts_leaves_the_event_to_the_next_run(
    fixture: WebhookFixture,
) -> None:
    fixture.paid_session()
    desk = Desk(fixture, lambda call: DOWN if call.type == STORY[1] else OK, stops=True)

    last = desk.run()
    again = Desk(fixture)
    again.run(after=last)

    assert desk.types == STORY[:2]
    assert again.types == STORY[1:]


def test_a_log_that_cannot_be_read_is_reported_once_and_read_again(
    fixture: WebhookFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixture.ledger.create_session()
    desk, page = Desk(fixture), fixture.log.page
    failures = iter([True, True, False])

    def flaky(*facts: Any) -> Page:
        if next(failures, False):
            raise LogUnavailable(reason="the test says so")
        return page(*facts)

    monkeypatch.setattr(fixture.log, "page", flaky)
    positions = [desk.run(), desk.run(), desk.run()]

    assert positions == [0, 0, fixture.log.head()]
    assert len(desk.errors) == 1
    assert desk.types == STORY[:1]
