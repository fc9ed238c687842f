"""Page tokens: valid as long as their key, for one wallet; tokens of earlier releases."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from api.http.authentication import CACHE_SECONDS
from api.tokens import PAGE_TOKEN_LIFETIME, BadToken, Tokens, Use
from application.commands.revoke_key import RevokeKey
from domain import ids
from domain.merchants.api_key import Role
from tests.support.api_fixture import ApiFixture

SECRET = b"s" * 32
TOKENS = Tokens(SECRET)
NOW = datetime(2026, 5, 1, tzinfo=UTC)


def until_refused(request: Callable[[], int]) -> None:
    """Repeat a request until its status is 401: after a second, or later on a busy machine."""
    started = time.monotonic()
    while request() != 401:
        assert time.monotonic() - started < 10 * CACHE_SECONDS


@pytest.mark.postgres
def test_a_revoked_key_ends_its_tokens_but_not_those_of_the_holders_other_key(
    api: ApiFixture,
) -> None:
    wallet, session = api.open_wallet(), api.create_session()
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
def test_a_token_that_names_no_key_is_refused(api: ApiFixture) -> None:
    wallet, app = (ids.decode_suffix(text[4:]) for text in (api.open_wallet(), api.apps[0]))
    until = int((api.services.log.now() + PAGE_TOKEN_LIFETIME).timestamp())
    parts = ["page", ids.encode_suffix(wallet), ids.encode_suffix(app), str(until)]
    data = b"".join(len(part).to_bytes(4, "big") + part.encode() for part in parts)
    mac = hmac.digest(SECRET, data, "sha256").hex()[:32]
    old = f"qrw_{parts[1]}_{parts[2]}_{until:x}_{mac}"

    response = api.call(old, "GET", f"/v1/wallets/{ids.encode('wal', wallet)}")

    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")


@pytest.mark.postgres
@pytest.mark.parametrize("case", ["unknown key", "no wallet app's key", "expired"])
def test_an_authentic_token_is_refused_if_its_key_or_its_time_is_not_valid(
    api: ApiFixture, case: str
) -> None:
    wallet = api.open_wallet()
    roles = {"unknown key": "unknown", "no wallet app's key": "merchant", "expired": "wallet"}
    key = api.keys.get(roles[case], f"qrl_test_wallet_{ids.encode_suffix(uuid7())}_")
    age = PAGE_TOKEN_LIFETIME if case == "expired" else timedelta()
    token, _ = api.services.tokens.for_page(
        ids.decode("wal", wallet),
        ids.decode_suffix(key.split("_")[3]),
        api.services.log.now() - age,
    )

    assert api.call(token, "GET", f"/v1/wallets/{wallet}").status_code == 401


def test_a_token_names_its_wallet_and_its_key_and_every_character_is_authenticated() -> None:
    wallet, key = uuid7(), uuid7()
    token, until = TOKENS.for_page(wallet, key, NOW)

    holder = TOKENS.check_page(token)

    assert (holder.wallet_id, holder.key_id, holder.expires_at) == (wallet, key, until)
    assert until == NOW + PAGE_TOKEN_LIFETIME
    for place in range(len(token)):
        forged = token[:place] + ("1" if token[place] != "1" else "2") + token[place + 1 :]
        with pytest.raises(BadToken):
            TOKENS.check_page(forged)


@pytest.mark.parametrize(
    ("use", "token"),
    [
        (Use.CHECKOUT, "69f3fb10.b8a37b4a1fd4df1dd8d3228d360099e0"),
        (Use.LIVE, "69f3fb10.ab7862a093a2cc63c6854bf172de22f7"),
        (Use.WATCH, "69f3fb10.a3c9a0e0b2ce90add9531e0ff1cad6b2"),
    ],
)
def test_session_tokens_are_the_ones_of_earlier_releases(use: Use, token: str) -> None:
    session = UUID("01890000-0000-7000-8000-000000000001")

    assert TOKENS.for_session(use, session, NOW) == token
    TOKENS.check_session(use, token, session, NOW)
    for other in set(Use) - {use}:
        with pytest.raises(BadToken):
            TOKENS.check_session(other, token, session, NOW)


def test_page_tokens_and_cursors_are_the_ones_of_earlier_releases() -> None:
    wallet = UUID("01890000-0000-7000-8000-000000000002")
    key = UUID("01890000-0000-7000-8000-000000000003")
    token, _ = TOKENS.for_page(wallet, key, NOW)

    assert token == (
        "qrw_01h4000000e008000000000002_01h4000000e008000000000003_69f3f084_"
        "2feaf3d4bca99182d2021e3b45cd0462"
    )
    assert TOKENS.for_cursor("42") == "cc7989ea1cfc"
