"""Tills and wallets that write down what they were told, and ask until they know."""

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
PAUSE_SECONDS: Final = 0.1
AMOUNT: Final = {"minor": 1, "currency": "USD"}
UNDECIDED: Final = {"idempotency-in-progress", "session-claimed"}


@dataclass
class Journal:
    """What all clients were told. A line is on the disk before its client goes on."""

    path: Path
    told: dict[str, tuple[int, Any]] = field(default_factory=dict)
    """By idempotency key: the last word."""
    unsure: set[str] = field(default_factory=set)
    """Keys that at some time had no answer."""
    resolved: dict[str, str] = field(default_factory=dict)
    """Unsure keys that got an answer: `had committed` or `was decided now`."""
    acknowledged_at: list[float] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._file = self.path.open("a")

    def note(self, key: str, status: int, answer: Any, *, replayed: bool) -> None:
        """Write down a final answer."""
        known = self.told.get(key)
        shown = _facts(answer)
        if known is not None and (known[0], _facts(known[1])) != (status, shown):
            self.disagreements.append(f"{key}: {known[0]} then {status}")
        self.told[key] = (status, answer)
        if key in self.unsure and key not in self.resolved:
            self.resolved[key] = "had committed" if replayed else "was decided now"
        if status < 300:
            self.acknowledged_at.append(time.monotonic())
        self._file.write(json.dumps([key, status, shown]) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def _facts(answer: Any) -> Any:
    return {name: answer.get(name) for name in ("id", "code", "version", "position")}


class Client(Thread):
    """One till with one wallet: creates, scans, pays, over and over, through either API."""

    def __init__(
        self, apis: list[str], keys: tuple[str, str], journal: Journal, stop: Event
    ) -> None:
        super().__init__(daemon=True)
        self._apis = apis
        self._merchant, self._wallet = keys
        self._journal = journal
        self._stop_asked = stop
        self._give_up = Event()
        self._http = httpx.Client(timeout=TIMEOUT_SECONDS)
        self.paid: list[tuple[str, str]] = []
        """Session and the live address, of payments that were acknowledged."""
        self.live: list[tuple[str, str]] = []

    def give_up(self) -> None:
        """Stop even in the middle of a question."""
        self._give_up.set()

    def run(self) -> None:
        opened = self._ask("POST", "/v1/wallets", {"currency": "USD"}, self._wallet)
        wallet = opened["id"]
        top_up = {"amount": {"minor": 10**9, "currency": "USD"}, "reference": "r"}
        self._ask("POST", f"/v1/wallets/{wallet}/top-ups", top_up, self._wallet)
        while not self._stop_asked.is_set() and not self._give_up.is_set():
            self._life(wallet)
        self._http.close()

    def _life(self, wallet: str) -> None:
        body = {"order_id": str(uuid4()), "amount": AMOUNT}
        session = self._ask("POST", "/v1/payment-sessions", body, self._merchant)
        if "id" not in session:
            return
        self.live.append((session["id"], session["live_url"]))
        scan = {"payload": session["qr"]["payload"], "wallet_id": wallet}
        scanned = self._ask("POST", "/v1/scans", scan, self._wallet)
        if not scanned.get("claim"):
            return
        pay = {"claim_id": scanned["claim"]["id"], "wallet_id": wallet, "amount": AMOUNT}
        path = f"/v1/payment-sessions/{session['id']}/pay"
        if self._ask("POST", path, pay, self._wallet).get("status") == "paid":
            self.paid.append((session["id"], wallet))

    def _ask(self, method: str, path: str, body: Any, key: str) -> dict[str, Any]:
        """Ask under one idempotency key until the answer is final."""
        name = str(uuid4())
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": name}
        turn = 0
        while not self._give_up.is_set():
            base = self._apis[turn % len(self._apis)]
            turn += 1
            try:
                answer = self._http.request(method, base + path, json=body, headers=headers)
                told: dict[str, Any] = answer.json()
            except (httpx.HTTPError, ValueError):
                self._journal.unsure.add(name)
                time.sleep(PAUSE_SECONDS)
                continue
            if answer.status_code >= 500 or told.get("code") in UNDECIDED:
                self._journal.unsure.add(name)
                time.sleep(PAUSE_SECONDS)
                continue
            replayed = answer.headers.get("idempotent-replayed") == "true"
            self._journal.note(name, answer.status_code, told, replayed=replayed)
            return told
        return {}


class Watcher(Thread):
    """A checkout screen: keeps what it hears, comes back with the last version it knows."""

    def __init__(self, session_id: str, url: str, stop: Event) -> None:
        super().__init__(daemon=True)
        self.session_id = session_id
        self._url = url
        self._stop_asked = stop
        self.heard: list[dict[str, Any]] = []

    def run(self) -> None:
        while not self._stop_asked.is_set() and not self._ended():
            seqs = [message["seq"] for message in self.heard if "seq" in message]
            after = f"&after={seqs[-1]}" if seqs else ""
            with (
                suppress(OSError, WebSocketException, TimeoutError),
                connect(self._url + after, open_timeout=3, close_timeout=1) as link,
            ):
                while not self._stop_asked.is_set() and not self._ended():
                    with suppress(TimeoutError):
                        self.heard.append(json.loads(link.recv(timeout=0.5)))
            self._stop_asked.wait(0.2)

    def _ended(self) -> bool:
        return any(
            message.get("session", {}).get("status") in {"paid", "expired", "cancelled"}
            for message in self.heard
        )
