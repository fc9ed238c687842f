"""Where `listen` may send events: this machine, or another one that was asked for."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from application.ports.webhook_sender import Answer, NoAnswer, Sent, WebhookCall
from domain.errors import InvalidRequest
from infrastructure.webhooks.forward import ForwardSender, check_forward_url
from tests.support.receiver import receiving

HERE = ["http://127.0.0.1:3000/hooks", "http://localhost/", "https://[::1]:8443/a?b=c", "http://LOCALHOST:1"]  # fmt: skip
ELSEWHERE = [
    "http://10.0.0.1/", "http://web:3000/hooks", "https://shop.example/hooks", "http://127.1/",
    "http://2130706433/", "http://[::ffff:127.0.0.1]/", "http://127.0.0.1.example/", "http://0/",
    "http://localhost./", "http://169.254.169.254/latest/meta-data/",
]  # fmt: skip
NEVER = [
    "", "hooks", "ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/", "//127.0.0.1/",
    "http://", "http:127.0.0.1", "http://user@127.0.0.1/", "http://user:secret@127.0.0.1/",
    "http://127.0.0.1/#a", "http://127.0.0.1:0/", "http://127.0.0.1:65536/", "http://127.0.0.1:x/",
    "http://127.0.0.1/\r\nX: y", "http://127.0.0.1/ b", "http://127.0.0.1/\x00", "http://127.0.0.1/é",
    "http://[::1", "http://shop.example\\@127.0.0.1/", "http://127.0.0.1/" + "a" * 1984,
    "http://127.0.0.1/\ud800",
]  # fmt: skip


@pytest.mark.parametrize("url", HERE)
def test_this_machine_may_be_called(url: str) -> None:
    check_forward_url(url, remote=False)


@pytest.mark.parametrize("url", ELSEWHERE)
def test_another_machine_has_to_be_asked_for(url: str) -> None:
    check_forward_url(url, remote=True)

    with pytest.raises(InvalidRequest, match="without --remote"):
        check_forward_url(url, remote=False)


@pytest.mark.parametrize("url", NEVER)
@pytest.mark.parametrize("remote", [False, True])
def test_what_is_no_http_url_is_refused_in_any_case(url: str, remote: bool) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        check_forward_url(url, remote=remote)

    assert "secret" not in refusal.value.detail


def post(sender: ForwardSender, url: str) -> Sent:
    [sent] = sender.send([WebhookCall(url, {}, b"{}")])
    sender.close()
    return sent


@pytest.mark.parametrize("remote", [False, True])
def test_a_call_arrives(remote: bool) -> None:
    with receiving() as receiver:
        sent = post(ForwardSender(remote=remote), receiver.url)

    assert isinstance(sent, Answer)
    assert len(receiver.calls) == 1


@pytest.mark.parametrize("address", ["10.0.0.1", "93.184.215.14", "::ffff:127.0.0.1", "0.0.0.0"])  # noqa: S104
def test_a_name_of_this_machine_that_means_another_one_is_not_called(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[Any] = []
    monkeypatch.setattr(socket, "create_connection", lambda *facts, **_: reached.append(facts))

    sent = post(ForwardSender(resolve=lambda _host, _port: [address]), "http://localhost/")

    assert isinstance(sent, NoAnswer)
    assert reached == []


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    with receiving() as other:

        def redirect(handler: Any) -> None:
            handler.send_response(302)
            handler.send_header("location", other.url)
            handler.end_headers()

        with receiving(redirect) as receiver:
            sent = post(ForwardSender(), receiver.url)

    assert isinstance(sent, Answer)
    assert (sent.status, other.calls) == (302, [])
