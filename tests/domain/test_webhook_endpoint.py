"""A merchant's webhook endpoints: what is recorded, and what is refused in which order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain import times
from domain.errors import InvalidRequest, LedgerError
from domain.merchants.errors import EndpointLimit, EndpointNotEnabled, ReplayLimit, SecretRotating
from domain.merchants.webhook_endpoint import (
    CALLBACK,
    ENDPOINTS_MAX,
    REPLAY_RUNS_MAX,
    REPLAYS_MAX,
    TYPES,
    WebhookEndpoints,
)
from domain.merchants.webhook_events import DisabledReason, Endpoint, EndpointStatus
from domain.merchants.webhook_url import check_webhook_url

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
MERCHANT = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
WHE = "whe_01h455vb4pex5vsknk084sn02q"
URL = "https://hooks.example/ledger"


def opened() -> WebhookEndpoints:
    return WebhookEndpoints.open(merchant_id=MERCHANT, at=AT)


def added(url: str = URL, *types: str) -> WebhookEndpoints:
    endpoints = opened()
    endpoints.add(endpoint_id=WHE, url=url, types=types or ("*",), loopback=False, at=AT)
    return endpoints


def one(endpoints: WebhookEndpoints) -> Endpoint:
    return endpoints.endpoints[WHE]


def topics(endpoints: WebhookEndpoints) -> list[str]:
    return [event.TOPIC.partition(".")[2] for event in endpoints.pending_events]  # type: ignore[attr-defined]


def refusal(kind: type[LedgerError], act: Any, *args: Any, **facts: Any) -> LedgerError:
    with pytest.raises(kind) as caught:
        act(*args, at=AT, **facts)
    return caught.value


def test_an_endpoint_is_added_and_takes_its_types() -> None:
    endpoints = added(URL, "payment_session.paid")

    assert one(endpoints).takes("payment_session.paid")
    assert not one(endpoints).takes("payment_session.created")
    assert one(added()).takes("a type of a later release")
    assert one(endpoints).secret.numbers(AT) == (1,)


@pytest.mark.parametrize("types", [[], ["x"], ["payment_session.paid"] * 2, ["*", ""]])
def test_types_are_known_and_named_once(types: list[str]) -> None:
    refusal(InvalidRequest, opened().add, endpoint_id=WHE, url=URL, types=types, loopback=False)


def test_only_what_differs_is_recorded() -> None:
    endpoints = added()
    unchanged: dict[str, Any] = {"url": URL, "types": ["*"], "status": EndpointStatus.ENABLED}

    endpoints.change(one(endpoints), **unchanged, loopback=False, at=AT)
    assert topics(endpoints) == ["opened", "added"]

    change: dict[str, Any] = {**unchanged, "url": f"{URL}/2", "status": EndpointStatus.PAUSED}
    endpoints.change(one(endpoints), **change, loopback=False, at=AT)
    assert topics(endpoints)[2:] == ["changed", "paused"]
    assert (one(endpoints).url, one(endpoints).status) == (f"{URL}/2", "paused")


def test_a_merchant_cannot_disable() -> None:
    endpoints = added()

    refusal(
        InvalidRequest, endpoints.change, one(endpoints), url=None, types=None,
        status=EndpointStatus.DISABLED, loopback=False,
    )  # fmt: skip


def test_the_ledger_disables_once_and_the_merchant_enables() -> None:
    endpoints = added()

    endpoints.disable(WHE, DisabledReason.GONE, at=AT)
    endpoints.disable(WHE, DisabledReason.FAILING, at=AT)
    endpoints.disable("whe_unknown", DisabledReason.GONE, at=AT)

    assert topics(endpoints)[2:] == ["disabled"]
    assert one(endpoints).disabled_reason == "gone"
    endpoints.change(
        one(endpoints), url=None, types=None, status=EndpointStatus.ENABLED, loopback=False, at=AT
    )
    assert one(endpoints).disabled_reason is None
    assert one(endpoints).takes("payment_session.paid")


def test_two_secrets_are_live_for_a_day_and_a_second_rotation_waits() -> None:
    endpoints = added()

    endpoints.rotate(one(endpoints), overlap_seconds=86_400, at=AT)

    secret, day = one(endpoints).secret, timedelta(days=1)
    assert secret.numbers(AT) == (2, 1)
    assert secret.numbers(AT + day - timedelta(microseconds=1)) == (2, 1)
    assert secret.numbers(AT + day) == (2,)
    error = refusal(SecretRotating, endpoints.rotate, one(endpoints), overlap_seconds=1)
    assert error.facts == {"previous_until": times.to_text(AT + day)}


def test_an_overlap_of_0_ends_every_older_secret_at_once() -> None:
    endpoints = added()
    endpoints.rotate(one(endpoints), overlap_seconds=86_400, at=AT)

    endpoints.rotate(one(endpoints), overlap_seconds=0, at=AT)

    assert one(endpoints).secret.numbers(AT) == (3,)


@pytest.mark.parametrize("seconds", [-1, 604_801])
def test_an_overlap_is_at_most_a_week(seconds: int) -> None:
    endpoints = added()

    refusal(InvalidRequest, endpoints.rotate, one(endpoints), overlap_seconds=seconds)
    refusal(InvalidRequest, endpoints.rotate_callback_secret, overlap_seconds=seconds)


def test_the_callback_secret_rotates_by_itself() -> None:
    endpoints = added()

    endpoints.rotate_callback_secret(overlap_seconds=60, at=AT)

    assert endpoints.callback_secret.numbers(AT) == (1, 0)
    assert one(endpoints).secret.numbers(AT) == (1,)


def test_nothing_is_asked_of_an_endpoint_that_is_not_enabled() -> None:
    endpoints = added()
    endpoints.disable(WHE, DisabledReason.FAILING, at=AT)
    again = {"subject_id": "ps_1", "event_version": 1}

    refusal(EndpointNotEnabled, endpoints.request_test, one(endpoints), test_id="evt_1")
    refusal(EndpointNotEnabled, endpoints.request_replay, one(endpoints), after=0, head=9)
    refusal(EndpointNotEnabled, endpoints.request_redelivery, WHE, **again)
    endpoints.remove(one(endpoints), at=AT)
    error = refusal(EndpointNotEnabled, endpoints.request_redelivery, WHE, **again)
    assert error.facts["endpoint_status"] == "deleted"
    endpoints.request_redelivery(CALLBACK, subject_id="ps_1", event_version=1, at=AT)
    assert topics(endpoints)[-1] == "redelivery_requested"


@pytest.mark.parametrize("after", [-1, 10])
def test_a_replay_begins_in_the_log(after: int) -> None:
    endpoints = added()

    refusal(InvalidRequest, endpoints.request_replay, one(endpoints), after=after, head=9)


def test_replays_that_run_are_limited_until_one_has_ended_or_a_day_has_passed() -> None:
    endpoints = added()
    for _ in range(REPLAYS_MAX):
        endpoints.request_replay(one(endpoints), after=0, head=9, at=AT)
    first, *others = endpoints.replays

    error = refusal(ReplayLimit, endpoints.request_replay, one(endpoints), after=0, head=9)
    endpoints.finish_replay(WHE, first, at=AT)
    endpoints.finish_replay(WHE, first, at=AT)

    assert (error.code, error.kind.transient) == ("replay-limit", True)
    assert list(endpoints.replays) == others
    assert topics(endpoints).count("replay_finished") == 1
    finished: Any = endpoints.pending_events[-1]
    assert (finished.endpoint_id, finished.requested_version) == (WHE, first)
    endpoints.request_replay(one(endpoints), after=0, head=9, at=AT)
    refusal(ReplayLimit, endpoints.request_replay, one(endpoints), after=0, head=9)
    endpoints.request_replay(one(endpoints), after=0, head=9, at=AT + REPLAY_RUNS_MAX)


def test_there_are_at_most_20() -> None:
    endpoints = opened()
    for number in range(ENDPOINTS_MAX):
        endpoints.add(endpoint_id=f"whe_{number}", url=URL, types=["*"], loopback=False, at=AT)

    facts = {"endpoint_id": WHE, "url": URL, "types": ["*"], "loopback": False}
    assert refusal(EndpointLimit, endpoints.add, **facts).facts == {"endpoints_max": 20}


def test_every_type_of_a_session_a_refund_and_a_payout_can_be_named() -> None:
    assert {"payment_session.created", "payment_session.paid", "refund.succeeded"} <= TYPES
    assert {"payout.requested", "payout.sent", "payout.settled", "payout.returned"} <= TYPES
    assert {one.partition(".")[0] for one in TYPES} >= {"payment_session", "refund", "payout"}


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "https://hooks.example",
        "https://hooks.example:8443/a?b=c",
        "https://xn--caf-dma.example/",
    ],
)
def test_a_public_https_url_is_accepted(url: str) -> None:
    check_webhook_url("url", url)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8000/", "http://localhost/", "https://[::1]:9/", "http://localhost:1/"],
)
def test_this_machine_needs_the_setting(url: str) -> None:
    check_webhook_url("url", url, loopback=True)
    with pytest.raises(InvalidRequest):
        check_webhook_url("url", url)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.2/", "http://10.0.0.1/", "http://hooks.example/", "ftp://127.0.0.1/",
     "http://a@127.0.0.1/", "http://127.0.0.1:0/", "http://0.0.0.0/", "http://2130706433/"],
)  # fmt: skip
def test_the_setting_opens_nothing_else(url: str) -> None:
    with pytest.raises(InvalidRequest):
        check_webhook_url("url", url, loopback=True)
