"""From an event to its deliveries: the endpoints that stood at its position.

    event ──▶ `evt_…` ──▶ one task for each target ──▶ `_webhook_deliveries`
    replay ──▶ page after page of the log ──▶ the same, for one endpoint, in lanes of their own

A delivery's lane is its target and its session, so each session's notices are sent in order, and a
target that fails delays no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from application.commands.finish_webhook_replay import FinishWebhookReplay
from application.consumer import PagedLog
from application.event_log import EventLog, Recorded
from application.ports.webhooks import DeliveryStore, NewDelivery, delivery_id
from application.processes._webhook_rules import SCHEDULE_MAX
from application.processes._webhook_streams import Streams, endpoints_stream, subject_stream
from application.processes.process import Done, Result, Task
from domain import ids, times
from domain.merchants.webhook_endpoint import CALLBACK, FOLLOWED, TEST_TYPE

REPLAY_PAGE_EVENTS: Final = 200
"""Positions that one step of a replay reads."""
FOLLOWED_TOPICS: Final = frozenset(one.TOPIC for one in FOLLOWED)
DELIVER: Final = "deliver"


class WebhookLog(EventLog, PagedLog, Protocol):
    """The log, by stream and by page."""


class FanOut:
    """Makes the deliveries of events, tests and replays."""

    def __init__(self, log: WebhookLog, deliveries: DeliveryStore) -> None:
        self._log = log
        self._deliveries = deliveries

    def events(self, tasks: Sequence[Task]) -> list[Result]:
        """The deliveries of some events."""
        subjects = Streams(self._log, {subject_stream(task.payload["subject"]) for task in tasks})
        found = [
            subjects.at_version(
                subject_stream(task.payload["subject"]), int(task.payload["version"])
            )
            for task in tasks
        ]
        merchants = {subject.merchant_id for _, subject in found}
        settings = Streams(self._log, {endpoints_stream(merchant) for merchant in merchants})
        results: list[Result] = []
        begun: list[NewDelivery] = []
        for task, (recorded, subject) in zip(tasks, found, strict=True):
            deliveries = [
                _new_delivery(task, recorded, subject.merchant_id, target)
                for target in _targets(task, recorded, subject, settings)
            ]
            begun += deliveries
            until = settings.now + SCHEDULE_MAX
            results.append(Done(tasks=[_delivery_task(task, one, until) for one in deliveries]))
        if begun:
            self._deliveries.begin(begun, settings.now)
        return results

    def test(self, task: Task) -> Result:
        """The delivery of a test."""
        target, test_id = task.payload["only"], task.payload["test"]
        delivery = NewDelivery(
            id=delivery_id(target, test_id),
            merchant_id=task.payload["merchant"],
            target=target,
            event_id=test_id,
            event_type=TEST_TYPE,
            subject_id=target,
            position=0,
            version=0,
        )
        self._deliveries.begin([delivery], task.due_at)
        until = task.due_at + SCHEDULE_MAX
        return Done(tasks=[_delivery_task(task, delivery, until, at=times.to_text(task.due_at))])

    def replay(self, task: Task) -> Result:
        """The events of the next page that are the merchant's, and the rest of the replay."""
        payload = task.payload
        after, up_to = int(payload["after"]), int(payload["up_to"])
        page = self._log.page(after, min(REPLAY_PAGE_EVENTS, up_to - after), FOLLOWED_TOPICS)
        streams = Streams(self._log, {recorded.stream_id for recorded in page.events})
        tasks = [
            event_task(recorded, only=payload["only"], round_=payload["round"])
            for recorded in page.events
            if streams.at_version(recorded.stream_id, 1)[1].merchant_id == payload["merchant"]
        ]
        if after < page.last < up_to:
            rest = {**payload, "after": str(page.last)}
            key = f"{payload['round']} {page.last}"
            tasks.append(Task(key=key, due_at=task.due_at, lane=payload["round"], payload=rest))
            return Done(tasks=tasks)
        return Done(tasks=tasks, commands=_finish(payload))


def _finish(replay: Mapping[str, str]) -> list[FinishWebhookReplay]:
    """The end of a replay, unless an earlier release began it, which did not count them."""
    if "requested" not in replay:
        return []
    return [
        FinishWebhookReplay(
            merchant_id=ids.decode("mer", replay["merchant"]),
            endpoint_id=replay["only"],
            requested_version=int(replay["requested"]),
        )
    ]


def event_task(recorded: Recorded, *, only: str = "", round_: str = "") -> Task:
    """The task that makes the deliveries of an event.

    Args:
        recorded: the event.
        only: for one target; empty for all that stood at its position.
        round_: of a replay; its tasks and lanes are its own.
    """
    event_id = ids.encode("evt", recorded.event_id)
    subject_id = ids.subject(recorded.topic, recorded.stream_id)
    payload = {"kind": "event", "subject": subject_id, "version": str(recorded.version)}
    if only:
        payload |= {"only": only, "round": round_}
    return Task(
        key=f"{event_id} {round_}".strip(),
        due_at=recorded.recorded_at,
        lane=f"{subject_id} {round_}".strip(),
        payload=payload,
    )


def _targets(task: Task, recorded: Recorded, subject: Any, settings: Streams) -> Iterable[str]:
    """Who is told: those that stood at the event's position, or the one that asked."""
    only = task.payload.get("only", "")
    if only and not task.payload["round"].startswith("replay"):
        yield only
        return
    position = None if only else recorded.position
    endpoints = settings.endpoints(subject.merchant_id, position)
    for endpoint in endpoints.endpoints.values() if endpoints else ():
        if endpoint.takes(recorded.topic) and only in {"", endpoint.id}:
            yield endpoint.id
    if not only and getattr(subject, "callback_url", None):
        yield CALLBACK


def _new_delivery(task: Task, recorded: Recorded, merchant_id: str, target: str) -> NewDelivery:
    event_id = ids.encode("evt", recorded.event_id)
    return NewDelivery(
        id=delivery_id(target, event_id),
        merchant_id=merchant_id,
        target=target,
        event_id=event_id,
        event_type=recorded.topic,
        subject_id=task.payload["subject"],
        position=recorded.position,
        version=recorded.version,
    )


def _delivery_task(task: Task, delivery: NewDelivery, until: datetime, **payload: str) -> Task:
    round_ = task.payload.get("round", "")
    return Task(
        key=f"{delivery.id} {round_}".strip(),
        due_at=task.due_at,
        lane=f"{delivery.target} {delivery.subject_id} {round_}".strip(),
        payload={
            "kind": DELIVER,
            "delivery": delivery.id,
            "merchant": delivery.merchant_id,
            "target": delivery.target,
            "event": delivery.event_id,
            "subject": delivery.subject_id,
            "version": str(delivery.version),
            "until": times.to_text(until),
            **payload,
        },
    )
