"""What payers get of an attempt: the wait, `next_action`, the refusals, and who may see what."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.tokens import Use
from application.commands.decline_attempt import DeclineAttempt
from application.commands.mark_attempt_unknown import MarkAttemptUnknown
from application.commands.void_attempt import VoidAttempt
from domain import ids
from domain.money.money import Money
from infrastructure.processors.terms import ConfiguredTerms
from tests.support.shop import ACTION, REDIRECT, TOKEN, Shop, shop

__all__ = ["shop"]


def answers(shop: Shop, monkeypatch: pytest.MonkeyPatch, word: Any) -> None:
    """The processor answers while the request waits."""
    monkeypatch.setattr("api.v1.attempt_answers.WAIT_SECONDS", 30.0)
    notes, of = shop.api.notes, shop.api.notes.of

    def once(attempt_id: str) -> Any:
        notes.of = of  # type: ignore[method-assign]
        found = of(attempt_id)
        word()
        return found

    notes.of = once  # type: ignore[method-assign]


def test_the_answer_waits_for_the_processor(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(shop, monkeypatch, shop.capture)

    reply = shop.start("merchant")

    assert (reply.status, reply.body["status"]) == (200, "paid")
    assert reply.body["paid"]["funding"] == "processor"
    assert reply.headers["ledger-position"] == str(shop.head)


def test_a_decline_within_the_wait_is_the_answer(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(shop, monkeypatch, lambda: shop.ledger.send(DeclineAttempt(**shop.about())))

    reply = shop.start("merchant")

    assert (reply.status, reply.body["code"]) == (402, "payment-declined")


@pytest.mark.parametrize("word", ["redirect", "silence"])
def test_nobody_waits_for_a_payer_or_for_silence(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    said = {
        "redirect": shop.redirect,
        "silence": lambda: shop.ledger.send(MarkAttemptUnknown(**shop.about())),
    }
    answers(shop, monkeypatch, said[word])

    reply = shop.start("merchant")

    assert (reply.status, reply.body["status"]) == (202, "processing")


def test_only_so_many_requests_wait(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.v1.attempt_answers.WAIT_SECONDS", 3600.0)
    monkeypatch.setattr("api.v1.attempt_answers.WAITING_MAX", 0)

    assert shop.start("merchant").status == 202


def test_a_replay_has_the_present_state_and_the_present_action(shop: Shop) -> None:
    shop.claim()
    first = shop.start("wallet", key="k")
    shop.redirect()
    second = shop.start("wallet", key="k")
    shop.capture()
    third = shop.start("wallet", key="k")

    assert [(r.status, r.body["next_action"], r.replayed) for r in (first, second, third)] == [
        (202, None, False), (202, ACTION, True), (200, None, True),
    ]  # fmt: skip


def test_the_action_of_a_wallets_attempt_is_for_its_wallet_only(shop: Shop) -> None:
    shop.claim()
    shop.start("wallet")
    shop.redirect()
    path = f"/v1/payment-sessions/{shop.id}"

    seen = {who: shop.call(who, "GET", path) for who in ("wallet", "merchant", "auditor")}

    assert {who: reply.body["next_action"] for who, reply in seen.items()} == {
        "wallet": ACTION, "merchant": None, "auditor": None,
    }  # fmt: skip
    checkout = shop.call("", "GET", f"/checkout/{shop.id}", query=f"token={shop.checkout_token}")
    assert checkout.body["next_action"] is None
    assert REDIRECT not in json.dumps(shop.call("auditor", "GET", f"{path}/events").body)


@pytest.mark.parametrize("place", ["query", "bearer"])
def test_a_checkout_screen_pays_with_the_sessions_token(shop: Shop, place: str) -> None:
    token = shop.checkout_token
    who, query = ("", f"token={token}") if place == "query" else (token, "")

    started = shop.start(who, query=query, key="k")
    shop.redirect()
    again = shop.start(who, query=query, key="k")

    assert (started.status, started.body["next_action"]) == (202, None)
    assert (again.status, again.body["next_action"], again.replayed) == (202, ACTION, True)
    hidden = {"claim", "paid", "metadata", "checkout_url", "fee"}
    assert not hidden & again.body.keys()
    shown = shop.call("", "GET", f"/checkout/{shop.id}", query=f"token={token}")
    assert shown.body["next_action"] == ACTION
    public = shop.call("", "GET", f"/q/{ids.encode_suffix(shop.session.id)}")
    assert "next_action" not in public.body
    merchant = shop.call("merchant", "GET", f"/v1/payment-sessions/{shop.id}")
    assert merchant.body["next_action"] is None
    by_merchant = shop.start("merchant")
    assert (by_merchant.status, by_merchant.body["next_action"]) == (202, None)


def test_no_other_token_begins_an_attempt(shop: Shop) -> None:
    session, tokens = shop.session, shop.api.services.tokens
    other = shop.ledger.new_id()
    wrong = [
        tokens.for_session(Use.LIVE, session.id, session.expires_at),
        tokens.for_session(Use.RETURN, session.id, session.expires_at),
        tokens.for_session(Use.CHECKOUT, other, session.expires_at),
        f"{shop.checkout_token}0",
        "a.b",
        "x" * 80,
    ]

    for token in wrong:
        assert shop.start(token).status == 401, token
        assert shop.start("", query=f"token={token}").status == 401, token
    assert shop.start("", query=f"token={shop.checkout_token}&token=x").status in {400, 401}
    assert shop.start("").status == 401
    assert not shop.session.attempts


def test_the_keys_of_two_sessions_screens_are_apart(shop: Shop) -> None:
    first = shop.start(shop.checkout_token, key="k")
    shop.api.session_id = ids.encode("ps", shop.ledger.create_session())
    second = shop.start(shop.checkout_token, key="k")

    assert (first.status, second.status, second.replayed) == (202, 202, False)


def test_what_a_processor_cannot_take_is_refused_before_anything_is_stored(shop: Shop) -> None:
    shop.api.session_id = ids.encode("ps", shop.ledger.create_session(amount=Money(1275, "USD")))
    before = shop.head

    first = shop.start("merchant", key="k")
    again = shop.start("merchant", key="k")

    assert (first.status, first.body["code"]) == (422, "amount-unsupported")
    assert (again.status, again.replayed) == (422, True)
    assert shop.head == before


def test_a_processor_that_rests_is_unavailable_and_says_for_how_long(shop: Shop) -> None:
    shop.api.rests["sandbox"] = 17
    refused = shop.start("merchant", key="k")
    shop.api.rests.clear()
    accepted = shop.start("merchant", key="k")

    assert (refused.status, refused.body["code"]) == (503, "processor-unavailable")
    assert refused.headers["retry-after"] == "17"
    assert accepted.status == 202


def test_refusals_come_in_the_order_of_the_contract(shop: Shop) -> None:
    shop.api.rests.update(sandbox=17, stripe=17)
    cancel = f"/v1/payment-sessions/{shop.id}/cancel"

    assert shop.start("merchant", {"processor": "psp"}).body["code"] == "processor-not-enabled"
    assert shop.start("other").status == 401
    shop.call("merchant", "POST", cancel)
    assert shop.start("merchant").body["code"] == "session-not-payable"


def test_the_sandbox_does_not_exist_in_a_live_ledger() -> None:
    terms = ConfiguredTerms("live", ["stripe"], lambda _name: 0)

    refused = terms.refusal("sandbox", Money(1000, "USD"), "")

    assert refused is not None
    assert (refused.code, refused.kind) == ("test-only", "forbidden")


def test_a_wallet_pays_by_a_source_whose_token_is_kept_beside_the_log(shop: Shop) -> None:
    claim = shop.claim()

    started = shop.pay(claim)

    assert started.status == 202, started.body
    assert shop.api.notes.of(shop.attempt_id).source == TOKEN
    attempt = shop.session.attempts[shop.attempt_id]
    assert (attempt.processor, attempt.funding) == ("stripe", "processor")
    assert attempt.wallet_id == shop.api.wallet_id
    stored = [one.event.__dict__ for one in shop.ledger.log.read(0, 1000)]
    assert TOKEN not in repr(stored)
    shop.capture()
    paid = shop.pay(claim, key="another")
    assert (paid.status, paid.body["paid"]["wallet_id"]) == (200, shop.api.wallet_id)


def test_a_source_is_kept_for_the_attempt_that_began_and_for_no_other(shop: Shop) -> None:
    claim = shop.claim()

    assert shop.pay(claim, claim_id=ids.encode("clm", shop.ledger.new_id())).status == 409
    assert not shop.api.notes.notes
    shop.pay(claim)
    assert shop.pay(claim).replayed
    other = {"processor": "sandbox", "token": "another"}
    assert shop.pay(claim, key="k2", source=other).status == 202
    assert [one.source for one in shop.api.notes.notes.values()] == [TOKEN]
    assert len(shop.session.attempts) == 1


@pytest.mark.parametrize(
    "source",
    [
        {"processor": "stripe", "token": ""},
        {"processor": "stripe", "token": "x" * 256},
        {"processor": "stripe", "token": "a\x00b"},
        {"processor": "stripe", "token": "a b"},
        {"processor": "", "token": "a"},
        {"processor": "stripe"},
        {"processor": "stripe", "token": "a", "more": 1},
        "stripe",
    ],
)
def test_a_malformed_source_is_refused_by_name(shop: Shop, source: Any) -> None:
    refused = shop.pay(shop.claim(), source=source)

    assert (refused.status, refused.body["code"]) == (400, "invalid-request")
    assert TOKEN not in json.dumps(refused.body)


def test_a_source_has_no_quote(shop: Shop) -> None:
    quote = ids.encode("quo", shop.ledger.new_id())

    refused = shop.pay(shop.claim(), quote_id=quote)

    assert (refused.status, refused.body["code"]) == (400, "invalid-request")


def test_another_way_voids_the_payers_own_attempt(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.start("merchant")
    first = shop.about()
    answers(shop, monkeypatch, lambda: shop.ledger.send(VoidAttempt(**first)))
    monkeypatch.setattr("api.v1.attempt_answers._is_answered", lambda *_: True)
    second = shop.start(shop.checkout_token, {"processor": "stripe"})

    assert second.status == 202, second.body
    assert shop.topics()[-3:] == [
        "attempt.void_requested", "payment_session.declined", "payment_session.processing",
    ]  # fmt: skip
    assert shop.session.attempts[shop.attempt_id].processor == "stripe"


def test_another_way_waits_for_the_processors_word(shop: Shop) -> None:
    shop.start("merchant")

    refused = shop.start("merchant", {"processor": "stripe"})

    assert (refused.status, refused.body["code"]) == (409, "payment-in-flight")
    assert shop.topics()[-1] == "attempt.void_requested"


def test_nobody_ends_the_attempt_of_another_payer(shop: Shop) -> None:
    shop.pay(shop.claim())

    for who in ("merchant", shop.checkout_token):
        refused = shop.start(who)
        assert (refused.status, refused.body["code"]) == (409, "payment-in-flight")
    assert "attempt.void_requested" not in shop.topics()


def test_a_payment_from_the_balance_after_a_decline_is_not_a_decline(shop: Shop) -> None:
    claim = shop.claim()
    shop.start("wallet")
    shop.ledger.send(DeclineAttempt(**shop.about()))
    assert shop.pay(claim, source=None).status == 200

    again = shop.start("wallet")

    assert (again.status, again.body["paid"]["funding"]) == (200, "wallet")
