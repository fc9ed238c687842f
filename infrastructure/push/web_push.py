"""Web push: encrypted for the browser, identified by VAPID, sent as webhooks are (RFC 8030)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec

from application.ports.push import PushMessage, PushOutcome, PushSent, PushSubscription
from application.ports.webhook_sender import Answer, Sent, WebhookCall, WebhookSender
from domain.base64url import from_base64url
from infrastructure.push.encryption import SALT_BYTES, encrypt
from infrastructure.push.vapid import Vapid

SLOW_MILLISECONDS: Final = 2000
GONE: Final = frozenset({404, 410})
"""The subscription has ended (RFC 8030, 7.3)."""
LATER: Final = frozenset({408, 425, 429})
TEXT_CHARS_MAX: Final = 300
"""Of title and body each: in any script the message fits into `PLAIN_BYTES_MAX`."""
VERSION: Final = 1


NewKey = Callable[[], ec.EllipticCurvePrivateKey]


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


class WebPush:
    """`application.ports.push.PushTransport` for browsers."""

    def __init__(
        self,
        sender: WebhookSender,
        vapid: Vapid,
        *,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        new_key: NewKey = _new_key,
    ) -> None:
        """Send web push.

        Args:
            sender: calls endpoints, which nobody trusts.
            vapid: identifies this server.
            random_bytes: makes salts.
            new_key: makes a key for one message.
        """
        self._sender = sender
        self._vapid = vapid
        self._random_bytes = random_bytes
        self._new_key = new_key

    def service(self, subscription: PushSubscription) -> str:
        """See the port."""
        return urlsplit(subscription.target["endpoint"]).netloc

    def send(self, messages: Sequence[PushMessage]) -> Sequence[PushSent]:
        """See the port."""
        return [_judge(sent) for sent in self._sender.send([self._call(one) for one in messages])]

    def _call(self, message: PushMessage) -> WebhookCall:
        target = message.subscription.target
        body = encrypt(
            payload(message),
            receiver=from_base64url(target["p256dh"]),
            auth=from_base64url(target["auth"]),
            server=self._new_key(),
            salt=self._random_bytes(SALT_BYTES),
        )
        headers = {
            "authorization": self._vapid.header(target["endpoint"]),
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "ttl": str(int(message.lifetime.total_seconds())),
            "topic": message.topic,
            "urgency": "high" if message.urgent else "normal",
        }
        return WebhookCall(target["endpoint"], headers, body)


def payload(message: PushMessage) -> bytes:
    """What the service worker gets, as JSON of less than 3,000 bytes."""
    text = message.text
    return json.dumps(
        {
            "version": VERSION,
            "type": message.kind.value,
            "session": message.session_id,
            "path": message.path,
            "title": text.title[:TEXT_CHARS_MAX],
            "body": text.body[:TEXT_CHARS_MAX],
            "lang": text.language,
            "dir": text.direction,
        },
        ensure_ascii=False,
    ).encode()


def _judge(sent: Sent) -> PushSent:
    if not isinstance(sent, Answer):
        return PushSent(PushOutcome.LATER, sent.reason, slow=True)
    slow = sent.milliseconds >= SLOW_MILLISECONDS
    reason = f"answered {sent.status}"
    if 200 <= sent.status <= 299:  # noqa: PLR2004 - the class of statuses
        return PushSent(PushOutcome.ACCEPTED, slow=slow)
    if sent.status in GONE:
        return PushSent(PushOutcome.GONE, reason, slow=slow)
    if sent.status in LATER or sent.status >= 500:  # noqa: PLR2004 - the class of statuses
        after = sent.retry_after_seconds
        wait = None if after is None else timedelta(seconds=after)
        return PushSent(PushOutcome.LATER, reason, wait, slow)
    return PushSent(PushOutcome.REFUSED, reason, slow=slow)
