"""Stripe's wire format on a free port: what the real SDK sends and reads, for the calls we make.

Its objects are Stripe's published fixtures (`stripe_fixtures.json`) with the fields that a call
changes. A payment method says what happens: `pm_card_visa`, `pm_card_chargeDeclined`,
`pm_card_authenticationRequired`, as with Stripe's own test methods.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

FIXTURES: Final = json.loads((Path(__file__).parent / "stripe_fixtures.json").read_text("utf-8"))
API_KEY: Final = "sk_test_0123456789abcdef"
WEBHOOK_SECRET: Final = "whsec_of_the_tests"
Body = dict[str, Any]


def fixture(name: str, **changes: Any) -> Body:
    """A published fixture with changed fields."""
    resource: Body = deepcopy(FIXTURES["resources"][name])
    return resource | changes


class Refused(Exception):
    """An error answer."""

    def __init__(self, status: int, kind: str, code: str = "", **more: Any) -> None:
        super().__init__(code)
        self.status = status
        self.body = {"error": {"type": kind, "message": "…", "code": code or None, **more}}


class FakeStripe:
    """An account of Stripe."""

    def __init__(self) -> None:
        self.base_url = ""
        self.livemode = False
        self.finds = True
        """Whether the search has caught up."""
        self.intents: dict[str, Body] = {}
        self.refunds: dict[str, Body] = {}
        self.calls: list[str] = []
        self.requests: list[Body] = []
        self.answers: list[Callable[[int, bytes], tuple[int, bytes]]] = []
        """Each takes the true answer of one call and returns what is sent instead."""
        self._kept: dict[str, tuple[str, int, bytes]] = {}
        self._ids = count(1)
        self._lock = Lock()

    # The protocol: keys, idempotency, errors.

    def handle(
        self, method: str, target: str, headers: dict[str, str], raw: bytes
    ) -> tuple[int, bytes, bool]:
        with self._lock:
            path, query = urlsplit(target).path, urlsplit(target).query
            self.calls.append(f"{method} {path}")
            if headers.get("authorization") != f"Bearer {API_KEY}":
                return 401, json.dumps(Refused(401, "invalid_request_error").body).encode(), False
            key, request = headers.get("idempotency-key", ""), f"{method} {path} {raw!r}"
            if method == "POST" and key in self._kept:
                kept, status, body = self._kept[key]
                if kept != request:
                    error = Refused(400, "idempotency_error", "idempotency_key_in_use")
                    return 400, json.dumps(error.body).encode(), False
                return status, body, True
            params = _nested(parse_qsl(raw.decode() if method == "POST" else query))
            self.requests.append(params)
            try:
                status, answer = 200, self._answer(method, path.split("/")[2:], params)
            except Refused as refused:
                status, answer = refused.status, refused.body
            body = json.dumps(answer).encode()
            if method == "POST" and key:
                self._kept[key] = request, status, body
            return status, body, False

    def _answer(self, method: str, path: list[str], params: Body) -> Body:
        match method, path:
            case "POST", ["payment_intents"]:
                return self._create(params)
            case "GET", ["payment_intents", "search"]:
                wanted = params["query"].partition(":")[2].strip("'")
                found = [
                    one
                    for one in self.intents.values()
                    if self.finds and one["metadata"].get("qrledger_key") == wanted
                ]
                return {"object": "search_result", "data": found, "has_more": False, "url": "/v1"}
            case "GET", ["payment_intents", intent_id]:
                return self._intent(intent_id)
            case "POST", ["payment_intents", intent_id, action]:
                return self._move(self._intent(intent_id), action)
            case "POST", ["refunds"]:
                return self._refund(params)
            case "GET", ["refunds"]:
                wanted = params["payment_intent"]
                data = [r for r in self.refunds.values() if r["payment_intent"] == wanted]
                return {"object": "list", "data": data, "has_more": False, "url": "/v1/refunds"}
            case "GET", ["refunds", refund_id] if refund_id in self.refunds:
                return self.refunds[refund_id]
        raise Refused(404, "invalid_request_error", "resource_missing")

    # The account.

    def _create(self, params: Body) -> Body:
        intent = fixture(
            "payment_intent",
            id=f"pi_{next(self._ids)}",
            amount=int(params["amount"]),
            currency=params["currency"],
            metadata=params.get("metadata", {}),
            capture_method=params.get("capture_method", "automatic"),
            confirmation_method=params.get("confirmation_method", "automatic"),
            livemode=self.livemode,
            status="requires_payment_method",
            last_payment_error=None,
            next_action=None,
            payment_method=params.get("payment_method"),
        )
        if params.get("payment_method") == "pm_missing":
            raise Refused(400, "invalid_request_error", "resource_missing")
        self.intents[intent["id"]] = intent
        return self._confirm(intent) if params.get("confirm") == "true" else intent

    def _confirm(self, intent: Body) -> Body:
        match intent["payment_method"]:
            case "pm_card_chargeDeclined":
                failure = {
                    "type": "card_error",
                    "code": "card_declined",
                    "decline_code": "generic_decline",
                }
                intent |= {"status": "requires_payment_method", "last_payment_error": failure}
                raise Refused(
                    402,
                    "card_error",
                    "card_declined",
                    decline_code="generic_decline",
                    payment_intent=intent,
                )
            case "pm_card_authenticationRequired" | None:
                url = {"url": f"https://hooks.stripe.example/{intent['id']}", "return_url": None}
                action = {"type": "redirect_to_url", "redirect_to_url": url}
                return self._keep(intent, status="requires_action", next_action=action)
        return self._take(intent)

    def _take(self, intent: Body) -> Body:
        if intent["capture_method"] == "manual":
            return self._keep(intent, status="requires_capture", amount_capturable=intent["amount"])
        return self._keep(intent, status="succeeded", amount_received=intent["amount"])

    def _move(self, intent: Body, action: str) -> Body:
        match action, intent["status"]:
            case (
                "cancel",
                "requires_payment_method"
                | "requires_action"
                | "requires_capture"
                | "requires_confirmation",
            ):
                return self._keep(intent, status="canceled", next_action=None)
            case "capture", "requires_capture":
                return self._keep(
                    intent,
                    status="succeeded",
                    amount_capturable=0,
                    amount_received=intent["amount"],
                )
            case "confirm", "requires_confirmation":
                return self._take(intent)
        raise Refused(400, "invalid_request_error", "payment_intent_unexpected_state")

    def _refund(self, params: Body) -> Body:
        intent = self._intent(params["payment_intent"])
        given = sum(
            r["amount"] for r in self.refunds.values() if r["payment_intent"] == intent["id"]
        )
        amount = int(params["amount"])
        if intent["status"] != "succeeded" or given + amount > intent["amount_received"]:
            raise Refused(400, "invalid_request_error", "charge_already_refunded")
        refund = fixture(
            "refund",
            id=f"re_{next(self._ids)}",
            amount=amount,
            currency=intent["currency"],
            payment_intent=intent["id"],
            metadata=params.get("metadata", {}),
            status="succeeded",
        )
        self.refunds[refund["id"]] = refund
        return refund

    def returned(self, intent_id: str, **changes: Any) -> None:
        """The payer has come back from the bank's page."""
        intent = self.intents[intent_id]
        manual = intent["confirmation_method"] == "manual"
        if changes:
            self._keep(intent, next_action=None, **changes)
        elif manual:
            self._keep(intent, status="requires_confirmation", next_action=None)
        else:
            self._take(intent | {"next_action": None})

    def _keep(self, intent: Body, **changes: Any) -> Body:
        self.intents[intent["id"]] = intent | changes
        return self.intents[intent["id"]]

    def _intent(self, intent_id: str) -> Body:
        if intent_id not in self.intents:
            raise Refused(404, "invalid_request_error", "resource_missing")
        return self.intents[intent_id]


