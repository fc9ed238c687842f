"""Calls of the sender, and receivers that misbehave."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import pytest

from application.ports.webhook_sender import Answer, NoAnswer, WebhookCall
from tests.support.receiver import Receiver, receiving
from tests.support.webhook_senders import BODY, post, sender


def test_a_call_arrives_as_it_was_made() -> None:
    with receiving() as receiver:
        sent = post(sender(loopback=True), f"{receiver.url}?a=b")

    [call] = receiver.calls
    assert sent == Answer(200, sent.milliseconds, "ok")
    assert (call.path, call.body) == ("/hooks?a=b", BODY)
    assert call.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert call.headers["webhook-id"] == "evt_1"


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy, receiving() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

        post(sender(loopback=True), receiver.url)

    assert (len(proxy.calls), len(receiver.calls)) == (0, 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_not_followed(status: int) -> None:
    with receiving() as secret:

        def redirect(handler: Any) -> None:
            handler.send_response(status)
            handler.send_header("location", secret.url)
            handler.send_header("content-length", "0")
            handler.end_headers()

        with receiving(redirect) as receiver:
            sent = post(sender(loopback=True), receiver.url)

    assert isinstance(sent, Answer)
    assert sent.status == status
    assert secret.calls == []


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120), ("0", 0), ("99999999999", 86_400), ("-1", None), ("soon", None), ("1" * 50, None),
     ("1e3", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0)],
)  # fmt: skip
def test_retry_after_is_read(header: str, seconds: int | None) -> None:
    def busy(handler: Any) -> None:
        handler.send_response(503)
        handler.send_header("retry-after", header)
        handler.end_headers()

    with receiving(busy) as receiver:
        sent = post(sender(loopback=True), receiver.url)

    assert isinstance(sent, Answer)
    assert (sent.status, sent.retry_after_seconds) == (503, seconds)


def raw(answer: bytes, *, then_drip: bytes = b"") -> Callable[[Any], None]:
    """An answer as bytes; afterwards one byte every 20 ms, for ever."""

    def write(handler: Any) -> None:
        handler.close_connection = True
        try:
            handler.wfile.write(answer)
            while then_drip:
                handler.wfile.write(then_drip)
                time.sleep(0.02)
        except OSError:
            pass

    return write


NO_HTTP = [
    b"", b"hello\r\n\r\n", b"HTTP/1.1\r\n\r\n", b"HTTP/1.1 999999 ok\r\n\r\n",
    b"HTTP/1.1 abc\r\n\r\n", b"\x00" * 100, b"HTTP/1.1 200 ok\r\n" + b"a: b\r\n" * 200 + b"\r\n",
    b"HTTP/1.1 200 ok\r\na: " + b"b" * 100_000, b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
]  # fmt: skip


@pytest.mark.parametrize("answer", NO_HTTP, ids=range(len(NO_HTTP)))
def test_what_is_not_http_or_does_not_end_is_no_answer(answer: bytes) -> None:
    with receiving(raw(answer)) as receiver:
        sent = post(sender(loopback=True, seconds=2.0), receiver.url)

    assert isinstance(sent, NoAnswer)


def test_headers_that_drip_end_with_the_deadline() -> None:
    with receiving(raw(b"HTTP/1.1 200 ok\r\na: ", then_drip=b"b")) as receiver:
        sent = post(sender(loopback=True, seconds=0.5), receiver.url)

    assert isinstance(sent, NoAnswer)
    assert sent.reason == "no complete answer in time"
    assert sent.milliseconds < 5000


def test_a_receiver_that_never_answers_ends_with_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        sent = post(sender(loopback=True, seconds=0.3), f"http://127.0.0.1:{port}/")

    assert sent == NoAnswer("no complete answer in time", sent.milliseconds)


LYING = [
    (b"HTTP/1.1 200 ok\r\ncontent-length: 1000000\r\n\r\nshort", b""),
    (b"HTTP/1.1 200 ok\r\ncontent-length: 5\r\n\r\nmuch longer than that", b""),
    (b"HTTP/1.1 200 ok\r\ncontent-length: -1\r\n\r\nbody", b""),
    (b"HTTP/1.1 200 ok\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFF\r\nab", b""),
    (b"HTTP/1.1 200 ok\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nab", b""),
    (b"HTTP/1.1 200 ok\r\n\r\n", b"x"),
    (b"HTTP/1.1 200 ok\r\n\r\n" + b"x" * 10_000_000, b""),
]


@pytest.mark.parametrize(("answer", "drip"), LYING, ids=range(len(LYING)))
def test_the_status_counts_however_the_body_lies_and_1_kb_of_it_is_kept(
    answer: bytes, drip: bytes
) -> None:
    with receiving(raw(answer, then_drip=drip)) as receiver:
        sent = post(sender(loopback=True, seconds=1.0), receiver.url)

    assert isinstance(sent, Answer)
    assert sent.status == 200
    assert len(sent.text) <= 1024


def test_a_body_that_arrives_after_its_headers_is_kept() -> None:
    with receiving(raw(b"HTTP/1.1 200 ok\r\n\r\n", then_drip=b"x")) as receiver:
        sent = post(sender(loopback=True, seconds=1.0), receiver.url)

    assert isinstance(sent, Answer)
    assert set(sent.text) == {"x"}


def test_unacceptable_text_of_an_answer_is_replaced() -> None:
    with receiving(raw(b"HTTP/1.1 200 ok\r\n\r\na\x00b\xff\x1b[31m")) as receiver:
        sent = post(sender(loopback=True), receiver.url)

    assert isinstance(sent, Answer)
    assert sent.text == "a�b��[31m"


def test_calls_of_a_batch_run_together_and_fail_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, receiving() as receiver:
        slow = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        urls = [slow, receiver.url, "https://[::1", "http://127.0.0.1:1/", slow]
        guarded = sender(loopback=True, seconds=0.5)

        sent = guarded.send([WebhookCall(url, {}, BODY) for url in urls])
        guarded.close()

    assert [isinstance(one, Answer) for one in sent] == [False, True, False, False, False]


def test_the_receiver_of_these_tests_is_on_this_machine() -> None:
    assert ip_address("127.0.0.1").is_loopback
    assert Receiver(port=1).url == "http://127.0.0.1:1/hooks"
