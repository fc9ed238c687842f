"""An app sees claims and payments of its own wallets only, a page those of its own wallet.

Two wallets of one app and one of another claim a session in turn. Each of them may read the session
from then on, but sees nothing of the others.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api_fixture import ApiFixture

pytestmark = pytest.mark.postgres
PARTS = ("claim", "paid")
NONE = "not-found"


class Scenario:
    """One session, three wallets, and what each reader sees of it."""

    def __init__(self, api: ApiFixture) -> None:
        self.api = api
        self.session = api.create_session()
        self.path = f"/v1/payment-sessions/{self.session['id']}"
        self.wallets = {
            "first": api.open_wallet(),
            "second": api.open_wallet(),
            "foreign": api.open_wallet(who="other_wallet"),
        }
        self.readers = {"merchant": "merchant", "auditor": "auditor", "app": "wallet"}
        self.readers["other app"] = "other_wallet"
        for name, wallet in self.wallets.items():
            minted = api.call(self.app_of(name), "POST", f"/v1/wallets/{wallet}/tokens")
            self.readers[f"{name} page"] = minted.json()["token"]

    @staticmethod
    def app_of(name: str) -> str:
        return "other_wallet" if name == "foreign" else "wallet"

    def claim(self, name: str) -> str:
        response = self.api.scan(self.session, self.wallets[name], who=self.app_of(name))
        assert response.status_code == 200, response.text
        claim: dict[str, str] = response.json()["claim"]
        assert claim["wallet_id"] == self.wallets[name]
        return claim["id"]

    def release(self, name: str) -> None:
        response = self.api.call(self.app_of(name), "DELETE", f"{self.path}/claim")
        assert (response.status_code, response.json()["claim"]) == (200, None)

    def pay(self, name: str, claim: str) -> None:
        app = self.app_of(name)
        response = self.api.pay(self.session, self.wallets[name], claim, who=app)
        assert response.status_code == 200, response.text
        assert response.json()["paid"]["wallet_id"] == self.wallets[name]

    def seen(self, member: str) -> dict[str, str]:
        """By reader: whose claim or payment it sees, `nobody`, or the code of the refusal."""
        names = {wallet: name for name, wallet in self.wallets.items()}
        seen = {}
        for reader, key in self.readers.items():
            response = self.api.call(key, "GET", self.path)
            body: dict[str, Any] = response.json()
            visible = {name: part["wallet_id"] for name in PARTS if (part := body.get(name))}
            seen[reader] = body.get("code") or names.get(visible.get(member, ""), "nobody")
            hidden = set(names) - set(visible.values())
            assert not any(wallet in response.text for wallet in hidden), reader
        return seen


def expected(whose: str, *, app: str, other: str, pages: tuple[str, str, str]) -> dict[str, str]:
    first, second, foreign = pages
    by_key = {"merchant": whose, "auditor": whose, "app": app, "other app": other}
    return {**by_key, "first page": first, "second page": second, "foreign page": foreign}


def test_each_reader_sees_only_claims_of_its_own_wallets(api: ApiFixture) -> None:
    scenario = Scenario(api)

    scenario.claim("first")
    assert scenario.seen("claim") == expected(
        "first", app="first", other=NONE, pages=("first", NONE, NONE)
    )

    scenario.release("first")
    nobody = expected("nobody", app="nobody", other=NONE, pages=("nobody", NONE, NONE))
    assert scenario.seen("claim") == nobody

    scenario.claim("foreign")
    assert scenario.seen("claim") == expected(
        "foreign", app="nobody", other="foreign", pages=("nobody", NONE, "foreign")
    )

    scenario.release("foreign")
    scenario.claim("second")
    assert scenario.seen("claim") == expected(
        "second", app="second", other="nobody", pages=("nobody", "second", "nobody")
    )


@pytest.mark.parametrize("payer", ["foreign", "second"])
def test_each_reader_sees_only_payments_of_its_own_wallets(api: ApiFixture, payer: str) -> None:
    scenario = Scenario(api)
    scenario.claim("first")
    scenario.release("first")
    scenario.pay(payer, scenario.claim(payer))

    page = {"second": NONE, "foreign": NONE, payer: payer}
    assert scenario.seen("paid") == expected(
        payer,
        app=payer if payer == "second" else "nobody",
        other=payer if payer == "foreign" else NONE,
        pages=("nobody", page["second"], page["foreign"]),
    )
    assert set(scenario.seen("claim").values()) == {"nobody", NONE}
    again = api.scan(scenario.session, scenario.wallets[payer], who=scenario.app_of(payer))
    assert again.json()["paid"]["wallet_id"] == scenario.wallets[payer]
    late = api.scan(scenario.session, scenario.wallets["first"])
    assert late.json()["code"] == "session-not-payable"
    assert scenario.wallets[payer] not in late.text


def test_after_a_takeover_only_the_new_holder_sees_the_claim(api: ApiFixture) -> None:
    config = api.services.config
    object.__setattr__(config, "claim_seconds", 1)
    try:
        scenario = Scenario(api)
        scenario.claim("first")
        taken = ""
        while not taken:  # until the ledger's own clock has passed the lease's end
            response = api.scan(scenario.session, scenario.wallets["foreign"], who="other_wallet")
            taken = "" if response.status_code == 409 else response.json()["claim"]["wallet_id"]
            assert scenario.wallets["first"] not in response.text
    finally:
        object.__setattr__(config, "claim_seconds", 90)

    assert scenario.seen("claim") == expected(
        "foreign", app="nobody", other="foreign", pages=("nobody", NONE, "foreign")
    )


def test_the_merchants_list_shows_every_claim_and_payment(api: ApiFixture) -> None:
    scenario = Scenario(api)
    scenario.pay("foreign", scenario.claim("foreign"))
    query = f"order_id={scenario.session['order_id']}&at_least={api.position()}"

    [row] = api.call("merchant", "GET", f"/v1/payment-sessions?{query}").json()["data"]

    assert row["paid"]["wallet_id"] == scenario.wallets["foreign"]
