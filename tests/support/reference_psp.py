"""A PSP of the generic protocol on a free port, with the standard library alone.

It charges each key once, whatever is repeated, and does what the test tells it. The protocol itself
is `methods` and `_signed`; the rest is misbehaviour.
"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, Final

SECRET: Final = b"a-secret-of-the-tests,-32-bytes."
PREFIX: Final = "/qrledger"
WINDOW_SECONDS: Final = 300
Message = dict[str, Any]


class ReferencePsp:
    """What the PSP knows."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.now = now
        self.base_url = ""
        self.charges: dict[str, Message] = {}
        self.refunds: dict[str, Message] = {}
        self.calls: list[str] = []
        self.nonces: set[str] = set()
        self.outcome = "captured"
        """Of the next charges: a status, or `redirect`."""
        self.answers: list[Callable[[bytes], tuple[int, dict[str, str], bytes]]] = []
        """Each takes the true answer of one call and returns what is sent instead."""
        self._lock = Lock()

    def handle(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Message]:
        """One request: who sent it, then what it asks for."""
        with self._lock:
            if not self._signed(path, headers, body):
                return 401, {"error": "bad signature"}
            method = path.removeprefix(f"{PREFIX}/")
            message = json.loads(body)
            self.calls.append(method)
            match method:
                case "create-session":
                    return 200, self._create(message)
                case "capture":
                    return 200, self._end(message["key"], "captured", "authorised")
                case "void":
                    return 200, self._end(message["key"], "voided", "authorised", "processing")
                case "refund":
                    return 200, self._refund(message)
                case "status":
                    known = self.charges if message["subject"] == "charge" else self.refunds
                    return 200, known.get(message["key"], {"status": "not_found"})
        return 404, {"error": "no such method"}

    def settle(self, key: str, status: str, **changes: Any) -> None:
        """What the payer or the bank decides later."""
        with self._lock:
            self.charges[key] |= {"status": status, **changes}

    def _create(self, message: Message) -> Message:
        key, charge = (
            message["key"],
            {"amount": message["amount"], "reference": message["key"][::-1]},
        )
        if key not in self.charges:
            status = self.outcome
            if status == "redirect":
                charge |= {"status": "processing", "payment_url": f"https://psp.example/{key}"}
            elif status == "captured" and not message["capture"]:
                charge["status"] = "authorised"
            else:
                charge |= {"status": status, "reason": "do_not_honor" * (status == "declined")}
            self.charges[key] = charge
        return self.charges[key]

    def _end(self, key: str, status: str, *before: str) -> Message:
        """End a charge; a key that is not known is ended too, so that it can never begin."""
        charge = self.charges.get(key)
        if charge is None and status == "voided":
            charge = self.charges[key] = {"status": "voided"}
        elif charge is not None and charge["status"] in before:
            charge["status"] = status
            charge.pop("payment_url", None)
        return charge or {"status": "not_found"}

    def _refund(self, message: Message) -> Message:
        key, amount = message["key"], message["amount"]
        if key not in self.refunds:
            charge = self.charges.get(message["charge_key"], {"status": "not_found"})
            given = sum(
                one["amount"]["minor"]
                for one in self.refunds.values()
                if one["charge"] == message["charge_key"] and one["status"] == "refunded"
            )
            allowed = charge["status"] == "captured"
            allowed = allowed and given + amount["minor"] <= charge["amount"]["minor"]
            self.refunds[key] = {
                "status": "refunded" if allowed else "declined",
                "amount": amount,
                "reference": key[::-1],
                "charge": message["charge_key"],
                "reason": "" if allowed else "not_refundable",
            }
        return self.refunds[key]

    def _signed(self, path: str, headers: dict[str, str], body: bytes) -> bool:
        timestamp, nonce = headers.get("psp-timestamp", ""), headers.get("psp-nonce", "")
        signed = f"{timestamp}\n{nonce}\nPOST\n{path}\n".encode() + body
        mac = "v1=" + hmac.digest(SECRET, signed, "sha256").hex()
        if not hmac.compare_digest(mac, headers.get("psp-signature", "")):
            return False
        if abs(self.now() - int(timestamp)) > WINDOW_SECONDS or nonce in self.nonces:
            return False
        self.nonces.add(nonce)
        return True


@contextmanager
def serving(psp: ReferencePsp) -> Iterator[ReferencePsp]:
    """Serve the PSP on loopback, within the context."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, message = psp.handle(self.path, headers, body)
            raw, extra = json.dumps(message).encode(), {"Content-Type": "application/json"}
            if psp.answers:
                status, extra, raw = psp.answers.pop(0)(raw)
            if not status:  # the link is cut after the PSP has acted
                return
            self.send_response(status)
            for name, value in {"Content-Length": str(len(raw)), **extra}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    psp.base_url = f"http://127.0.0.1:{server.server_port}{PREFIX}"
    try:
        yield psp
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def sign_callback(body: bytes, *, at: float, path: str = "/v1/callbacks/psp") -> dict[str, str]:
    """The headers of a callback."""
    timestamp, nonce = f"{int(at):010}", "0123456789abcdef" * 2
    signed = f"{timestamp}\n{nonce}\nPOST\n{path}\n".encode() + body
    mac = hmac.digest(SECRET, signed, "sha256").hex()
    return {"psp-timestamp": timestamp, "psp-nonce": nonce, "psp-signature": f"v1={mac}"}
