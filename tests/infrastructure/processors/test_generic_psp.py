"""The generic PSP: what it signs, and what becomes of answers that are none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import httpx2
import pytest

from application.ports.processor import OutcomeUnknown, State, Unavailable
from infrastructure.processors.checks import check_base_url
from infrastructure.processors.generic_psp import GenericPsp
from infrastructure.processors.outbound import ANSWER_BYTES_MAX, Outbound
from tests.support.processors import NOW, PspRig, charge, psp_rig, refund_of
from tests.support.reference_psp import SECRET


@pytest.fixture
def rig() -> Iterator[PspRig]:
    with psp_rig() as made:
        assert isinstance(made, PspRig)
        yield made


def sent(**changes: Any) -> bytes:
    answer = {
        "status": "captured",
        "reference": "r-1",
        "amount": {"minor": 1200, "currency": "USD"},
    }
    return json.dumps(answer | changes).encode()


BAD_ANSWERS = {
    "html": (200, {}, b"<html><body>maintenance</body></html>"),
    "error": (500, {}, b'{"status": "declined"}'),
    "gateway": (502, {}, b""),
    "unavailable": (503, {"Retry-After": "5"}, b""),
    "conflict": (409, {}, b""),
    "nothing": (0, {}, b""),
    "empty": (200, {}, b""),
    "no content": (204, {}, b""),
    "half a body": (200, {"Content-Length": "5000"}, sent()[:20]),
    "redirect": (302, {"Location": "http://127.0.0.1:1/elsewhere"}, sent()),
    "permanent redirect": (308, {"Location": "/qrledger/create-session"}, sent()),
    "compressed": (200, {"Content-Encoding": "gzip"}, sent()),
    "huge": (200, {}, sent() + b" " * ANSWER_BYTES_MAX),
    "no state": (200, {}, b"{}"),
    "other state": (200, {}, sent(status="maybe")),
    "state of a refund": (200, {}, sent(status="refunded")),
    "float": (200, {}, sent(amount={"minor": 1200.0, "currency": "USD"})),
    "text": (200, {}, sent(amount={"minor": "1200", "currency": "USD"})),
    "no currency": (200, {}, sent(amount={"minor": 1200})),
    "other alphabet": (200, {}, sent(amount={"minor": 1200, "currency": "\u0405SD"})),
    "nothing taken": (200, {}, sent(amount={"minor": 0, "currency": "USD"})),
    "no amount": (200, {}, sent(amount=None)),
    "control": (200, {}, sent(reference="a\0b")),
    "surrogate": (200, {}, sent().replace(b"r-1", b"\\ud800")),
    "long reference": (200, {}, sent(reference="r" * 121)),
    "sentence": (200, {}, sent(status="declined", reason="Mrs Example's card has expired")),
    "plain page": (200, {}, sent(status="processing", payment_url="http://psp.example/pay")),
    "script": (200, {}, sent(status="processing", payment_url="javascript:alert(1)")),
    "user name": (200, {}, sent(status="processing", payment_url="https://pay.example@psp.example/")),
    "list": (200, {}, b"[]"),
    "deep": (200, {}, b"[" * 100_000),
    "not utf-8": (200, {}, b'{"status": "\xff"}'),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_an_answer_that_is_none_leaves_the_outcome_unknown(rig: PspRig, name: str) -> None:
    charged = rig.make("captures")
    rig.psp.answers.append(lambda raw: BAD_ANSWERS[name])

    with pytest.raises(OutcomeUnknown):
        rig.processor.begin(charged)

    assert rig.processor.status(charged).state is State.CAPTURED
    assert rig.taken_minor() == 1200


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 429])
def test_a_refused_call_has_changed_nothing(rig: PspRig, status: int) -> None:
    rig.psp.answers.append(lambda raw: (status, {"Retry-After": "7"}, b"busy"))

    with pytest.raises(Unavailable) as refused:
        rig.processor.status(rig.make("captures"))

    assert refused.value.after == timedelta(seconds=7)
    assert SECRET.decode() not in str(refused.value)


@pytest.mark.parametrize("after", ["", "-1", "1.5", "soon", "\u0661", "9" * 20])
def test_a_pause_that_is_none_is_ignored(rig: PspRig, after: str) -> None:
    header = {"Retry-After": after} if after.isascii() else {}
    rig.psp.answers.append(lambda raw: (429, header, b""))

    with pytest.raises(Unavailable) as refused:
        rig.processor.status(rig.make("captures"))

    assert refused.value.after is None


def test_a_psp_that_nobody_serves_has_not_been_reached() -> None:
    nonces = (f"{number:032x}" for number in count())
    psp = GenericPsp("http://127.0.0.1:1", SECRET, new_nonce=lambda: next(nonces))

    with pytest.raises(Unavailable):
        psp.begin(charge())


def test_a_slow_psp_is_cut_off_however_it_drips() -> None:
    class Dripping(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                yield b" "
                await asyncio.sleep(0.01)

    async def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, stream=Dripping())

    psp = GenericPsp(
        "https://psp.example", SECRET, new_nonce=lambda: "a" * 32,
        outbound=Outbound(httpx2.MockTransport(answer), seconds_max=0.1),
    )  # fmt: skip

    with pytest.raises(OutcomeUnknown):
        psp.begin(charge())


def test_proxies_of_the_environment_are_not_used(
    rig: PspRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert rig.processor.begin(rig.make("captures")).state is State.CAPTURED


def test_the_psp_refuses_a_request_that_is_old_ahead_or_repeated(rig: PspRig) -> None:
    for seconds, nonce in ((-301, "b" * 32), (301, "c" * 32), (0, "d" * 32), (0, "d" * 32)):
        psp = GenericPsp(
            rig.psp.base_url, SECRET, new_nonce=lambda nonce=nonce: nonce,  # type: ignore[misc]
            now=lambda seconds=seconds: NOW + timedelta(seconds=seconds),  # type: ignore[misc]
        )  # fmt: skip
        if seconds == 0 and nonce not in rig.psp.nonces:
            assert psp.status(charge()).state is State.NOT_FOUND
        else:
            with pytest.raises(Unavailable):
                psp.status(charge())


def test_a_refund_beyond_what_was_taken_is_declined_by_the_psp(rig: PspRig) -> None:
    charged = rig.make("captures")
    rig.processor.begin(charged)

    answer = rig.processor.refund(refund_of(charged, 1201))

    assert (answer.state, answer.reason) == (State.DECLINED, "not_refundable")


@pytest.mark.parametrize(
    "url",
    ["http://psp.example", "ftp://psp.example", "psp.example", "", "https://", "https://a@psp.example",
     "https://psp.example/?a=1", "https://psp.example/#a", "https://psp.example?", "https://psp.example/\n",
     "https://psp.example:99999", "http://127.0.0.1.psp.example", "https://psp.\u0435xample", "//psp.example"],
)  # fmt: skip
def test_a_base_address_is_https_but_on_loopback(url: str) -> None:
    with pytest.raises(ValueError):
        check_base_url(url)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://psp.example/qrledger/", "https://psp.example/qrledger"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("http://[::1]:9000/", "http://[::1]:9000"),
        ("http://localhost:9000", "http://localhost:9000"),
    ],
)
def test_a_base_address_loses_its_trailing_slash(url: str, base: str) -> None:
    assert check_base_url(url) == base
