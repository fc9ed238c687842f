"""A tenant with its own money: what attackers and their victims have before an attack."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

import httpx

from tests.chaos.installation import ChaosInstallation

TIMEOUT_SECONDS: Final = 30.0
LIFETIME_SECONDS: Final = 86_400
"""Of sessions: longer than the clock is moved during a run."""
FUNDS_MINOR: Final = 10**9


class Tenant:
    """A merchant, a wallet app, and a wallet in USD and one in EUR."""

    def __init__(self, installation: ChaosInstallation) -> None:
        """Register it; nothing is paid yet."""
        self.merchant_key, self.wallet_key = installation.register_tenant()
        self._client = httpx.Client(base_url=installation.apis[0], timeout=TIMEOUT_SECONDS)
        self.wallets = {currency: self._open_wallet(currency) for currency in ("USD", "EUR")}

    def post(self, path: str, body: Any, *, wallet: bool = False) -> dict[str, Any]:
        """Post as the merchant or the wallet app. A refusal raises."""
        key = self.wallet_key if wallet else self.merchant_key
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": str(uuid4())}
        response = self._client.post(path, json=body, headers=headers)
        assert response.is_success, f"{path}: {response.text}"
        document: dict[str, Any] = response.json()
        return document

    def get(self, path: str) -> dict[str, Any]:
        """Get as the merchant."""
        headers = {"Authorization": f"Bearer {self.merchant_key}"}
        document: dict[str, Any] = self._client.get(path, headers=headers).json()
        return document

    def scanned(self, minor: int, wallet: str) -> dict[str, Any]:
        """A session in USD, and the body of its payment by a wallet."""
        price = {"minor": minor, "currency": "USD"}
        order = {
            "order_id": str(uuid4()), "amount": price, "expires_in_seconds": LIFETIME_SECONDS,
        }  # fmt: skip
        session = self.post("/v1/payment-sessions", order)
        scan = {"payload": session["qr"]["payload"], "wallet_id": wallet}
        claim = self.post("/v1/scans", scan, wallet=True)["claim"]["id"]
        pay = {"claim_id": claim, "wallet_id": wallet, "amount": price}
        return {"id": session["id"], "scan": scan, "pay": pay}

    def paid(self, minor: int) -> tuple[str, int]:
        """A session that is paid in its own currency, and the position of the payment."""
        session = self.scanned(minor, self.wallets["USD"])
        path = f"/v1/payment-sessions/{session['id']}/pay"
        return session["id"], self.post(path, session["pay"], wallet=True)["position"]

    def quote(self, session: str) -> str:
        """A quote of the wallet in EUR."""
        body = {"wallet_id": self.wallets["EUR"], "session_id": session}
        given: str = self.post("/v1/fx-quotes", body, wallet=True)["id"]
        return given

    def refund(self, session: str, minor: int) -> str:
        """A refund of a part."""
        amount = {"minor": minor, "currency": "USD"}
        refund = self.post(f"/v1/payment-sessions/{session}/refunds", {"amount": amount})
        assert refund["status"] == "succeeded", refund
        made: str = refund["id"]
        return made

    def payout(self, minor: int) -> dict[str, Any]:
        """A payout."""
        return self.post("/v1/payouts", {"amount": {"minor": minor, "currency": "USD"}})

    def payable(self, position: int) -> int:
        """What the merchant can take out in USD, at a position or later."""
        balance = self.get(f"/v1/balance?at_least={position}")
        [minor] = [one["payable"]["minor"] for one in balance["data"] if one["currency"] == "USD"]
        return int(minor)

    def _open_wallet(self, currency: str) -> str:
        wallet: str = self.post("/v1/wallets", {"currency": currency}, wallet=True)["id"]
        funds = {"amount": {"minor": FUNDS_MINOR, "currency": currency}, "reference": "r"}
        self.post(f"/v1/wallets/{wallet}/top-ups", funds, wallet=True)
        return wallet

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
