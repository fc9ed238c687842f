"""Callbacks of processors: authenticity first, stored before they are answered, once."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from api.app import create_app
from application.callbacks import Callbacks
from application.ports.processor import CALLBACK_BYTES_MAX
from domain import times
from infrastructure.processors import signatures
from tests.support.memory_api import MemoryApi, http_scope, respond
from tests.support.memory_notes import MemoryInbox
from tests.support.processors import NOW, SandboxRig
from tests.support.reference_psp import SECRET

PATH = "/v1/callbacks/sandbox"


class Receiver:
    """The API with the sandbox as its only processor."""

    def __init__(self) -> None:
        self.api = MemoryApi()
        self.inbox = MemoryInbox()
        callbacks = Callbacks({"sandbox": SandboxRig().processor}, self.inbox, now=lambda: NOW)
        self.app = create_app(replace(self.api.services, callbacks=callbacks))

    def post(
        self, body: bytes, headers: Any = None, path: str = PATH
    ) -> tuple[int, dict[str, Any]]:
        signed = sign(body) if headers is None else headers
        pairs = signed.items() if isinstance(signed, Mapping) else signed
        raw = [(name.encode(), value.encode("latin-1")) for name, value in pairs]
        start, *rest = asyncio.run(respond(self.app, http_scope("POST", path, "", raw), body))
        return start["status"], json.loads(b"".join(one.get("body", b"") for one in rest))


def sign(body: bytes, seconds: int = 0, path: str = PATH) -> dict[str, str]:
    at = NOW.fromtimestamp(NOW.timestamp() + seconds, NOW.tzinfo)
    return signatures.sign(SECRET, method="POST", path=path, body=body, now=at, nonce="a" * 32)


def callback(**changes: Any) -> bytes:
    message = {
        "id": "n-1", "subject": "charge", "key": "ps_1.att_1", "status": "captured",
        "amount": {"minor": 1200, "currency": "USD"}, "at": times.to_text(NOW),
    }  # fmt: skip
    return json.dumps(message | changes).encode()


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


def test_a_callback_is_stored_before_it_is_answered_and_once(receiver: Receiver) -> None:
    answers = [receiver.post(callback()) for _ in range(3)]

    assert answers == [(200, {})] * 3
    [(notice, sha256)] = receiver.inbox.received.values()
    assert notice.answer.amount is not None
    assert notice.answer.amount.minor == 1200
    assert len(sha256) == 32
    assert receiver.api.metrics.callbacks == [("sandbox", "stored")] + [("sandbox", "repeated")] * 2


def test_a_callback_that_cannot_be_stored_is_not_acknowledged(receiver: Receiver) -> None:
    receiver.inbox.away = True

    status, problem = receiver.post(callback())

    assert (status, problem["code"]) == (503, "overloaded")


@pytest.mark.parametrize(
    "headers",
    [
        {}, sign(callback(), 301), sign(callback(), -301), sign(callback(status="declined")),
        sign(callback(), path="/v1/callbacks/psp"), {**sign(callback()), "psp-signature": "v1=" + "0" * 64},
        [*sign(callback()).items(), ("psp-signature", "v1=" + "0" * 64)],
        {**sign(callback()), "psp-timestamp": "\u00b9" * 10},
    ],
)  # fmt: skip
def test_a_callback_that_is_not_the_processors_is_refused(
    receiver: Receiver, headers: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        status, problem = receiver.post(callback(), headers)

    assert (status, problem["code"]) == (401, "unauthorized")
    assert not receiver.inbox.received
    assert receiver.api.metrics.callbacks == [("sandbox", "unauthentic")]
    assert "callback of sandbox is unauthentic" in caplog.text
    assert SECRET.decode() not in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"<html></html>", b"\xff", callback(amount={"minor": 12.0, "currency": "USD"}),
        callback(amount={"minor": "1200", "currency": "USD"}), callback(amount=None), callback(key=""),
        callback(at="yesterday"), callback(reason="The card of Mrs Example"), callback(status="refunded"),
        callback(id="a\u0000b"), callback(key="\ud800"), callback(reference="r" * 1000), callback()[:40],
    ],
)  # fmt: skip
def test_a_signed_callback_that_is_none_is_malformed(receiver: Receiver, body: bytes) -> None:
    status, problem = receiver.post(body)

    assert (status, problem["code"]) == (400, "invalid-request")
    assert "Mrs Example" not in json.dumps(problem)
    assert not receiver.inbox.received
    assert receiver.api.metrics.callbacks == [("sandbox", "malformed")]


@pytest.mark.parametrize("changes", [{"subject": "newsletter"}, {"status": "delighted"}])
def test_a_callback_about_something_else_is_acknowledged_and_forgotten(
    receiver: Receiver, changes: dict[str, str]
) -> None:
    assert receiver.post(callback(**changes)) == (200, {})
    assert not receiver.inbox.received
    assert receiver.api.metrics.callbacks == [("sandbox", "irrelevant")]


@pytest.mark.parametrize("name", ["stripe", "Sandbox", "sandbox%00", "a" * 200])
def test_a_processor_that_is_not_configured_has_no_callbacks(receiver: Receiver, name: str) -> None:
    status, problem = receiver.post(callback(), path=f"/v1/callbacks/{name}")

    assert (status, problem["code"]) == (404, "not-found")
    assert not receiver.api.metrics.callbacks


def test_a_callback_has_64_kib(receiver: Receiver) -> None:
    padding = CALLBACK_BYTES_MAX - len(callback(reason=""))
    body = callback(reason="")[:-1] + b" " * padding + b"}"

    assert receiver.post(body) == (200, {})
    status, problem = receiver.post(body + b" ")
    announced = {**sign(body), "content-length": "9" * 30}

    assert (status, problem["code"]) == (413, "body-too-large")
    assert receiver.post(body, announced)[1]["code"] == "body-too-large"
