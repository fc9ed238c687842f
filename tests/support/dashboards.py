"""A merchant's browser at the dashboards of a ledger in memory, without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from application.commands.add_webhook_endpoint import AddWebhookEndpoint
from application.ports.webhooks import NewDelivery, delivery_id
from domain import ids
from tests.support.memory_api import http_scope, respond
from tests.support.memory_client import MemoryClient, Reply

ORIGIN = "http://127.0.0.1:8080"
DELIVERIES, SIGN_IN = "/dashboard/deliveries", "/dashboard/sign-in"
URL = "https://hooks.example/ledger"


@dataclass(frozen=True)
class Shown:
    """A response to a browser."""

    status: int
    headers: Mapping[str, str]
    text: str


class Dashboards:
    """Links, the exchange, and the pages behind the cookie."""

    def __init__(self, client: MemoryClient) -> None:
        self.client = client
        self.api, self.ledger = client.api, client.api.ledger
        self.log: Any = self.ledger.log
        """The log in memory, whose clock tests set."""
        self.used: Any = self.api.services.used_tokens
        self.cookie = ""

    def link(self, who: str = "merchant") -> str:
        """The token of a new link."""
        made = self.client.call(who, "POST", "/v1/dashboard-links")
        assert made.status == 201, made.body
        address, _, token = str(made.body["url"]).partition("#")
        assert address == f"{ORIGIN}/dashboard"
        return token

    def exchange(self, token: str, *, origin: str = ORIGIN) -> Reply:
        """Exchange a token as the page does; keeps the cookie."""
        headers = {"origin": origin} if origin else {}
        reply = self.client.call("", "POST", SIGN_IN, {"token": token}, headers=headers)
        if "set-cookie" in reply.headers:
            self.cookie = reply.headers["set-cookie"].partition(";")[0]
        return reply

    def sign_in(self, who: str = "merchant") -> None:
        assert self.exchange(self.link(who)).status == 204

    def open(self, path: str = DELIVERIES, query: str = "", **headers: str) -> Shown:
        """Open a page."""
        return self._send("GET", path, query, headers)

    def press(self, path: str, *origins: str) -> Shown:
        """Send a form without fields, from a page of these origins."""
        return self._send("POST", path, "", {}, origins)

    def add_endpoint(self, merchant: Any = None, url: str = URL) -> str:
        endpoint_id = ids.encode("whe", self.ledger.new_id())
        self.ledger.send(
            AddWebhookEndpoint(
                merchant_id=merchant or self.ledger.merchant_id,
                endpoint_id=endpoint_id,
                url=url,
                types=("*",),
                loopback=False,
            )
        )
        return endpoint_id

    def add_delivery(self, endpoint: str, merchant: str = "") -> NewDelivery:
        """The delivery of a new session's first event."""
        session = self.ledger.create_session()
        [event] = self.ledger.log.stream(session)
        event_id = ids.encode("evt", event.event_id)
        new = NewDelivery(
            id=delivery_id(endpoint, event_id),
            merchant_id=merchant or self.ledger.merchant,
            target=endpoint,
            event_id=event_id,
            event_type=event.topic,
            subject_id=ids.encode("ps", session),
            position=event.position,
            version=event.version,
        )
        self.api.services.deliveries.begin([new], event.recorded_at)
        return new

    def _send(
        self, method: str, path: str, query: str, headers: dict[str, str], origins: Any = ()
    ) -> Shown:
        sent = {"host": "x", "accept": "text/html", "cookie": self.cookie, **headers}
        pairs = [(name.encode(), value.encode()) for name, value in sent.items() if value]
        pairs += [(b"origin", origin.encode()) for origin in origins]
        scope = http_scope(method, path, query, pairs)
        start, *parts = self.client.run(respond(self.api.app, scope, b""))
        names = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        return Shown(start["status"], names, b"".join(part["body"] for part in parts).decode())
