"""The comparison of acknowledged refunds, quotes and payouts with the log notices each defect."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

import pytest

from domain import ids
from tests.chaos.books import ClientBooks, Quote, compare_books
from tests.chaos.report import Report

STREAM: Final = UUID(int=7 << 76 | 2 << 62)
SESSION, PAYOUT = ids.encode("ps", STREAM), ids.encode("pay", STREAM)
Events = list[Any]


def happened(topic: str, **fields: Any) -> Any:
    return SimpleNamespace(topic=topic, stream_id=STREAM, event=SimpleNamespace(**fields))


def a_history() -> Events:
    return [
        happened("fx_quote.given", quote_id="quo_1", from_minor=230),
        happened("fx_quote.used", quote_id="quo_1"),
        happened("payment_session.paid", quote_id="quo_1", payer_amount_minor=230),
        happened("refund.succeeded", amount_minor=67),
        happened("payout.requested", amount_minor=91),
        happened("payout.funded"),
        happened("payout.returned"),
    ]


def compared(events: Events) -> Report:
    books = ClientBooks(lambda *_: {}, "", "", [])
    quote = Quote("quo_1", SESSION, 230)
    books.quotes, books.paid_by_quote = [quote], {SESSION: quote}
    books.refunded, books.payouts = {SESSION: 67}, {PAYOUT: 91}
    report = Report(seed=1, seconds=1, clients=1)
    compare_books([books], events, report)
    return report


def test_what_was_acknowledged_and_recorded_is_in_order() -> None:
    report = compared(a_history())

    assert report.clean, report.lines()
    assert (report.refunds, report.paid_by_quote, report.payouts) == (1, 1, 1)


@pytest.mark.parametrize("number", range(7))
def test_an_event_that_is_missing_is_noticed(number: int) -> None:
    events = a_history()
    missing = events.pop(number)

    assert compared(events).clean == (missing.topic == "payout.funded")


@pytest.mark.parametrize("topic", ["fx_quote.used", "refund.succeeded", "payout.funded"])
def test_what_happened_twice_is_a_duplicate(topic: str) -> None:
    events = a_history()
    events += [event for event in events if event.topic == topic]

    assert compared(events).duplicate == 1


@pytest.mark.parametrize(
    ("topic", "change"),
    [
        ("refund.succeeded", {"amount_minor": 68}),
        ("fx_quote.given", {"from_minor": 231}),
        ("payment_session.paid", {"payer_amount_minor": 231}),
        ("payout.requested", {"amount_minor": 92}),
    ],
)
def test_other_figures_than_the_acknowledged_ones_are_a_loss(
    topic: str, change: dict[str, int]
) -> None:
    events = a_history()
    [event] = [event for event in events if event.topic == topic]
    vars(event.event).update(change)

    assert compared(events).lost == 1


@pytest.mark.parametrize(
    "invented",
    [
        lambda: happened("refund.succeeded", amount_minor=1),
        lambda: happened("fx_quote.given", quote_id="quo_2", from_minor=1),
        lambda: happened("payment_session.paid", quote_id="quo_1", payer_amount_minor=230),
        lambda: happened("payout.requested", amount_minor=91),
    ],
)
def test_what_was_never_acknowledged_is_a_phantom(invented: Callable[[], Any]) -> None:
    event = invented()
    event.stream_id = UUID(int=STREAM.int + 1)

    assert compared([*a_history(), event]).phantom == 1


def test_a_payout_with_another_outcome_than_the_bank_chose_is_a_violation() -> None:
    events = [*a_history()[:-1], happened("payout.settled")]

    assert len(compared(events).violations) == 1
