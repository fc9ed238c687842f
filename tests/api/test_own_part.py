"""An app sees claims and payments of its own wallets only, a page its own wallet's only.

Two wallets of one app and one of another hold one session in turn; whoever held it once may go on
reading it, and is told nothing of the others.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api_fixture import ApiFixture

pytestmark = pytest.mark.postgres
PARTS = ("claim", "paid")
NONE = "not-found"


class Story:
    """One session, three wallets, and what each reader is shown of it."""

    def __init__(self, api: ApiFixture) -> None:
        self.api = api
        self.session = api.a_session()
        self.path = f"/v1/payment-sessions/{self.session['id']}"
        self.wallets = {
            "first": api.a_wallet(),
            "second": api.a_wallet(),
            "foreign": api.a_wallet(who="other_wallet"),
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
        """Per reader: whose claim or payment is shown, `nobody`, or the refusal's code."""
        names = {wallet: name for name, wallet in self.wallets.items()}
        found = {}
        for reader, key in self.readers.items():
            response = self.api.call(key, "GET", self.path)
            body: dict[str, Any] = response.json()
            shown = {name: part["wallet_id"] for name in PARTS if (part := body.get(name))}
            found[reader] = body.get("code") or names.get(shown.get(member, ""), "nobody")
            hidden = set(names) - set(shown.values())
            assert not any(wallet in response.text for wallet in hidden), reader
        return found


def expected(whose: str, *, app: str, other: str, pages: tuple[str, str, str]) -> dict[str, str]:
    first, second, foreign = pages
    shown = {"merchant": whose, "auditor": whose, "app": app, "other app": other}
    return {**shown, "first page": first, "second page": second, "foreign page": foreign}


def test_each_reader_is_told_its_own_part_of_a_claim(api: ApiFixture) -> None:
    story = Story(api)

    story.claim("first")
    assert story.seen("claim") == expected(
        "first", app="first", other=NONE, pages=("first", NONE, NONE)
    )

    story.release("first")
    nobody = expected("nobody", app="nobody", other=NONE, pages=("nobody", NONE, NONE))
    assert story.seen("claim") == nobody

    story.claim("foreign")
    assert story.seen("claim") == expected(
        "foreign", app="nobody", other="foreign", pages=("nobody", NONE, "foreign")
    )

    story.release("foreign")
    story.claim("second")
    assert story.seen("claim") == expected(
        "second", app="second", other="nobody", pages=("nobody", "second", "nobody")
    )


@pytest.mark.parametrize("payer", ["foreign", "second"])
def test_each_reader_is_told_its_own_part_of_a_payment(api: ApiFixture, payer: str) -> None:
    story = Story(api)
    story.claim("first")
    story.release("first")
    story.pay(payer, story.claim(payer))

    page = {"second": NONE, "foreign": NONE, payer: payer}
    assert story.seen("paid") == expected(
        payer,
        app=payer if payer == "second" else "nobody",
        other=payer if payer == "foreign" else NONE,
        pages=("nobody", page["second"], page["foreign"]),
    )
    assert set(story.seen("claim").values()) == {"nobody", NONE}
    again = api.scan(story.session, story.wallets[payer], who=story.app_of(payer))
    assert again.json()["paid"]["wallet_id"] == story.wallets[payer]
    late = api.scan(story.session, story.wallets["first"])
    assert late.json()["code"] == "session-not-payable"
    assert story.wallets[payer] not in late.text


def test_a_claim_that_was_taken_over_is_the_new_holders_alone(api: ApiFixture) -> None:
    config = api.services.config
    object.__setattr__(config, "claim_seconds", 1)
    try:
        story = Story(api)
        story.claim("first")
        taken = ""
        while not taken:  # until the ledger's own clock has passed the lease's end
            response = api.scan(story.session, story.wallets["foreign"], who="other_wallet")
            taken = "" if response.status_code == 409 else response.json()["claim"]["wallet_id"]
            assert story.wallets["first"] not in response.text
    finally:
        object.__setattr__(config, "claim_seconds", 90)

    assert story.seen("claim") == expected(
        "foreign", app="nobody", other="foreign", pages=("nobody", NONE, "foreign")
    )


def test_the_merchants_list_shows_every_claim_and_payment(api: ApiFixture) -> None:
    story = Story(api)
    story.pay("foreign", story.claim("foreign"))
    query = f"order_id={story.session['order_id']}&at_least={api.position()}"

    [row] = api.call("merchant", "GET", f"/v1/payment-sessions?{query}").json()["data"]

    assert row["paid"]["wallet_id"] == story.wallets["foreign"]
