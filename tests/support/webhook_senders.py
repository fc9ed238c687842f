"""Senders of webhooks with a resolver of the test's own."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from typing import Any

from application.ports.webhook_sender import Sent, WebhookCall
from infrastructure.webhooks.sender import GuardedSender

BODY = b'{"type": "webhook.test"}'

CONTEXT = ssl.create_default_context()
"""Reading the authorities takes a while."""


def sender(
    resolve: Callable[[str, int], Sequence[str]] = lambda _host, _port: ["127.0.0.1"],
    **facts: Any,
) -> GuardedSender:
    return GuardedSender(resolve=resolve, **{"loopback": False, "context": CONTEXT, **facts})


def always(found: list[str]) -> Callable[[str, int], Sequence[str]]:
    """A resolver with one answer."""
    return lambda _host, _port: found


def post(sender: GuardedSender, url: str) -> Sent:
    [sent] = sender.send([WebhookCall(url, {"webhook-id": "evt_1"}, BODY)])
    sender.close()
    return sent
