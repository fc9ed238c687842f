"""Static codes over HTTP: made, shown and revoked by their merchant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from application.commands.issue_key import IssueKey
from application.commands.issue_static_code import IssueStaticCode
from application.commands.register_merchant import RegisterMerchant
from application.commands.set_qr_settings import SetQrSettings
from domain import ids
from domain.merchants.api_key import SECRET_BYTES, BearerKey, Role
from domain.qr import emv_mpm, static_code
from domain.static_codes.texts import Format
from tests.end_to_end.test_program import wait_for
from tests.support.api_fixture import ApiFixture
from tests.support.memory_client import MemoryClient, memory_client
from tests.support.memory_keys import MemoryKeys
from tests.support.static_codes import OPEN_TERMS, QR

PUBLIC = "http://127.0.0.1:8080"
CODES = "/v1/static-codes"
BODY: dict[str, Any] = {
    "currency": "USD", "min": {"minor": 100, "currency": "USD"},
    "max": {"minor": 5000, "currency": "USD"}, "label": "Till 3",
}  # fmt: skip
FIXED = {"currency": "JPY", "amount": {"minor": 500, "currency": "JPY"}, "formats": ["url", "emv"]}


@pytest.fixture
def client() -> Iterator[MemoryClient]:
    with memory_client() as client:
        yield client


def set_qr(client: MemoryClient) -> None:
    ledger = client.api.ledger
    ledger.send(SetQrSettings(merchant_id=ledger.merchant_id, settings=QR))


def other_merchant(client: MemoryClient) -> str:
    """The key of another merchant."""
    ledger, merchant_id = client.api.ledger, client.api.ledger.new_id()
    ledger.send(RegisterMerchant(merchant_id=merchant_id, name="Shop", return_hosts=()))
    key = BearerKey.make(
        mode="test", role=Role.MERCHANT, key_id=ledger.new_id(), random=bytes(SECRET_BYTES)
    )
    ledger.send(IssueKey(key=key, holder_id=ids.encode("mer", merchant_id)))
    return key.text


def test_a_code_is_made_with_its_signed_address(client: MemoryClient) -> None:
    made = client.call("merchant", "POST", CODES, BODY)

    code = made.body
    assert made.status == 201
    assert made.headers["ledger-position"] == str(code["position"]) == str(client.head)
    assert code["object"] == "static_code"
    assert code["id"].startswith("sc_")
    assert code["merchant"] == {"id": client.api.ledger.merchant, "name": "Cafe"}
    assert (code["currency"], code["amount"], code["label"]) == ("USD", None, "Till 3")
    assert code["min"] == {"minor": 100, "currency": "USD", "exponent": 2, "display": "$1.00"}
    assert code["max"]["display"] == "$50.00"
    assert (code["status"], code["revoked_at"], code["key_id"]) == ("active", None, "K1")
    assert (code["formats"], code["payloads"]["emv"]) == (["url"], None)
    assert code["pictures"]["poster_pdf_url"] == f"{PUBLIC}/v1/static-codes/{code['id']}/poster.pdf"
    read = static_code.parse(code["payloads"]["url"], PUBLIC)
    read.check(client.api.code_keys.verify)
    assert ids.encode("sc", read.code_id) == code["id"]


def test_a_code_is_shown_as_it_was_made(client: MemoryClient) -> None:
    set_qr(client)
    code = client.call("merchant", "POST", CODES, FIXED).body

    for who in ("merchant", "auditor"):
        shown = client.call(who, "GET", f"{CODES}/{code['id']}")
        assert (shown.status, shown.body) == (200, code)
    assert emv_mpm.parse(code["payloads"]["emv"]).amount_minor == 500
    assert code["formats"] == ["url", "emv"]


def test_a_replay_has_the_same_texts_whatever_has_become_of_keys_and_settings(
    client: MemoryClient,
) -> None:
    set_qr(client)
    first = client.call("merchant", "POST", CODES, FIXED, key="k")
    client.api.code_keys.rotate("K2")
    client.api.code_keys.revoke("K1")
    ledger = client.api.ledger
    ledger.send(SetQrSettings(merchant_id=ledger.merchant_id, settings=replace(QR, name="Another")))

    again = client.call("merchant", "POST", CODES, FIXED, key="k")
    newer = client.call("merchant", "POST", CODES, FIXED)

    assert (again.status, again.body, again.replayed) == (201, first.body, True)
    assert (newer.body["key_id"], newer.body["payloads"] != first.body["payloads"]) == ("K2", True)


def test_an_emv_code_without_settings_is_refused_with_what_to_do(client: MemoryClient) -> None:
    before = client.head

    refused = client.call("merchant", "POST", CODES, FIXED)

    assert (refused.status, refused.body["code"]) == (422, "qr-settings-missing")
    assert f"qrledger merchants qr {client.api.ledger.merchant}" in refused.body["detail"]
    assert client.head == before


def test_a_code_is_revoked_once_and_stays_revoked(client: MemoryClient) -> None:
    code = client.call("merchant", "POST", CODES, BODY).body
    path = f"{CODES}/{code['id']}"

    first, again = (client.call("merchant", "DELETE", path) for _ in range(2))

    assert (first.status, first.body["status"], first.body["position"]) == (
        200, "revoked", client.head,
    )  # fmt: skip
    assert first.body["revoked_at"] == again.body["revoked_at"] is not None
    assert first.body["pictures"] is None
    assert again.body == first.body
    assert client.call("merchant", "GET", path).body == first.body


def test_codes_belong_to_their_merchant(client: MemoryClient) -> None:
    path = f"{CODES}/{client.call('merchant', 'POST', CODES, BODY).body['id']}"
    other, before = other_merchant(client), client.head

    for method in ("GET", "DELETE"):
        foreign = client.call(other, method, path)
        none = client.call(other, method, f"{CODES}/sc_{'0' * 26}")
        assert (foreign.status, foreign.body["code"]) == (404, "not-found")
        assert {**foreign.body, "request_id": ""} == {**none.body, "request_id": ""}
    for who in ("wallet", "operator"):
        assert client.call(who, "GET", path).status == 403
    assert client.call("auditor", "DELETE", path).status == 403
    assert client.head == before


AMOUNT = {"minor": 500, "currency": "USD"}


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("currency", {"currency": "HRK"}),
        ("currency", {"currency": "usd"}),
        ("amount.currency", {"amount": {"minor": 5, "currency": "EUR"}, "min": None, "max": None}),
        ("amount", {"amount": AMOUNT}),
        ("amount", {"amount": AMOUNT, "min": None}),
        ("min", {"min": {"minor": 5001, "currency": "USD"}}),
        ("min.minor", {"min": {"minor": 0, "currency": "USD"}}),
        ("max.minor", {"max": {"minor": 10**12, "currency": "USD"}}),
        ("max.currency", {"max": {"minor": 900, "currency": "EUR"}}),
        ("amount", {"amount": "5.00"}),
        ("label", {"label": "x" * 81}),
        ("label", {"label": "a\x00b"}),
        ("label", {"label": "\ud800"}),
        ("label", {"label": None}),
        ("formats", {"formats": []}),
        ("formats", {"formats": ["url", "url"]}),
        ("formats", {"formats": ["URL"]}),
        ("formats", {"formats": "url"}),
        ("formats", {"formats": ["url", "emv", "url"]}),
        ("other", {"other": 1}),
    ],
)
def test_an_invalid_field_is_named_and_records_nothing(
    client: MemoryClient, field: str, changes: dict[str, Any]
) -> None:
    before = client.head

    refused = client.call("merchant", "POST", CODES, {**BODY, **changes}, key="k")

    assert (refused.status, refused.body["code"]) == (400, "invalid-request")
    assert refused.body["invalid_params"][0]["name"].startswith(field)
    assert client.head == before


# The list is a read model, so it needs a database.


@pytest.mark.postgres
def test_codes_are_listed_page_by_page_and_by_merchant(api: ApiFixture) -> None:
    made = [_issue(api, 0), _issue(api, 0), _issue(api, 1)]
    wait_for(lambda: len(api.call("auditor", "GET", CODES).json().get("data", ())) == 3)

    page = api.call("merchant", "GET", f"{CODES}?limit=1&at_least={api.position()}").json()
    rest = api.call("merchant", "GET", f"{CODES}?limit=1&cursor={page['next_cursor']}").json()
    every = api.call("auditor", "GET", CODES).json()["data"]
    one = api.call("auditor", "GET", f"{CODES}?merchant={api.merchants[1]}").json()["data"]
    foreign = api.call("merchant", "GET", f"{CODES}?merchant={api.merchants[1]}")

    assert [code["id"] for code in page["data"] + rest["data"]] == [made[1], made[0]]
    assert rest["next_cursor"] is None
    assert [code["id"] for code in every] == made[::-1]
    assert [code["id"] for code in one] == [made[2]]
    assert foreign.status_code == 404
    shown = api.call("merchant", "GET", f"{CODES}/{made[0]}").json()
    assert rest["data"] == [shown]
    assert api.call("merchant", "DELETE", f"{CODES}/{made[0]}").json()["status"] == "revoked"


def _issue(api: ApiFixture, merchant: int) -> str:
    code_id: UUID = api.services.new_id()
    command = IssueStaticCode(
        code_id=code_id, merchant_id=ids.decode("mer", api.merchants[merchant]), terms=OPEN_TERMS,
        label="Till", formats=(Format.URL,), public_url=PUBLIC, key=MemoryKeys().current(),
    )  # fmt: skip
    api.admin.send(command)
    return ids.encode("sc", code_id)
