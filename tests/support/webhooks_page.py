"""The receivers of the page about webhooks, run as they stand."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from domain.merchants import standard_webhooks
from domain.merchants.standard_webhooks import Signer
from tests.faults.test_database_away import wait_for
from tests.support.api_fixture import free_port
from tests.support.webhook_fixture import WebhookFixture

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "receive-webhooks.md"
SECRET = bytes(range(32))


def example(language: str) -> str:
    """The receiver in a language."""
    [code] = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return str(code)


@contextmanager
def running(*command: str) -> Iterator[tuple[str, Any]]:
    """A receiver as a process of its own: its URL, and the process."""
    port = free_port()
    environ = {
        **os.environ,
        "PORT": str(port),
        "WEBHOOK_SECRET": standard_webhooks.secret_text(SECRET),
    }
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: _listens(port))
        yield f"http://127.0.0.1:{port}/", process
    finally:
        process.kill()
        process.communicate()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def check_receiver(url: str, process: Any) -> None:
    """Send it a payment twice, in the wrong order, forged and late; it handles each event once."""
    fixture = WebhookFixture()
    fixture.add_endpoint()
    fixture.paid_session()
    fixture.run()
    created, scanned, paid = fixture.calls

    statuses = [
        _send(url, created.id, created.body),
        _send(url, created.id, created.body),
        _send(url, paid.id, paid.body),
        _send(url, scanned.id, scanned.body),
        _send(url, paid.id, paid.body, late=timedelta(minutes=6)),
        _send(url, paid.id, paid.body, late=timedelta(minutes=-6)),
        _send(url, paid.id, paid.body.replace(b"paid", b"void"), signed=paid.body),
    ]
    handled = [process.stdout.readline().split() for _ in range(2)]
    process.kill()

    assert statuses == [204, 204, 204, 204, 401, 401, 401]
    assert handled == [["payment_session.created", "1"], ["payment_session.paid", "3"]]
    assert process.stdout.read() == ""


def _send(
    url: str, webhook_id: str, body: bytes, *, late: timedelta = timedelta(0), signed: bytes = b""
) -> int:
    headers = standard_webhooks.headers(
        [Signer(b"o" * 32, lambda _: bytes(64)), Signer(SECRET, lambda _: bytes(64))],
        webhook_id=webhook_id,
        at=datetime.now(UTC) - late,
        body=signed or body,
    )
    return httpx.post(url, content=body, headers=headers).status_code
