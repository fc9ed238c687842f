"""Tells merchants of every event of their sessions and payouts, in order per session.

    event ──▶ deliveries to the endpoints that stood at its position ──▶ attempts ──▶ delivered,
                                                                      or parked after the last one

One task for each event that may have a recipient; performing it sets one task for each target, in
the lane of target and session. Replays have lanes of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from random import Random
from typing import Any, ClassVar, Final

from application.event_log import Recorded
from application.ports.webhook_sender import WebhookSender
from application.ports.webhooks import DeliveryStore, WebhookBodies, WebhookSecrets
from application.processes._webhook_deliveries import Deliveries
from application.processes._webhook_fanout import DELIVER, FanOut, WebhookLog, event_task
from application.processes._webhook_gate import Gate
from application.processes._webhook_recipients import Recipients
from application.processes.process import (
    Cancel,
    Process,
    Result,
    RetryPolicy,
    Start,
    Task,
)
from domain.merchants.webhook_endpoint import FOLLOWED, WebhookEndpoints

LOOPS: Final = 4
NEVER: Final = 10**9
"""Each target has a breaker of its own, so the process as a whole has none."""


class Webhooks(Process):
    """Sends what merchants subscribed to, and what they ask for once more."""

    name: ClassVar[str] = "webhooks"
    follows: ClassVar[tuple[type[Any], ...]] = (
        *FOLLOWED,
        WebhookEndpoints.Opened,
        WebhookEndpoints.TestRequested,
        WebhookEndpoints.ReplayRequested,
        WebhookEndpoints.RedeliveryRequested,
    )
    starts: ClassVar[Start] = Start.RELEASE
    retry: ClassVar[RetryPolicy] = RetryPolicy(
        attempts_max=10_000,  # the schedule ends deliveries; this one ends what kills its worker
        first_seconds=0.001,  # the schedule has its own jitter
        seconds_max=1.0,
        retries_per_minute_max=6000,
        failures_max=NEVER,
        open_seconds=1.0,
        concurrency=LOOPS,
        tasks_max=32,
        lease_seconds=60.0,
    )

    def __init__(
        self,
        webhook_log: WebhookLog,
        deliveries: DeliveryStore,
        webhook_sender: WebhookSender,
        webhook_secrets: WebhookSecrets,
        webhook_bodies: WebhookBodies,
        wall_clock: Callable[[], datetime],
        random: Random,
    ) -> None:
        """Send webhooks.

        Args:
            webhook_log: the log, to read.
            deliveries: keeps deliveries and attempts.
            webhook_sender: makes the calls.
            webhook_secrets: sign.
            webhook_bodies: writes what is sent.
            wall_clock: real time, which receivers compare with theirs.
            random: spreads the attempts.
        """
        self._recipients = Recipients(webhook_log)
        self._fan_out = FanOut(webhook_log, deliveries)
        self._deliveries = Deliveries(
            webhook_log,
            deliveries,
            webhook_sender,
            webhook_secrets,
            webhook_bodies,
            wall_clock,
            random.uniform,
            Gate(suspects_max=LOOPS // 2),
        )

    def react(self, recorded: Recorded) -> Iterable[Task | Cancel]:
        """At most one task: for the event's targets, or for what a merchant has asked for."""
        if recorded.topic.partition(".")[0] != WebhookEndpoints.TOPIC:
            return (event_task(recorded),) if self._recipients.may_exist(recorded) else ()
        event: Any = recorded.event
        if isinstance(event, WebhookEndpoints.Opened):
            self._recipients.opened(recorded)
            return ()
        at = recorded.recorded_at
        round_ = f"{_ROUNDS[type(event)]} {recorded.position}"
        payload = {"merchant": event.merchant_id, "round": round_}
        match event:
            case WebhookEndpoints.TestRequested():
                payload |= {"kind": "test", "only": event.endpoint_id, "test": event.test_id}
            case WebhookEndpoints.ReplayRequested():
                payload |= {
                    "kind": "replay",
                    "only": event.endpoint_id,
                    "after": str(event.after),
                    "up_to": str(event.up_to),
                    "requested": str(recorded.version),
                }
            case _:
                payload |= {
                    "kind": "event",
                    "only": event.target,
                    "subject": event.subject_id,
                    "version": str(event.event_version),
                }
        return (Task(key=round_, due_at=at, lane=round_, payload=payload),)

    def forget(self) -> None:
        """Forget who has endpoints."""
        self._recipients.forget()

    def is_quick(self, task: Task) -> bool:
        """Fanning out calls nobody, so it does not wait for receivers that are slow to answer."""
        return task.payload["kind"] != DELIVER

    def perform(self, tasks: Sequence[Task]) -> Sequence[Result]:
        """Fan out, and attempt deliveries."""
        results: dict[str, Result] = {}
        events = [task for task in tasks if task.payload["kind"] == "event"]
        due = [task for task in tasks if task.payload["kind"] == DELIVER]
        if events:
            results |= _by_key(events, self._fan_out.events(events))
        for task in tasks:
            if task.payload["kind"] == "test":
                results[task.key] = self._fan_out.test(task)
            elif task.payload["kind"] == "replay":
                results[task.key] = self._fan_out.replay(task)
        if due:
            results |= _by_key(due, self._deliveries.attempt(due))
        return [results[task.key] for task in tasks]


_ROUNDS: Final = {
    WebhookEndpoints.TestRequested: "test",
    WebhookEndpoints.ReplayRequested: "replay",
    WebhookEndpoints.RedeliveryRequested: "again",
}


def _by_key(tasks: Sequence[Task], results: Sequence[Result]) -> dict[str, Result]:
    return {task.key: result for task, result in zip(tasks, results, strict=True)}
