"""A page token ends with the key that minted it, and never acts for another wallet."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from uuid_utils.compat import uuid7

from api.http.authentication import CACHE_SECONDS
from api.tokens import PAGE_TOKEN_LIFETIME, BadToken, Tokens
from application.commands.revoke_key import RevokeKey
from domain import ids
from domain.merchants.api_key import Role
from tests.support.api_fixture import ApiFixture

SECRET = b"s" * 32
TOKENS = Tokens(SECRET)
NOW = datetime(2026, 5, 1, tzinfo=UTC)


def until_refused(ask: Callable[[], int]) -> None:
    """Ask until 401 is the answer: after a second, and a machine's pause at most."""
    started = time.monotonic()
    while ask() != 401:
        assert time.monotonic() - started < 10 * CACHE_SECONDS


@pytest.mark.postgres
def test_a_token_ends_with_its_key_and_the_holders_other_key_keeps_its_own(api: ApiFixture) -> None:
    wallet, session = api.a_wallet(), api.a_session()
    rotated = api.admin.issue_key(Role.WALLET, api.apps[0])
    tokens = [
        api.call(key, "POST", f"/v1/wallets/{wallet}/tokens").json()["token"]
        for key in (rotated.text, "wallet")
    ]
    claim = api.scan(session, wallet, who=tokens[0]).json()["claim"]["id"]

    api.admin.send(RevokeKey(key_id=rotated.key_id))
    until_refused(lambda: api.call(tokens[0], "GET", f"/v1/wallets/{wallet}").status_code)

    head = api.position()
    refused = api.pay(session, wallet, claim, who=tokens[0])
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
    assert "WWW-Authenticate" in refused.headers
    assert api.position() == head
    assert api.pay(session, wallet, claim, who=tokens[1]).status_code == 200


@pytest.mark.postgres
def test_a_token_of_the_version_before_that_names_no_key_is_refused(api: ApiFixture) -> None:
    wallet, app = (ids.decode_suffix(text[4:]) for text in (api.a_wallet(), api.apps[0]))
    until = int((api.services.log.now() + PAGE_TOKEN_LIFETIME).timestamp())
    parts = ["page", ids.encode_suffix(wallet), ids.encode_suffix(app), str(until)]
    data = b"".join(len(part).to_bytes(4, "big") + part.encode() for part in parts)
    mac = hmac.digest(SECRET, data, "sha256").hex()[:32]
    old = f"qrw_{parts[1]}_{parts[2]}_{until:x}_{mac}"

    response = api.call(old, "GET", f"/v1/wallets/{ids.encode('wal', wallet)}")

    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")


@pytest.mark.postgres
@pytest.mark.parametrize("case", ["unknown key", "no wallet app's key", "expired"])
def test_a_token_that_is_ours_is_refused_when_its_key_or_time_is_not_good(
    api: ApiFixture, case: str
) -> None:
    wallet = api.a_wallet()
    roles = {"unknown key": "unknown", "no wallet app's key": "merchant", "expired": "wallet"}
    key = api.keys.get(roles[case], f"qrl_test_wallet_{ids.encode_suffix(uuid7())}_")
    age = PAGE_TOKEN_LIFETIME if case == "expired" else timedelta()
    token, _ = api.services.tokens.for_page(
        ids.decode("wal", wallet),
        ids.decode_suffix(key.split("_")[3]),
        api.services.log.now() - age,
    )

    assert api.call(token, "GET", f"/v1/wallets/{wallet}").status_code == 401


def test_a_token_names_its_wallet_and_its_key_and_every_part_is_signed() -> None:
    wallet, key = uuid7(), uuid7()
    token, until = TOKENS.for_page(wallet, key, NOW)

    holder = TOKENS.check_page(token)

    assert (holder.wallet_id, holder.key_id, holder.expires_at) == (wallet, key, until)
    assert until == NOW + PAGE_TOKEN_LIFETIME
    for place in range(len(token)):
        forged = token[:place] + ("1" if token[place] != "1" else "2") + token[place + 1 :]
        with pytest.raises(BadToken):
            TOKENS.check_page(forged)
