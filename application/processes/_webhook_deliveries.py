"""One attempt of each delivery of a batch: read, sign, send, keep the attempt, then settle.

A worker that dies after the call makes it again, under the same `webhook-id`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from application.commands.disable_webhook_endpoint import DisableWebhookEndpoint
from application.ports.webhook_sender import Answer, Sent, WebhookCall, WebhookSender
from application.ports.webhooks import (
    Attempt,
    DeliveryStatus,
    DeliveryStore,
    Health,
    WebhookBodies,
    WebhookSecrets,
)
from application.processes import _webhook_rules as rules
from application.processes._webhook_call import signed_call
from application.processes._webhook_fanout import WebhookLog
from application.processes._webhook_gate import Gate
from application.processes._webhook_rules import Uniform
from application.processes._webhook_streams import Streams, endpoints_stream, subject_stream
from application.processes.process import Done, Park, Result, Retry, Task
from domain import ids, times
from domain.merchants.webhook_endpoint import CALLBACK
from domain.merchants.webhook_events import DisabledReason, EndpointStatus, SecretState

TEST_VERSION: Final = 0
FAILING: Final = "the endpoint is failing"
SIGNATURE: Final = "webhook-signature"
MASK: Final = "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    """A delivery that is to be attempted."""

    task: Task
    url: str
    owner: str
    """Whose secret signs."""
    secret: SecretState
    health: Health
    body: bytes
    is_new: bool
    restricted: bool
    """Whether of its session nothing is kept that could name a person."""


class Deliveries:
    """Attempts deliveries."""

    def __init__(
        self,
        log: WebhookLog,
        deliveries: DeliveryStore,
        sender: WebhookSender,
        secrets: WebhookSecrets,
        bodies: WebhookBodies,
        wall_clock: Callable[[], datetime],
        uniform: Uniform,
        gate: Gate,
    ) -> None:
        self._log = log
        self._deliveries = deliveries
        self._sender = sender
        self._secrets = secrets
        self._bodies = bodies
        self._wall_clock = wall_clock
        self._uniform = uniform
        self._gate = gate

    def attempt(self, tasks: Sequence[Task]) -> list[Result]:
        """Attempt deliveries of different lanes together."""
        streams = Streams(self._log, {stream for task in tasks for stream in _streams(task)})
        prepared = self._prepare(tasks, streams)
        results: dict[str, Result] = {
            one.key: Done() for one in tasks if one.key not in prepared
        }  # skipped
        due: list[_Due] = []
        for one in prepared.values():
            wait = rules.deferred(one.health, streams.now, self._uniform)
            if wait is None:
                due.append(one)
            elif streams.now >= times.from_text(one.task.payload["until"]):
                results[one.task.key] = Park(reason=FAILING)
            else:
                results[one.task.key] = Retry(reason=FAILING, after=wait)
        with self._gate.batch(
            (one.health.target, one.is_new or rules.is_suspect(one.health), _is_trial(one.health))
            for one in due
        ) as admitted:
            called = [one for one, may in zip(due, admitted, strict=True) if may]
            results |= self._call(called, streams.now) if called else {}
        for one in due:
            if one.task.key in results:
                continue
            longest = self._gate.turn_seconds(one.health.target)
            turn = timedelta(seconds=self._uniform(0, longest))
            results[one.task.key] = Retry(reason="the endpoint is busy", after=turn)
        self._note_deferred(tasks, results, streams.now)
        return [results[task.key] for task in tasks]

    # Prepare.

    def _prepare(self, tasks: Sequence[Task], streams: Streams) -> dict[str, _Due]:
        """What is to be sent, by task; deliveries without a target any more are left out."""
        found: dict[str, tuple[Task, str, str, SecretState, bytes]] = {}
        skipped: list[str] = []
        restricted: set[str] = set()
        for task in tasks:
            merchant, target = task.payload["merchant"], task.payload["target"]
            endpoints = streams.endpoints(merchant)
            body, subject = self._body(task, streams)
            if getattr(subject, "restricted", False):
                restricted.add(task.key)
            if target == CALLBACK:
                secret = endpoints.callback_secret if endpoints else SecretState(number=0)
                found[task.key] = (task, subject.callback_url, merchant, secret, body)
                continue
            endpoint = endpoints.endpoints.get(target) if endpoints else None
            if endpoint is None or endpoint.status is not EndpointStatus.ENABLED:
                skipped.append(task.payload["delivery"])
            else:
                found[task.key] = (task, endpoint.url, target, endpoint.secret, body)
        if skipped:
            reason = "the endpoint is not enabled"
            self._deliveries.give_up(skipped, DeliveryStatus.SKIPPED, reason)
        names = {key: _health_name(task, url) for key, (task, url, *_) in found.items()}
        health = self._deliveries.health(sorted(set(names.values()))) if names else {}
        return {
            key: _Due(
                task=task,
                url=url,
                owner=owner,
                secret=secret,
                health=health.get(names[key], Health(target=names[key])),
                body=body,
                is_new=names[key] not in health,
                restricted=key in restricted,
            )
            for key, (task, url, owner, secret, body) in found.items()
        }

    def _body(self, task: Task, streams: Streams) -> tuple[bytes, Any]:
        """The body, folded to the event's version, and the subject then."""
        version = int(task.payload["version"])
        if version == TEST_VERSION:
            at = times.from_text(task.payload["at"])
            return self._bodies.test(task.payload["target"], at), None
        stream_id = subject_stream(task.payload["subject"])
        recorded, subject = streams.at_version(stream_id, version)
        return self._bodies.body(recorded, subject), subject

    # Call.

    def _call(self, due: Sequence[_Due], now: datetime) -> dict[str, Result]:
        """Make calls, keep their attempts, and say what becomes of their tasks."""
        tries = self._deliveries.tries([one.task.key for one in due])
        calls = [self._signed(one, now) for one in due]
        sent = self._sender.send(calls)
        attempts: list[Attempt] = []
        health = {one.health.target: one.health for one in due}
        results: dict[str, Result] = {}
        for one, call, answer in zip(due, calls, sent, strict=True):
            verdict, name = rules.judge(answer), one.health.target
            health[name] = rules.after_call(health[name], verdict, answer.milliseconds, now)
            attempt = tries.get(one.task.key, 0) + 1
            result = self._result(one, attempt, verdict, health[name], now)
            results[one.task.key] = result
            attempts.append(_attempt(one, call, answer, verdict, result, now))
        self._deliveries.record(attempts, list(health.values()))
        return results

    def _signed(self, one: _Due, now: datetime) -> WebhookCall:
        signers = [self._secrets.signer(one.owner, n) for n in one.secret.numbers(now)]
        return signed_call(
            one.url,
            signers=signers,
            webhook_id=one.task.payload["event"],
            at=self._wall_clock(),
            body=one.body,
        )

    def _result(
        self, one: _Due, attempt: int, verdict: rules.Verdict, health: Health, now: datetime
    ) -> Result:
        """What becomes of a task after an attempt.

        Args:
            one: the delivery.
            attempt: the number of the attempt, from 1.
            verdict: what it means.
            health: of its target, this attempt included.
            now: the ledger's time.
        """
        if verdict.delivered:
            return Done()
        if one.task.payload["target"] != CALLBACK:
            if verdict.gone:
                return Done(commands=[_disable(one.task, DisabledReason.GONE)])
            if rules.has_failed_for_days(health, now):
                return Done(commands=[_disable(one.task, DisabledReason.FAILING)])
        if verdict.gone or int(one.task.payload["version"]) == TEST_VERSION:
            return Done()
        if attempt >= rules.ATTEMPTS_MAX:
            return Park(reason=verdict.reason)
        wait = rules.wait_before(attempt + 1, verdict, self._uniform)
        return Retry(reason=verdict.reason, after=wait)

    def _note_deferred(
        self, tasks: Sequence[Task], results: dict[str, Result], now: datetime
    ) -> None:
        """Show when the deliveries that were not attempted will be."""
        waits = {
            task.payload["delivery"]: now + result.after
            for task in tasks
            if isinstance(result := results[task.key], Retry) and result.after is not None
        }
        parked = [
            task.payload["delivery"] for task in tasks if results[task.key] == Park(reason=FAILING)
        ]
        if parked:
            self._deliveries.give_up(parked, DeliveryStatus.FAILED, FAILING)
        if waits:
            self._deliveries.defer(list(waits), list(waits.values()))


