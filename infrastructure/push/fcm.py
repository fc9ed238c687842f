"""Firebase Cloud Messaging, HTTP v1: push for native apps on Android and iOS.

A service account's key signs a JWT, which buys an access token (RFC 7523); the token is used until
shortly before it ends.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from application.ports.processor import OutcomeUnknown, Unavailable
from application.ports.push import PushMessage, PushOutcome, PushSent, PushSubscription
from domain.base64url import to_base64url
from infrastructure.processors.outbound import HttpAnswer, Outbound
from infrastructure.push.service_account import ServiceAccount

API: Final = "https://fcm.googleapis.com"
SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_LIFETIME: Final = timedelta(minutes=10)
TOKEN_MARGIN: Final = timedelta(minutes=1)
TOKEN_SECONDS_MAX: Final = 3600
TOKEN_CHARS_MAX: Final = 8192
CALL_SECONDS: Final = 6.0
CALLS_MAX: Final = 16
"""Calls at a time: a batch of 32 takes two rounds, after one for the token."""
RETRY_AFTER_SECONDS_MAX: Final = 86_400
OK, BAD_TOKEN, NOT_FOUND = 200, 401, 404
LATER: Final = frozenset({408, 425, 429, BAD_TOKEN})


class NoToken(Exception):
    """The authorization server has given no access token; the text says why."""


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: int


class Fcm:
    """`application.ports.push.PushTransport` for native apps."""

    def __init__(
        self,
        account: ServiceAccount,
        wall_clock: Callable[[], datetime],
        *,
        api: str = API,
        outbound: Outbound | None = None,
    ) -> None:
        """Send through a Firebase project.

        Args:
            account: of the project.
            wall_clock: real time, with which tokens begin and end.
            api: where the service is.
            outbound: makes the calls.
        """
        self._account = account
        self._wall_clock = wall_clock
        self._url = f"{api}/v1/projects/{account.project_id}/messages:send"
        self._outbound = outbound or Outbound(seconds_max=CALL_SECONDS)
        self._calls = ThreadPoolExecutor(CALLS_MAX, thread_name_prefix="fcm")
        self._lock = Lock()
        self._token = ""
        self._token_ends: datetime | None = None

    def close(self) -> None:
        """Make no further calls."""
        self._calls.shutdown(wait=False, cancel_futures=True)

    def service(self, subscription: PushSubscription) -> str:  # noqa: ARG002 - there is one
        """See the port."""
        return "fcm"

    def send(self, messages: Sequence[PushMessage]) -> Sequence[PushSent]:
        """See the port."""
        try:
            token = self._access_token()
        except NoToken as error:
            return [PushSent(PushOutcome.LATER, str(error), slow=True)] * len(messages)
        return list(self._calls.map(lambda one: self._send(one, token), messages))

    def _send(self, message: PushMessage, token: str) -> PushSent:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        body = json.dumps({"message": encode(message, self._wall_clock())}).encode()
        try:
            answer = self._outbound.call("POST", self._url, headers, body)
        except (Unavailable, OutcomeUnknown):
            return PushSent(PushOutcome.LATER, "no answer", slow=True)
        if answer.status == BAD_TOKEN:
            self._forget(token)
        return judge(answer)

    # The access token.

    def _access_token(self) -> str:
        """The token at present, or a new one."""
        with self._lock:
            now = self._wall_clock()
            if self._token_ends is None or now >= self._token_ends:
                granted = self._buy(now)
                seconds = min(granted.expires_in, TOKEN_SECONDS_MAX)
                self._token = granted.access_token
                self._token_ends = now + timedelta(seconds=seconds) - TOKEN_MARGIN
            return self._token

    def _forget(self, token: str) -> None:
        with self._lock:
            if token == self._token:
                self._token_ends = None

    def _buy(self, now: datetime) -> _Granted:
        form = {"grant_type": GRANT, "assertion": self._assertion(now)}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(form).encode()
        try:
            answer = self._outbound.call("POST", self._account.token_uri, headers, body)
        except (Unavailable, OutcomeUnknown):
            msg = "the authorization server does not answer"
            raise NoToken(msg) from None
        if answer.status != OK:
            msg = f"the authorization server answered {answer.status}"
            raise NoToken(msg)
        try:
            granted = msgspec.json.decode(answer.body, type=_Granted)
        except (msgspec.DecodeError, UnicodeDecodeError):
            msg = "the authorization server's answer is not a token"
            raise NoToken(msg) from None
        token = granted.access_token
        if not (token.isascii() and token.isprintable() and 0 < len(token) <= TOKEN_CHARS_MAX):
            msg = "the authorization server's answer is not a token"
            raise NoToken(msg)
        return granted

    def _assertion(self, now: datetime) -> str:
        """A JWT (RFC 7523, 3) signed with RS256."""
        account, issued = self._account, int(now.timestamp())
        claims = {
            "iss": account.client_email,
            "scope": SCOPE,
            "aud": account.token_uri,
            "iat": issued,
            "exp": issued + int(ASSERTION_LIFETIME.total_seconds()),
        }
        header = {"alg": "RS256", "typ": "JWT", "kid": account.private_key_id}
        signed = ".".join(to_base64url(json.dumps(part).encode()) for part in (header, claims))
        signature = account.private_key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{to_base64url(signature)}"


def encode(message: PushMessage, now: datetime) -> Mapping[str, Any]:
    """The message as FCM and, behind it, Android and Apple want it.

    A later message of the same topic replaces an earlier one, as in web push.
    """
    text, seconds = message.text, int(message.lifetime.total_seconds())
    return {
        "token": message.subscription.target["token"],
        "notification": {"title": text.title, "body": text.body},
        "data": {
            "type": message.kind.value,
            "session": message.session_id,
            "path": message.path,
        },
        "android": {
            "priority": "HIGH" if message.urgent else "NORMAL",
            "ttl": f"{seconds}s",
            "collapse_key": message.topic,
            "notification": {"tag": message.topic},
        },
        "apns": {
            "headers": {
                "apns-priority": "10" if message.urgent else "5",
                "apns-expiration": str(int(now.timestamp()) + seconds),
                "apns-collapse-id": message.topic,
            },
        },
    }


def judge(answer: HttpAnswer) -> PushSent:
    """What an answer means."""
    reason = f"answered {answer.status}"
    if answer.status == OK:
        return PushSent(PushOutcome.ACCEPTED)
    if answer.status == NOT_FOUND:
        gone = "UNREGISTERED" in _error_codes(answer.body)
        return PushSent(PushOutcome.GONE if gone else PushOutcome.REFUSED, reason)
    if answer.status in LATER or answer.status >= 500:  # noqa: PLR2004 - the class of statuses
        header = answer.headers.get("retry-after", "")
        is_number = header.isascii() and header.isdigit() and len(header) <= len("86400")
        seconds = min(int(header), RETRY_AFTER_SECONDS_MAX) if is_number else None
        after = None if seconds is None else timedelta(seconds=seconds)
        return PushSent(PushOutcome.LATER, reason, after)
    return PushSent(PushOutcome.REFUSED, reason)


class _Detail(msgspec.Struct):
    error_code: str = msgspec.field(name="errorCode", default="")


class _Error(msgspec.Struct):
    details: list[_Detail] = []


class _Problem(msgspec.Struct):
    error: _Error


def _error_codes(body: bytes) -> set[str]:
    """The codes of an answer's details; none if it is written in another way."""
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return set()
    return {detail.error_code for detail in problem.error.details}
