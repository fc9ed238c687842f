"""Clients that journal every response and retry each request until its result is final."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final
from uuid import uuid4

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

TIMEOUT_SECONDS: Final = 4.0
RETRY_SECONDS: Final = 0.1
AMOUNT: Final = {"minor": 1, "currency": "USD"}
NOT_FINAL: Final = {"idempotency-in-progress", "session-claimed"}


@dataclass
class Journal:
    """The final responses to all clients, each flushed to disk before its client continues."""

    path: Path
    responses: dict[str, tuple[int, Any]] = field(default_factory=dict)
    """By idempotency key: status and body of the latest final response."""
    indeterminate: set[str] = field(default_factory=set)
    """Keys with at least one request that got no final response."""
    resolved: dict[str, str] = field(default_factory=dict)
    """Indeterminate keys that were resolved: `had committed` or `decided on retry`."""
    acknowledged_at: list[float] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._file = self.path.open("a")

    def record(self, key: str, status: int, body: Any, *, replayed: bool) -> None:
        """Record a final response."""
        earlier = self.responses.get(key)
        summary = _summary(body)
        if earlier is not None and (earlier[0], _summary(earlier[1])) != (status, summary):
            self.contradictions.append(f"{key}: {earlier[0]} then {status}")
        self.responses[key] = (status, body)
        if key in self.indeterminate and key not in self.resolved:
            self.resolved[key] = "had committed" if replayed else "decided on retry"
        if status < 300:
            self.acknowledged_at.append(time.monotonic())
        self._file.write(json.dumps([key, status, summary]) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def _summary(body: Any) -> Any:
    return {name: body.get(name) for name in ("id", "code", "version", "position")}


class Client(Thread):
    """A till and a wallet: creates, scans and pays sessions, alternating between the APIs."""

    def __init__(
        self, apis: list[str], keys: tuple[str, str], journal: Journal, stopping: Event
    ) -> None:
        super().__init__(daemon=True)
        self._apis = apis
        self._merchant, self._wallet = keys
        self._journal = journal
        self._stopping = stopping
        self._aborted = Event()
        self._http = httpx.Client(timeout=TIMEOUT_SECONDS)
        self.paid: list[tuple[str, str]] = []
        """Session and wallet of every acknowledged payment."""
        self.refunded: list[str] = []
        """The sessions of acknowledged refunds."""
        self.live: list[tuple[str, str]] = []
        """Id and live URL of every acknowledged session."""

    def abort(self) -> None:
        """Stop even with a request unresolved."""
        self._aborted.set()

    def run(self) -> None:
        opened = self._post("/v1/wallets", {"currency": "USD"}, self._wallet)
        wallet = opened["id"]
        top_up = {"amount": {"minor": 10**9, "currency": "USD"}, "reference": "r"}
        self._post(f"/v1/wallets/{wallet}/top-ups", top_up, self._wallet)
        while not self._stopping.is_set() and not self._aborted.is_set():
            self._pay_one_session(wallet)
        self._http.close()

    def _pay_one_session(self, wallet: str) -> None:
        body = {"order_id": str(uuid4()), "amount": AMOUNT}
        session = self._post("/v1/payment-sessions", body, self._merchant)
        if "id" not in session:
            return
        self.live.append((session["id"], session["live_url"]))
        scan = {"payload": session["qr"]["payload"], "wallet_id": wallet}
        scanned = self._post("/v1/scans", scan, self._wallet)
        if not scanned.get("claim"):
            return
        pay = {"claim_id": scanned["claim"]["id"], "wallet_id": wallet, "amount": AMOUNT}
        path = f"/v1/payment-sessions/{session['id']}/pay"
        if self._post(path, pay, self._wallet).get("status") == "paid":
            self.paid.append((session["id"], wallet))
            self._refund(session["id"])

    def _refund(self, session: str) -> None:
        """Refund every other payment; a second refund of it is refused by name."""
        if len(self.paid) % 2:
            return
        path = f"/v1/payment-sessions/{session}/refunds"
        first = self._post(path, {"amount": AMOUNT}, self._merchant)
        if first.get("status") == "succeeded":
            self.refunded.append(session)
            second = self._post(path, {"amount": AMOUNT}, self._merchant)
            if second and second.get("code") != "refund-exceeds-paid":
                self._journal.contradictions.append(f"{session}: refunded twice: {second}")

    def _post(self, path: str, body: Any, api_key: str) -> dict[str, Any]:
        """Repeat the request under one idempotency key until the response is final."""
        key = str(uuid4())
        headers = {"Authorization": f"Bearer {api_key}", "Idempotency-Key": key}
        attempt = 0
        while not self._aborted.is_set():
            base = self._apis[attempt % len(self._apis)]
            attempt += 1
            try:
                response = self._http.post(base + path, json=body, headers=headers)
                document: dict[str, Any] = response.json()
            except (httpx.HTTPError, ValueError):
                self._journal.indeterminate.add(key)
                time.sleep(RETRY_SECONDS)
                continue
            if response.status_code >= 500 or document.get("code") in NOT_FINAL:
                self._journal.indeterminate.add(key)
                time.sleep(RETRY_SECONDS)
                continue
            replayed = response.headers.get("idempotent-replayed") == "true"
            self._journal.record(key, response.status_code, document, replayed=replayed)
            return document
        return {}


class CheckoutScreen(Thread):
    """Keeps every live message it receives; reconnects after the last `seq` it has."""

    def __init__(self, session_id: str, url: str, stopping: Event) -> None:
        super().__init__(daemon=True)
        self.session_id = session_id
        self._url = url
        self._stopping = stopping
        self.received: list[dict[str, Any]] = []

    def run(self) -> None:
        while not self._stopping.is_set() and not self._session_ended():
            seqs = [message["seq"] for message in self.received if "seq" in message]
            after = f"&after={seqs[-1]}" if seqs else ""
            with (
                suppress(OSError, WebSocketException, TimeoutError),
                connect(self._url + after, open_timeout=3, close_timeout=1) as socket,
            ):
                while not self._stopping.is_set() and not self._session_ended():
                    with suppress(TimeoutError):
                        self.received.append(json.loads(socket.recv(timeout=0.5)))
            self._stopping.wait(0.2)

    def _session_ended(self) -> bool:
        return any(
            message.get("session", {}).get("status") in {"paid", "expired", "cancelled"}
            for message in self.received
        )