def _streams(task: Task) -> list[Any]:
    streams = [endpoints_stream(task.payload["merchant"])]
    if int(task.payload["version"]) != TEST_VERSION:
        streams.append(subject_stream(task.payload["subject"]))
    return streams


def _health_name(task: Task, url: str) -> str:
    if task.payload["target"] != CALLBACK:
        return task.payload["target"]
    return f"{CALLBACK} {task.payload['merchant']} {urlsplit(url).hostname}"


def _is_trial(health: Health) -> bool:
    return health.failures >= rules.BREAKER_FAILURES


def _disable(task: Task, reason: DisabledReason) -> DisableWebhookEndpoint:
    return DisableWebhookEndpoint(
        merchant_id=ids.decode("mer", task.payload["merchant"]),
        endpoint_id=task.payload["target"],
        reason=reason,
    )


def _attempt(
    one: _Due,
    call: WebhookCall,
    sent: Sent,
    verdict: rules.Verdict,
    result: Result,
    now: datetime,
) -> Attempt:
    again = result.after if isinstance(result, Retry) else None
    status = DeliveryStatus.FAILED
    if verdict.delivered:
        status = DeliveryStatus.DELIVERED
    elif again is not None:
        status = DeliveryStatus.PENDING
    return Attempt(
        delivery_id=one.task.payload["delivery"],
        task=one.task.key,
        at=now,
        url="" if one.restricted and one.task.payload["target"] == CALLBACK else one.url,
        answer_status=sent.status if isinstance(sent, Answer) else None,
        milliseconds=sent.milliseconds,
        answer=sent.text if isinstance(sent, Answer) and not one.restricted else "",
        reason=verdict.reason,
        status=status,
        next_attempt_at=None if again is None else now + again,
        headers=_kept_headers(call),
    )


def _kept_headers(call: WebhookCall) -> str:
    """The headers of a request for everybody who may see it: of each signature the version only.

    Until the receiver's tolerance has passed, a signature is all that one needs to repeat the call.
    """
    return "".join(
        f"{name}: {_without_signatures(value) if name == SIGNATURE else value}\n"
        for name, value in call.all_headers.items()
    )


def _without_signatures(value: str) -> str:
    return " ".join(f"{one.partition(',')[0]},{MASK}" for one in value.split(" "))
