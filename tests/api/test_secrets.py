"""Secrets are compared in constant time: by `hmac.compare_digest`, and only after that at all."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest

from api.tokens import BadToken, Tokens, Use
from api.v1.lists import read_cursor, write_cursor
from domain.errors import InvalidRequest
from domain.merchants.api_key import ApiKey, BearerKey, Role

AT = datetime(2026, 1, 1, tzinfo=UTC)
ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
KEY = BearerKey.make(mode="test", role=Role.AUDITOR, key_id=ID, random=b"k" * 32)
OTHER = BearerKey.make(mode="test", role=Role.AUDITOR, key_id=ID, random=b"o" * 32)
TOKENS, STRANGER = Tokens(b"s" * 32), Tokens(b"t" * 32)


def key_opens(*, ours: bool) -> bool:
    key = ApiKey.issue(key=KEY, holder_id="auditor", at=AT)
    return key.accepts(KEY if ours else OTHER)


def session_token_opens(*, ours: bool) -> bool:
    token = (TOKENS if ours else STRANGER).for_session(Use.LIVE, ID, AT)
    try:
        TOKENS.check_session(Use.LIVE, token, ID, AT)
    except BadToken:
        return False
    return True


def page_token_opens(*, ours: bool) -> bool:
    token, _ = (TOKENS if ours else STRANGER).for_page(ID, ID, AT)
    try:
        return TOKENS.check_page(token).wallet_id == ID
    except BadToken:
        return False


def cursor_is_ours(*, ours: bool) -> bool:
    try:
        return read_cursor(TOKENS, write_cursor(TOKENS if ours else STRANGER, 12)) == 12
    except InvalidRequest:
        return False


@pytest.mark.parametrize(
    "opens", [key_opens, session_token_opens, page_token_opens, cursor_is_ours]
)
def test_every_secret_is_compared_in_constant_time(
    opens: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[bool] = []
    real = hmac.compare_digest

    def counting(one: bytes, other: bytes) -> bool:
        compared.append(real(one, other))
        return compared[-1]

    monkeypatch.setattr(hmac, "compare_digest", counting)

    assert (opens(ours=True), opens(ours=False)) == (True, False)
    assert compared == [True, False]
