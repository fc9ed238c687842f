"""Web push over a real connection: encrypted, identified, judged by the answer, and never sent inside."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from application.ports.push import PushMessage, PushOutcome, PushSubscription, PushText, PushType
from application.ports.webhook_sender import Answer, NoAnswer, Sent, WebhookCall
from infrastructure.push.vapid import Vapid
from infrastructure.push.web_push import WebPush, payload
from infrastructure.webhooks.sender import GuardedSender
from tests.support.memory_push import KEYS, Browser
from tests.support.receiver import receiving
from tests.support.webhook_fixture import WALL_CLOCK

VAPID = Vapid(KEYS, "https://pay.example", lambda: WALL_CLOCK)


@pytest.fixture
def sender() -> Iterator[GuardedSender]:
    sender = GuardedSender(loopback=True, seconds=5)
    yield sender
    sender.close()


def message(endpoint: str, browser: Browser | None = None, **facts: Any) -> PushMessage:
    keys = (browser or Browser()).subscription(endpoint)["keys"]
    subscription = PushSubscription(
        id="psh_1", wallet_id="wal_1", transport="webpush", target={"endpoint": endpoint, **keys}
    )
    text = PushText("Pago", "Café recebeu seu pagamento.", "pt-BR", "ltr")
    given = PushMessage(
        subscription=subscription,
        kind=PushType.PAID,
        session_id="ps_01h455vb4pex5vsknk084sn02q",
        text=text,
        path="/q/01h455vb4pex5vsknk084sn02q",
        topic="T" * 32,
        lifetime=timedelta(minutes=5),
        urgent=True,
    )
    return replace(given, **facts)


def test_a_push_service_gets_what_only_the_browser_can_read(sender: GuardedSender) -> None:
    browser = Browser()
    with receiving() as service:
        one = message(f"{service.url}/secret", browser)
        sent = WebPush(sender, VAPID).send([one, one])

    assert [each.outcome for each in sent] == [PushOutcome.ACCEPTED] * 2
    first, second = service.calls
    assert first.path == "/hooks/secret"
    assert first.headers["ttl"] == "300"
    assert first.headers["topic"] == "T" * 32
    assert first.headers["urgency"] == "high"
    assert first.headers["content-encoding"] == "aes128gcm"
    assert first.headers["authorization"] == VAPID.header(service.url)
    assert first.body != second.body
    assert json.loads(browser.decrypt(first.body)) == {
        "version": 1,
        "type": "payment_session.paid",
        "session": "ps_01h455vb4pex5vsknk084sn02q",
        "path": "/q/01h455vb4pex5vsknk084sn02q",
        "title": "Pago",
        "body": "Café recebeu seu pagamento.",
        "lang": "pt-BR",
        "dir": "ltr",
    }
    assert b"secret" not in json.dumps(dict(first.headers)).encode()


def answering(status: int, **headers: str) -> Callable[[Any], None]:
    def answer(handler: Any) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", "0")
        handler.end_headers()

    return answer


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "accepted"), (201, "accepted"), (202, "accepted"), (404, "gone"), (410, "gone"),
        (301, "refused"), (307, "refused"), (400, "refused"), (401, "refused"), (403, "refused"),
        (413, "refused"), (408, "later"), (429, "later"), (500, "later"), (503, "later"),
    ],
)  # fmt: skip
def test_the_answer_decides(sender: GuardedSender, status: int, outcome: str) -> None:
    with receiving(answering(status, location="http://127.0.0.1:1/", retry_after="7")) as service:
        [sent] = WebPush(sender, VAPID).send([message(service.url)])

    assert sent.outcome == outcome
    assert sent.after == (timedelta(seconds=7) if outcome == "later" else None)
    assert len(service.calls) == 1
    assert service.url not in sent.reason


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://169.254.169.254/latest", "https://127.0.0.1/", "https://[::1]/", "http://push.example/",
        "https://push.example:22/", "https://metadata.internal/", "https://user@push.example/",
        "https://0x7f000001/", "https://localhost/", "file:///etc/passwd",
    ],
)  # fmt: skip
def test_an_endpoint_inside_is_never_called(endpoint: str) -> None:
    resolved: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        resolved.append(host)
        return ["127.0.0.1"]

    sender = GuardedSender(loopback=False, resolve=resolve)
    [sent] = WebPush(sender, VAPID).send([message(endpoint)])
    sender.close()

    assert (sent.outcome, sent.reason) == (PushOutcome.LATER, "the URL may not be called")
    assert resolved == []


def test_a_name_that_leads_inside_is_never_called() -> None:
    with receiving() as service:
        sender = GuardedSender(loopback=False, resolve=lambda _host, _port: ["127.0.0.1"])
        [sent] = WebPush(sender, VAPID).send([message("https://push.example/x")])
        sender.close()

    assert sent.outcome is PushOutcome.LATER
    assert service.calls == []


@pytest.mark.parametrize(
    ("answer", "slow"),
    [(Answer(201, 10), False), (Answer(201, 2000), True), (Answer(410, 9000), True),
     (Answer(503, 10), False), (NoAnswer("no complete answer in time", 15_000), True)],
)  # fmt: skip
def test_a_service_that_takes_long_is_slow_whatever_it_answers(answer: Sent, slow: bool) -> None:
    class Service:
        def send(self, calls: Sequence[WebhookCall]) -> Sequence[Sent]:
            return [answer for _ in calls]

    [sent] = WebPush(Service(), VAPID).send([message("https://push.example/x")])

    assert sent.slow is slow


@pytest.mark.parametrize("character", ["x", "é", "漢", "😀", "\u2068", '"', "\\"])
def test_the_longest_texts_make_a_message_that_push_services_take(character: str) -> None:
    text = PushText(character * 5000, character * 5000, "pt-BR", "rtl")

    encoded = payload(message("https://push.example/x", text=text))

    assert len(encoded) <= 3000
    assert json.loads(encoded)["path"] == "/q/01h455vb4pex5vsknk084sn02q"
