"""A merchant with processors, over the API in memory; the processors' words are commands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from api.tokens import Use
from application.commands.accept_attempt import AcceptAttempt
from application.commands.capture_attempt import CaptureAttempt
from application.commands.set_processors import SetProcessors
from application.event_log import history
from application.reader import Reader
from domain import ids
from domain.sessions.payment_session import PaymentSession
from tests.support.memory_client import MemoryClient, Reply, memory_client

SANDBOX = {"processor": "sandbox"}
REDIRECT = "https://psp.example/pay/1"
ACTION = {"type": "redirect", "url": REDIRECT}
TOKEN = "tok_of_the_payer_1"


class Shop(MemoryClient):
    """A merchant whose processors are the sandbox and Stripe; their words are sent as commands."""

    def __init__(self, client: MemoryClient) -> None:
        super().__init__(client.api, client._loop)
        merchant = ids.decode("mer", self.ledger.merchant)
        self.ledger.send(SetProcessors(merchant_id=merchant, processors=("sandbox", "stripe")))

    @property
    def ledger(self) -> Any:
        return self.api.ledger

    @property
    def id(self) -> str:
        return self.api.session_id

    @property
    def session(self) -> PaymentSession:
        reader = Reader(self.ledger.log)
        return reader.get(PaymentSession, ids.decode("ps", self.id), "payment session").state

    @property
    def checkout_token(self) -> str:
        session = self.session
        return self.api.services.tokens.for_session(Use.CHECKOUT, session.id, session.expires_at)

    @property
    def attempt_id(self) -> str:
        return list(self.session.attempts)[-1]

    def about(self) -> dict[str, Any]:
        attempt_id = ids.decode("att", self.attempt_id)
        return {"session_id": self.session.id, "attempt_id": attempt_id}

    def start(self, who: str, body: Any = SANDBOX, **options: Any) -> Reply:
        return self.call(who, "POST", f"/v1/payment-sessions/{self.id}/attempts", body, **options)

    def redirect(self) -> None:
        """The processor answers with its page."""
        self.api.notes.set_redirect(self.attempt_id, REDIRECT)
        self.ledger.send(AcceptAttempt(reference="r-1", **self.about()))

    def capture(self) -> None:
        amount = self.session.amount
        self.ledger.send(CaptureAttempt(reference="r-1", money=amount, **self.about()))

    def claim(self) -> str:
        code = ids.encode_suffix(self.session.id)
        payload = f"{self.api.services.config.public_url}/q/{code}"
        body = {"payload": payload, "wallet_id": self.api.wallet_id}
        reply = self.call("wallet", "POST", "/v1/scans", body)
        assert reply.status == 200, reply.body
        return str(reply.body["claim"]["id"])

    def pay(self, claim: str, *, key: str = "k", **changes: Any) -> Reply:
        amount = self.session.amount
        body: dict[str, Any] = {
            "claim_id": claim,
            "wallet_id": self.api.wallet_id,
            "amount": {"minor": amount.minor, "currency": amount.currency},
            "source": {"processor": "stripe", "token": TOKEN},
        }
        path = f"/v1/payment-sessions/{self.id}/pay"
        return self.call("wallet", "POST", path, {**body, **changes}, key=key)

    def topics(self) -> list[str]:
        return [one.topic for one in history(self.ledger.log, self.session.id)]


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr("api.v1.attempt_answers.WAIT_SECONDS", 0.0)
    with memory_client() as client:
        yield Shop(client)