def _nested(pairs: list[tuple[str, str]]) -> Body:
    """Bracketed parameters, such as `metadata[key]`, as nested values."""
    nested: Body = {}
    for name, value in pairs:
        *outer, last = name.replace("]", "").split("[")
        inner = nested
        for part in outer:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return nested


@contextmanager
def serving(fake: FakeStripe) -> Iterator[FakeStripe]:
    """Serve the account on loopback, within the context."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length", "0") or "0"))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, body, replayed = fake.handle(self.command, self.path, headers, raw)
            if fake.answers:
                status, body = fake.answers.pop(0)(status, body)
            if not status:  # the link is cut after Stripe has acted
                return
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Request-Id", "req_1")
            if replayed:
                self.send_header("Idempotent-Replayed", "true")
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _serve  # noqa: N815 - names of the standard library

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    fake.base_url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def event(kind: str, stripe_object: Body, **changes: Any) -> bytes:
    """The body of a callback about an object."""
    values: Body = {"type": kind, "data": {"object": stripe_object}}
    return json.dumps(fixture("event", **values | changes)).encode()


def sign(body: bytes, at: float) -> dict[str, str]:
    """The headers of a callback."""
    mac = hmac.digest(WEBHOOK_SECRET.encode(), f"{int(at)}.".encode() + body, "sha256").hex()
    return {"stripe-signature": f"t={int(at)},v0={'0' * 64},v1={mac}"}
