"""Tells payers what has become of their payments, on the devices that subscribed.

    event ──▶ the subscriptions of its wallet ──▶ one task each ──▶ sent, or given up

Subscriptions are not in the log, because a device may be forgotten and an event may not. So each
page of events is looked up once, and a wallet without subscriptions costs nothing further.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any, ClassVar, Final
from uuid import UUID

from application.event_log import EventLog, Recorded
from application.ports.push import (
    PushMessage,
    PushOutcome,
    PushSent,
    PushSubscription,
    PushSubscriptions,
    PushTexts,
    PushTransport,
    PushType,
)
from application.processes._webhook_gate import Gate
from application.processes._webhook_streams import Streams, subject_stream
from application.processes.process import Done, Process, Result, Retry, RetryPolicy, Start, Task
from domain import ids, times
from domain.base64url import to_base64url
from domain.money.money import Amount
from domain.sessions.payment_session import PaymentSession

LOOPS: Final = 4
NEVER: Final = 10**9
"""A push service that fails must not stop the others, so the process as a whole has no breaker."""
RETRIED_FOR: Final = timedelta(minutes=10)
"""After that long nobody waits for the notification any more: it is given up."""
LIFETIME: Final = timedelta(minutes=5)
"""How long a push service keeps what a payer at the till waits for."""
REFUND_LIFETIME: Final = timedelta(days=1)
URGENT: Final = frozenset({PushType.PAID, PushType.DECLINED})
TOPIC_BYTES: Final = 24
"""As base64url the 32 characters that RFC 8030, 5.4 allows."""
SERVICES_MAX: Final = 1024
"""Push services whose manners are remembered."""
UNCLAIMED_VERSION: Final = 2
"""A session that ended with its second event was never claimed."""
_TYPES: Final = {one.value: one for one in PushType}
_log = logging.getLogger(__name__)


class Push(Process):
    """Sends notifications to payers."""

    name: ClassVar[str] = "push"
    follows: ClassVar[tuple[type[Any], ...]] = (
        PaymentSession.Paid,
        PaymentSession.Declined,
        PaymentSession.Expired,
        PaymentSession.Cancelled,
        PaymentSession.RefundSucceeded,
    )
    starts: ClassVar[Start] = Start.RELEASE
    retry: ClassVar[RetryPolicy] = RetryPolicy(
        attempts_max=1000,  # `RETRIED_FOR` ends them; this one ends what kills its worker
        first_seconds=2.0,
        seconds_max=60.0,
        retries_per_minute_max=6000,
        failures_max=NEVER,
        open_seconds=1.0,
        concurrency=LOOPS,
        tasks_max=32,
        lease_seconds=60.0,
    )

    def __init__(
        self,
        webhook_log: EventLog,
        push_subscriptions: PushSubscriptions,
        push_transports: Mapping[str, PushTransport],
        push_texts: PushTexts,
        random: Random,
    ) -> None:
        """Send notifications.

        Args:
            webhook_log: the log, to read.
            push_subscriptions: who is told.
            push_transports: by the name in a subscription.
            push_texts: writes what is shown.
            random: spreads what has to wait for a slow service.
        """
        self._log = webhook_log
        self._subscriptions = push_subscriptions
        self._transports = push_transports
        self._texts = push_texts
        self._uniform: Callable[[float, float], float] = random.uniform
        self._gate = Gate(suspects_max=LOOPS // 2)
        self._quick: dict[str, bool] = {}
        """Whether a push service has answered quickly the last time, in the order of first use."""
        self._receivers: Mapping[UUID, Sequence[str]] = {}
        """The subscriptions to tell, by event of the page."""

    def prepare(self, events: Sequence[Recorded]) -> None:
        """Look up who is to be told of a page of events: one query, and one for open claims."""
        wallets: dict[UUID, str | None] = {
            one.event_id: _wallet(one.event) for one in events if _names_wallet(one)
        }
        ended = [one for one in events if not _names_wallet(one) and _may_be_claimed(one)]
        if ended:
            streams = Streams(self._log, {one.stream_id for one in ended})
            for one in ended:
                _, session = streams.at_version(one.stream_id, one.version)
                wallets[one.event_id] = session.claim.wallet_id if session.claim else None
        named = {wallet for wallet in wallets.values() if wallet}
        found = self._subscriptions.subscribed(named) if named else {}
        self._receivers = {event: found.get(wallet or "", ()) for event, wallet in wallets.items()}

    def react(self, recorded: Recorded) -> Iterable[Task]:
        """One task for each subscription of the payer's wallet, in the session's order."""
        event_id = ids.encode("evt", recorded.event_id)
        session_id = ids.encode("ps", recorded.stream_id)
        for subscription_id in self._receivers.get(recorded.event_id, ()):
            yield Task(
                key=f"{event_id} {subscription_id}",
                due_at=recorded.recorded_at,
                lane=f"{subscription_id} {session_id}",
                payload={
                    "subscription": subscription_id,
                    "session": session_id,
                    "version": str(recorded.version),
                    "until": times.to_text(recorded.recorded_at + RETRIED_FOR),
                },
            )

    def perform(self, tasks: Sequence[Task]) -> Sequence[Result]:
        """Send what is still of interest; a subscription that has ended is deleted."""
        streams = Streams(self._log, {subject_stream(task.payload["session"]) for task in tasks})
        alive = [one for one in tasks if streams.now < times.from_text(one.payload["until"])]
        wanted = {one.payload["subscription"] for one in alive}
        known = self._subscriptions.read(wanted) if wanted else {}
        due = {
            task.key: message
            for task in alive
            if (message := self._message(task, streams, known)) is not None
        }
        with self._gate.batch(
            (service, not self._quick.get(service, False), False)
            for service in (self._service(message) for message in due.values())
        ) as admitted:
            called = [key for key, may in zip(due, admitted, strict=True) if may]
            sent = self._send({key: due[key] for key in called})
        ended = {
            due[key].subscription.id for key, one in sent.items() if one.outcome is PushOutcome.GONE
        }
        if ended:
            self._subscriptions.drop(ended)
        return [
            self._result(task, due.get(task.key), sent.get(task.key), streams.now) for task in tasks
        ]

    def _message(
        self, task: Task, streams: Streams, known: Mapping[str, PushSubscription]
    ) -> PushMessage | None:
        """What is to be sent; None if nobody is there any more to take it."""
        subscription = known.get(task.payload["subscription"])
        if subscription is None or subscription.transport not in self._transports:
            return None
        session_id = task.payload["session"]
        stream_id = subject_stream(session_id)
        recorded, session = streams.at_version(stream_id, int(task.payload["version"]))
        kind = _TYPES[recorded.topic]
        return PushMessage(
            subscription=subscription,
            kind=kind,
            session_id=session_id,
            text=self._texts.text(
                kind,
                language=subscription.language,
                payee=session.merchant_name,
                amount=_amount(recorded.event, kind) if subscription.amounts else None,
            ),
            path=f"/q/{ids.encode_suffix(stream_id)}",
            topic=topic(subscription.id, session_id),
            lifetime=REFUND_LIFETIME if kind is PushType.REFUNDED else LIFETIME,
            urgent=kind in URGENT,
        )

    def _service(self, message: PushMessage) -> str:
        return self._transports[message.subscription.transport].service(message.subscription)

    def _send(self, messages: Mapping[str, PushMessage]) -> dict[str, PushSent]:
        """Send by every transport; what came of it, by task."""
        results: dict[str, PushSent] = {}
        for name, transport in self._transports.items():
            chosen = {k: one for k, one in messages.items() if one.subscription.transport == name}
            if chosen:
                sent = transport.send(list(chosen.values()))
                results |= zip(chosen, sent, strict=True)
        for key, result in results.items():
            service = self._service(messages[key])
            if service not in self._quick and len(self._quick) >= SERVICES_MAX:
                del self._quick[next(iter(self._quick))]
            self._quick[service] = not result.slow
        return results

    def _result(
        self, task: Task, message: PushMessage | None, sent: PushSent | None, now: datetime
    ) -> Result:
        """What becomes of a task: a notification that nobody waits for any more is given up."""
        if sent is None and message is not None:
            turn = self._uniform(0, self._gate.turn_seconds(self._service(message)))
            return Retry(reason="the push service is busy", after=timedelta(seconds=turn))
        if sent is None or sent.outcome in {PushOutcome.ACCEPTED, PushOutcome.GONE}:
            return Done()
        again = now + (sent.after or timedelta())
        if sent.outcome is PushOutcome.LATER and again < times.from_text(task.payload["until"]):
            return Retry(reason=sent.reason, after=sent.after)
        _log.warning("push gives up %s: %s", task.key, sent.reason)
        return Done()


def topic(subscription_id: str, session_id: str) -> str:
    """The topic of a session's messages; push services cannot compare it with anybody else's."""
    digest = sha256(f"push topic {subscription_id} {session_id}".encode()).digest()
    return to_base64url(digest[:TOPIC_BYTES])


def _names_wallet(recorded: Recorded) -> bool:
    return hasattr(recorded.event, "wallet_id")


def _wallet(event: Any) -> str | None:
    wallet_id: str | None = event.wallet_id
    return wallet_id


def _may_be_claimed(recorded: Recorded) -> bool:
    """Whether an end of a session may be news for a payer, who did not cause it."""
    return recorded.version > UNCLAIMED_VERSION and getattr(recorded.event, "by", "") != "payer"


def _amount(event: Any, kind: PushType) -> Amount | None:
    """What the payer paid or got back."""
    if kind is PushType.PAID:
        return Amount(event.payer_amount_minor, event.payer_currency, event.payer_exponent)
    if kind is PushType.REFUNDED:
        return Amount(event.credited_minor, event.payer_currency, event.payer_exponent)
    return None
