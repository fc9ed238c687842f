"""One call of a webhook: the signed headers and the body, as every receiver gets them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from application.ports.webhook_sender import WebhookCall
from domain.merchants import standard_webhooks
from domain.merchants.standard_webhooks import Signer

USER_AGENT: Final = "qrledger-webhooks/1"


def signed_call(
    url: str, *, signers: Sequence[Signer], webhook_id: str, at: datetime, body: bytes
) -> WebhookCall:
    """One attempt.

    Args:
        url: of the receiver.
        signers: every live secret, the newest first.
        webhook_id: the event's id, the same for every attempt.
        at: the real time of the attempt.
        body: the bytes that are signed and sent.
    """
    signed = standard_webhooks.headers(signers, webhook_id=webhook_id, at=at, body=body)
    headers = {"content-type": "application/json", "user-agent": USER_AGENT, **signed}
    return WebhookCall(url, headers, body)
