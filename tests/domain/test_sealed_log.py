"""The log's own stream: origin, keys, restarts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from domain.errors import InvalidRequest
from domain.sealing.errors import LogKeyRefused
from domain.sealing.sealed_log import (
    KEYS_MAX,
    STREAM_ID,
    LogKey,
    SealedLog,
    make_origin,
)
from tests.support.aggregates import fact, given
from tests.support.golden_facts import LOG_KEY, LOG_ORIGIN

NOW = datetime(2026, 5, 1, tzinfo=UTC)
OPENED = fact(SealedLog.Opened, NOW, origin=LOG_ORIGIN, leaf_format=1)
ADDED = fact(SealedLog.KeyAdded, NOW, origin=LOG_ORIGIN, **LOG_KEY)
RETIRED = fact(SealedLog.KeyRetired, NOW, origin=LOG_ORIGIN, **LOG_KEY, size=812, reason="rotated")
KEY_ID, VKEY = LOG_KEY["key_id"], LOG_KEY["vkey"]
OTHER = "pay.example/live/01890a5d-ac96-774b-bcce-b302099a8058"
ROOT = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
RESTART: dict[str, Any] = {
    "origin": OTHER, "old_size": 812, "old_root": ROOT, "common_size": 790, "reason": "a restored backup",
}  # fmt: skip


def add(**facts: str) -> Callable[[SealedLog], None]:
    return lambda log: log.add_key(**{**LOG_KEY, **facts}, at=NOW)


def retire(**facts: Any) -> Callable[[SealedLog], None]:
    given_facts = {"key_id": KEY_ID, "size": 812, "reason": "rotated", **facts}
    return lambda log: log.retire_key(**given_facts, at=NOW)


def restart(**facts: Any) -> Callable[[SealedLog], None]:
    return lambda log: log.restart(**{**RESTART, **facts}, at=NOW)


def test_the_origin_is_host_mode_and_ledger() -> None:
    ledger = UUID("01890a5d-ac96-774b-bcce-b302099a8057")

    assert make_origin("pay.example", "live", ledger) == LOG_ORIGIN
    assert make_origin("127.0.0.1:8080", "test", ledger).startswith("127.0.0.1:8080/test/")


@pytest.mark.parametrize(
    "host",
    ["", "Pay.example", "pay example", "pay+example", "pay.example/x", "pay.example\n", "ра"],
)
def test_a_host_that_is_no_host_makes_no_origin(host: str) -> None:
    with pytest.raises(InvalidRequest):
        make_origin(host, "live", STREAM_ID)


def test_opening_fixes_the_origin() -> None:
    given().when(lambda _: SealedLog.open(origin=LOG_ORIGIN, at=NOW)).then(OPENED)


@pytest.mark.parametrize("origin", ["", "pay.example", LOG_ORIGIN + "\n", LOG_ORIGIN.upper()])
def test_no_other_origin_opens_a_log(origin: str) -> None:
    refusal = InvalidRequest.of("log_origin", "is malformed")

    given().when(lambda _: SealedLog.open(origin=origin, at=NOW)).then(refusal)


def test_a_key_is_added_once() -> None:
    scenario = given(OPENED).when(add()).then(ADDED)

    assert scenario.aggregate.signing == [LogKey(KEY_ID, VKEY)]
    given(OPENED, ADDED).when(add()).then()


def test_a_key_of_another_origin_or_id_is_refused() -> None:
    given(OPENED).when(add(vkey=VKEY.replace("pay.", "pal."))).then(
        InvalidRequest.of("vkey", "must have the origin as its name")
    )
    given(OPENED).when(add(key_id="0b5c5a6f")).then(
        InvalidRequest.of("vkey", "must have the origin as its name")
    )
    given(OPENED).when(add(key_id="0B5C5A6E")).then(InvalidRequest.of("key_id", "is malformed"))
    given(OPENED).when(add(vkey=VKEY + "\n")).then(InvalidRequest.of("vkey", "is malformed"))


def test_another_key_of_the_same_id_and_a_retired_one_are_refused() -> None:
    refusal = LogKeyRefused(key_id=KEY_ID, reason="a key of this id was added before")

    given(OPENED, ADDED).when(add(vkey=VKEY[:-4] + "AAAA")).then(refusal)
    given(OPENED, ADDED, RETIRED).when(add()).then(refusal)


def test_a_log_has_at_most_a_thousand_keys() -> None:
    keys = [
        fact(SealedLog.KeyAdded, NOW, origin=LOG_ORIGIN, key_id=f"{n:08x}", vkey=f"{LOG_ORIGIN}+{n:08x}+AAAA")
        for n in range(KEYS_MAX)
    ]  # fmt: skip
    refusal = LogKeyRefused(key_id=KEY_ID, reason="the log has had 1000 keys")

    given(OPENED, *keys).when(add()).then(refusal)


def test_a_key_is_retired_once_at_a_size() -> None:
    scenario = given(OPENED, ADDED).when(retire()).then(RETIRED)

    assert scenario.aggregate.signing == []
    assert scenario.aggregate.keys[KEY_ID].retired_at_size == 812
    given(OPENED, ADDED, RETIRED).when(retire(size=900)).then()


def test_retiring_is_refused_in_order() -> None:
    unknown = LogKeyRefused(key_id="ffffffff", reason="the log has no such key")
    given(OPENED, ADDED).when(retire(size=-1, reason="")).then(
        InvalidRequest.of("size", "may not be negative")
    )
    given(OPENED, ADDED).when(retire(key_id="ffffffff", reason="")).then(
        InvalidRequest.of("reason", "must have 1 to 500 characters")
    )
    given(OPENED, ADDED).when(retire(key_id="ffffffff")).then(unknown)


def test_a_restart_changes_the_origin_and_leaves_no_key_in_use() -> None:
    restarted = fact(SealedLog.Restarted, NOW, old_origin=LOG_ORIGIN, **RESTART)

    scenario = given(OPENED, ADDED).when(restart()).then(restarted)

    assert scenario.aggregate.origin == OTHER
    assert scenario.aggregate.signing == []


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"origin": LOG_ORIGIN}, "log_origin"),
        ({"origin": "x"}, "log_origin"),
        ({"common_size": 813}, "common_size"),
        ({"common_size": -1}, "common_size"),
        ({"old_root": "AAAA"}, "old_root"),
        ({"reason": ""}, "reason"),
        ({"reason": "r" * 501}, "reason"),
        ({"reason": "a\x00"}, "reason"),
    ],
)
def test_a_restart_that_says_nothing_is_refused(facts: dict[str, Any], name: str) -> None:
    log: Any = SealedLog.open(origin=LOG_ORIGIN, at=NOW)

    with pytest.raises(InvalidRequest) as refusal:
        restart(**facts)(log)

    assert refusal.value.facts["invalid_params"][0]["name"] == name  # type: ignore[index]
