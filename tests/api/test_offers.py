"""Signed offers and the published keys, as a wallet app checks them with another library."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from api.v1.code_keys import CACHE_SECONDS
from application.commands.cancel_session import CancelSession
from domain import ids, times
from tests.support.memory_api import MemoryApi, Pairs, http_scope, respond

KEYS_PATH = "/.well-known/qrledger-keys.json"
JOSE = (b"accept", b"application/jose")
BROWSER = b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


class Response:
    def __init__(self, messages: list[dict[str, Any]]) -> None:
        start, body = messages
        self.status: int = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}
        self.body: bytes = body["body"]

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["code"])


class Wallet:
    """A wallet app: it reads addresses and trusts nothing but the key set."""

    def __init__(self) -> None:
        self.api = MemoryApi()
        self.code = self.api.session_id.removeprefix("ps_")

    def get(self, path: str, *headers: tuple[bytes, bytes]) -> Response:
        pairs: Pairs = [(b"host", b"x"), *headers]
        return Response(asyncio.run(respond(self.api.app, http_scope("GET", path, "", pairs))))

    def offer(self) -> bytes:
        answer = self.get(f"/q/{self.code}", JOSE)
        assert answer.status == 200, answer.body
        return answer.body

    def key_set(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get(KEYS_PATH).body)
        return found

    def known_keys(self) -> KeySet:
        return KeySet.import_key_set(self.key_set())  # type: ignore[arg-type]

    def read(self, offer: bytes, keys: KeySet | None = None) -> Any:
        """The offer's payload.

        Raises:
            JoseError: it is not signed by a key of the set.
        """
        known = keys or self.known_keys()
        return json.loads(jws.deserialize_compact(offer, known, algorithms=["Ed25519"]).payload)


@pytest.fixture
def wallet() -> Wallet:
    return Wallet()


def test_a_wallet_reads_the_offer_with_the_key_set_alone(wallet: Wallet) -> None:
    answer = wallet.get(f"/q/{wallet.code}", JOSE)

    shown = json.loads(wallet.get(f"/q/{wallet.code}").body)
    assert wallet.read(answer.body) == {
        "iss": wallet.api.services.config.public_url,
        "session_id": wallet.api.session_id,
        "payee": {"id": wallet.api.ledger.merchant, "name": "Cafe"},
        "amount": {"minor": 1000, "currency": "USD", "exponent": 2},
        "description": shown["description"],
        "status": "created",
        "expires_at": shown["expires_at"],
        "served_at": shown["server_time"],
        "revision": shown["version"],
    }
    assert answer.headers["content-type"] == "application/jose"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["vary"] == "Accept"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "etag" not in answer.headers


def test_every_bit_of_an_offer_counts(wallet: Wallet) -> None:
    offer, keys = wallet.offer(), wallet.known_keys()
    assert wallet.read(offer, keys)

    for position in range(len(offer)):
        for bit in range(8):
            changed = bytearray(offer)
            changed[position] ^= 1 << bit

            with pytest.raises((JoseError, ValueError)):
                wallet.read(bytes(changed), keys)


def test_offers_of_a_retired_key_stay_valid_and_new_ones_name_the_new_key(wallet: Wallet) -> None:
    before = wallet.offer()

    wallet.api.code_keys.rotate("K2")

    after = wallet.offer()
    assert wallet.read(before) == wallet.read(after)
    assert jws.extract_compact(after).headers()["kid"] == "K2"


def test_offers_of_a_revoked_key_are_refused_even_by_who_does_not_know_of_revocation(
    wallet: Wallet,
) -> None:
    offer = wallet.offer()

    wallet.api.code_keys.revoke("K1")

    with pytest.raises(JoseError):
        wallet.read(offer)
    assert wallet.read(wallet.offer())


def test_every_offer_states_when_it_was_served_and_one_that_is_over_is_expired(
    wallet: Wallet,
) -> None:
    log = wallet.api.ledger.log
    first = wallet.read(wallet.offer())
    seen = []

    for _ in range(3):
        log.advance(300)  # type: ignore[attr-defined]
        payload = wallet.read(wallet.offer())
        seen.append((payload["served_at"], payload["status"], payload["revision"]))

    served = [
        datetime.fromisoformat(first["served_at"]) + timedelta(minutes=n) for n in (5, 10, 15)
    ]
    assert seen == [
        (times.to_text(at), status, 1)
        for at, status in zip(served, ("created", "created", "expired"), strict=True)
    ]


def test_an_offer_of_a_session_that_has_ended_says_so(wallet: Wallet) -> None:
    ledger = wallet.api.ledger
    session = ids.decode("ps", wallet.api.session_id)
    ledger.send(CancelSession(session_id=session, merchant_id=ledger.merchant, by="merchant"))

    payload = wallet.read(wallet.offer())

    assert (payload["status"], payload["revision"]) == ("cancelled", 2)


def test_the_address_answers_whom_it_is_asked_by(wallet: Wallet) -> None:
    path = f"/q/{wallet.code}"

    kinds = [
        wallet.get(path, *headers).headers["content-type"].partition(";")[0]
        for headers in (
            (), ((b"accept", b"*/*"),), ((b"accept", BROWSER),), (JOSE,),
            (JOSE, (b"accept", b"application/json;q=0.9")),
            ((b"accept", b"application/json"), (b"accept", b"application/jose;q=0.9")),
            ((b"accept", b"\xff\x00;q="),),
        )
    ]  # fmt: skip

    assert kinds == [
        "application/json", "application/json", "text/html", "application/jose",
        "application/jose", "application/json", "application/json",
    ]  # fmt: skip
    for accept in (b"*/*", BROWSER, b"application/jose"):
        assert "Accept" in wallet.get(path, (b"accept", accept)).headers["vary"].split(", ")


@pytest.mark.parametrize("code", ["0" * 26, "x", "%00", "\u212a" * 26])
def test_an_unknown_address_is_a_problem_document(wallet: Wallet, code: str) -> None:
    answer = wallet.get(f"/q/{code}", JOSE)

    assert (answer.status, answer.code) == (404, "not-found")


def test_without_a_signing_key_only_offers_are_refused(wallet: Wallet) -> None:
    wallet.api.code_keys.lose()

    refused = wallet.get(f"/q/{wallet.code}", JOSE)

    assert (refused.status, refused.code) == (503, "signing-unavailable")
    assert refused.headers["retry-after"] == "1"
    assert wallet.get(f"/q/{wallet.code}").status == 200
    assert wallet.get(f"/q/{wallet.code}", (b"accept", BROWSER)).status == 200
    assert wallet.key_set() == {"keys": [], "revoked_keys": []}


def test_the_key_set_lists_every_key_with_its_times(wallet: Wallet) -> None:
    wallet.api.code_keys.rotate("K2")
    wallet.api.code_keys.rotate("K3")
    wallet.api.code_keys.revoke("K2")

    found = wallet.key_set()

    common = {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "Ed25519"}
    made = 1_793_491_200  # 2026-11-01, the time of every key in memory
    listed = [*found["keys"], *found["revoked_keys"]]
    assert [{k: v for k, v in key.items() if k != "x"} for key in listed] == [
        {**common, "kid": "K1", "iat": made, "retired_at": made},
        {**common, "kid": "K3", "iat": made},
        {**common, "kid": "K2", "iat": made, "retired_at": made, "revoked": {"revoked_at": made}},
    ]
    assert all(len(key["x"]) == 43 and "d" not in key for key in listed)


def test_the_key_set_may_be_kept_for_a_minute_and_has_an_etag(wallet: Wallet) -> None:
    first = wallet.get(KEYS_PATH)
    etag = first.headers["etag"].encode()

    assert first.headers["cache-control"] == f"public, max-age={CACHE_SECONDS}"
    for known in (etag, b"W/" + etag, b'"x", ' + etag, b"*"):
        same = wallet.get(KEYS_PATH, (b"if-none-match", known))
        assert (same.status, same.body) == (304, b"")
        assert same.headers["etag"].encode() == etag

    wallet.api.code_keys.revoke("K1")

    changed = wallet.get(KEYS_PATH, (b"if-none-match", etag))
    assert changed.status == 200
    assert changed.headers["etag"].encode() != etag
