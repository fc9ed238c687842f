"""Push: payers hear of the end of their payments, each device by itself, and nobody else pays for it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from application.commands.cancel_session import CancelSession
from application.commands.decline_attempt import DeclineAttempt
from application.commands.set_processors import SetProcessors
from application.commands.start_attempt import StartAttempt
from application.errors import SigningUnavailable
from application.ports.push import FCM, PushMessage, PushOutcome, PushSent, PushSubscription
from application.processes.push import LIFETIME, REFUND_LIFETIME, RETRIED_FOR, topic
from domain import ids
from domain.money.money import Money
from domain.sessions.state import Funding
from tests.support.memory_push import ACCEPTED
from tests.support.push_fixture import PushFixture
from tests.support.task_fixture import STEPS

LATER = PushSent(PushOutcome.LATER, "answered 503")
GONE = PushSent(PushOutcome.GONE, "answered 410")
REFUSED = PushSent(PushOutcome.REFUSED, "answered 403")


@pytest.mark.parametrize("step", ["", *STEPS])
def test_a_payer_hears_of_a_payment_wherever_the_worker_dies(step: str) -> None:
    fixture = PushFixture()
    phone = fixture.subscribe()

    session_id = fixture.pay()
    fixture.run(120, kill_at=step)

    assert set(fixture.told) == {("phone", "payment_session.paid")}
    assert len(fixture.told) == (2 if step == "sent" else 1)
    message = fixture.web.sent[0]
    session = ids.encode("ps", session_id)
    assert message.session_id == session
    assert message.path == f"/q/{session.removeprefix('ps_')}"
    assert (message.text.title, message.text.body) == ("Paid", "\u2068Cafe\u2069 has your payment.")
    assert message.topic == topic(phone, session)
    assert (message.lifetime, message.urgent) == (LIFETIME, True)
    assert not fixture.store.rows


def test_every_device_is_told_and_no_other_wallet() -> None:
    fixture = PushFixture()
    other = fixture.ledger.open_wallet()
    fixture.subscribe("phone")
    fixture.subscribe("tablet", transport=FCM)
    fixture.subscribe("stranger", wallet=other)

    fixture.pay()
    fixture.run()

    assert [one.subscription.target["name"] for one in fixture.web.sent] == ["phone"]
    assert [one.subscription.target["name"] for one in fixture.fcm.sent] == ["tablet"]


def test_wallets_without_subscriptions_cost_one_look_for_each_page_and_no_task() -> None:
    fixture = PushFixture()

    for _ in range(5):
        fixture.pay()
    fixture.worker.follow()

    assert fixture.subscriptions.looked_up == [{ids.encode("wal", fixture.wallet_id)}]
    assert not fixture.store.rows


def test_pages_without_a_payer_are_not_looked_up() -> None:
    fixture = PushFixture()

    for _ in range(3):
        fixture.ledger.send(fixture.ledger.cancel(fixture.ledger.create_session()))
    fixture.worker.follow()

    assert fixture.subscriptions.looked_up == []


def test_a_refund_is_told_and_kept_for_a_day() -> None:
    fixture = PushFixture()
    fixture.subscribe(amounts=True, language="pt-BR")
    session_id = fixture.pay()

    fixture.ledger.send(fixture.ledger.refund(session_id, Money(250, "USD"), earned=1000))
    fixture.run()

    paid, refunded = fixture.web.sent
    assert refunded.kind.value == "refund.succeeded"
    assert (refunded.lifetime, refunded.urgent) == (REFUND_LIFETIME, False)
    assert paid.text.language == refunded.text.language == "pt-BR"
    assert "US$ 10,00" in paid.text.body
    assert "US$ 2,50" in refunded.text.body
    assert paid.topic == refunded.topic


def test_no_text_names_an_amount_unless_the_payer_wants_it() -> None:
    fixture = PushFixture()
    fixture.subscribe()
    session_id = fixture.pay()

    fixture.ledger.send(fixture.ledger.refund(session_id, Money(250, "USD"), earned=1000))
    fixture.run()

    for one in fixture.web.sent:
        assert not any(character.isdigit() for character in one.text.title + one.text.body)


def test_a_session_that_ends_while_it_is_claimed_is_told() -> None:
    fixture = PushFixture()
    fixture.subscribe()
    expired, cancelled, released, taken = (fixture.ledger.create_session() for _ in range(4))
    for session_id in (expired, cancelled, released):
        fixture.ledger.claim_session(session_id, fixture.wallet_id)
    fixture.ledger.claim_session(taken, fixture.ledger.open_wallet())
    fixture.log.clock += timedelta(seconds=91)
    fixture.ledger.claim_session(released, fixture.ledger.open_wallet())

    fixture.ledger.send(fixture.ledger.cancel(cancelled))
    fixture.run()
    fixture.log.clock += timedelta(seconds=900)
    for session_id in (expired, released, taken):
        fixture.ledger.send(fixture.ledger.expire(session_id))
    fixture.run()

    sessions = [(one.session_id, one.text.title) for one in fixture.web.sent]
    assert sorted(sessions) == sorted(
        [(ids.encode("ps", cancelled), "Cancelled"), (ids.encode("ps", expired), "Expired")]
    )
    assert all("not charged" in one.text.body for one in fixture.web.sent)


def test_a_payer_is_not_told_what_the_payer_did() -> None:
    fixture = PushFixture()
    fixture.subscribe()
    session_id = fixture.ledger.create_session()
    fixture.ledger.claim_session(session_id, fixture.wallet_id)

    fixture.ledger.send(
        CancelSession(session_id=session_id, merchant_id=fixture.ledger.merchant, by="payer")
    )
    fixture.run()

    assert fixture.told == []


def test_a_declined_attempt_is_told() -> None:
    fixture = PushFixture()
    fixture.subscribe()
    ledger = fixture.ledger
    ledger.send(SetProcessors(merchant_id=ledger.merchant_id, processors=("sandbox",)))
    session_id = ledger.create_session()
    claim = ledger.claim_session(session_id, fixture.wallet_id)
    attempt_id = ledger.new_id()
    ledger.send(
        StartAttempt(
            attempt_id=attempt_id,
            session_id=session_id,
            processor="sandbox",
            funding=Funding.WALLET,
            wallet_id=fixture.wallet_id,
            wallet_app_id=ledger.app,
            claim_id=claim,
            amount=Money(1000, "USD"),
        )
    )

    ledger.send(DeclineAttempt(session_id=session_id, attempt_id=attempt_id))
    fixture.run()

    assert fixture.told == [("phone", "payment_session.declined")]
    assert "not charged" in fixture.web.sent[0].text.body
    assert fixture.web.sent[0].urgent


def test_a_subscription_that_has_ended_is_deleted_and_told_nothing_more() -> None:
    fixture = PushFixture(
        lambda one: GONE if one.subscription.target["name"] == "old" else ACCEPTED
    )
    old, new = fixture.subscribe("old"), fixture.subscribe("new")

    fixture.pay()
    fixture.run()
    fixture.pay()
    fixture.run()

    assert set(fixture.subscriptions.rows) == {new}
    assert old not in fixture.subscriptions.rows
    assert [name for name, _ in fixture.told] == ["old", "new", "new"]


def test_a_subscription_that_was_deleted_meanwhile_is_told_nothing() -> None:
    fixture = PushFixture()
    phone = fixture.subscribe()
    fixture.pay()
    fixture.worker.follow()

    fixture.subscriptions.drop([phone])
    fixture.run()

    assert fixture.told == []
    assert not fixture.store.rows


def test_a_failing_service_is_tried_again_for_ten_minutes_and_then_given_up() -> None:
    fixture = PushFixture(lambda _: LATER)
    fixture.subscribe()

    fixture.pay()
    fixture.run(int(RETRIED_FOR.total_seconds()) + 120)

    assert 10 <= len(fixture.told) <= 120
    assert not fixture.store.rows
    assert len(fixture.subscriptions.rows) == 1
    calls = len(fixture.told)
    fixture.run(600)
    assert len(fixture.told) == calls


def test_a_service_that_says_when_is_left_alone_until_then() -> None:
    times: list[float] = []

    def answer(_message: PushMessage) -> PushSent:
        times.append(fixture.elapsed())
        return ACCEPTED if len(times) > 1 else LATER._replace(after=timedelta(seconds=120))

    fixture = PushFixture(answer)
    fixture.subscribe()

    fixture.pay()
    fixture.run(300)

    first, second = times
    assert 120 <= second - first <= 130


def test_what_would_be_too_late_is_not_waited_for() -> None:
    fixture = PushFixture(lambda _: LATER._replace(after=timedelta(hours=1)))
    fixture.subscribe()

    fixture.pay()
    fixture.run(60)

    assert len(fixture.told) == 1
    assert not fixture.store.rows


def test_without_the_key_it_is_tried_for_ten_minutes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_ids: object) -> dict[str, PushSubscription]:
        raise SigningUnavailable

    fixture = PushFixture()
    fixture.subscribe()
    monkeypatch.setattr(fixture.subscriptions, "read", read)

    fixture.pay()
    fixture.run(60)
    assert len(fixture.store.rows) == 1
    fixture.run(int(RETRIED_FOR.total_seconds()) + 60)

    assert fixture.told == []
    assert not fixture.store.rows


def test_a_refused_message_is_given_up_at_once_and_its_subscription_stays() -> None:
    fixture = PushFixture(lambda _: REFUSED)
    fixture.subscribe()

    fixture.pay()
    fixture.run(60)

    assert len(fixture.told) == 1
    assert len(fixture.subscriptions.rows) == 1
    assert not fixture.store.rows


def test_a_failing_device_delays_neither_another_nor_another_session() -> None:
    def answer(message: PushMessage) -> PushSent:
        first = message.session_id == ids.encode("ps", sessions[0])
        return LATER if first and message.subscription.target["name"] == "bad" else ACCEPTED

    fixture = PushFixture(answer)
    fixture.subscribe("bad")
    fixture.subscribe("good")
    sessions = [fixture.pay(), fixture.pay()]

    fixture.run()

    names = [(one.subscription.target["name"], one.session_id) for one in fixture.web.sent]
    second = ids.encode("ps", sessions[1])
    assert ("bad", second) in names
    assert {session for name, session in names if name == "good"} == {
        ids.encode("ps", one) for one in sessions
    }


def test_what_is_told_of_a_session_keeps_its_order_when_a_message_is_tried_again() -> None:
    answers = iter([LATER, LATER, *[ACCEPTED] * 10])
    fixture = PushFixture(lambda _: next(answers))
    fixture.subscribe()
    session_id = fixture.pay()
    fixture.ledger.send(fixture.ledger.refund(session_id, Money(250, "USD"), earned=1000))

    fixture.run(120)

    kinds = [kind for _, kind in fixture.told]
    assert kinds == ["payment_session.paid"] * 3 + ["refund.succeeded"]


def test_a_slow_or_unknown_service_gets_few_calls_of_a_batch_and_a_quick_one_all() -> None:
    slow = ACCEPTED._replace(slow=True)
    fixture = PushFixture(
        lambda one: slow if one.subscription.target["service"] == "slow" else ACCEPTED
    )
    fixture.subscribe("quick", service="quick")
    fixture.subscribe("slow", service="slow")
    fixture.pay()
    fixture.run()
    fixture.web.batches.clear()

    for _ in range(12):
        fixture.pay()
    fixture.worker.follow()
    fixture.worker.perform()

    [first] = fixture.web.batches
    names = [name for name, _ in fixture.told[-first:]]
    assert names.count("slow") == 4
    assert names.count("quick") == 12
    fixture.run(300)
    assert len(fixture.told) == 26


def test_a_session_has_one_topic_for_each_device_and_says_nothing_of_either() -> None:
    topics = {
        topic(device, session) for device in ("psh_1", "psh_2") for session in ("ps_1", "ps_2")
    }

    assert len(topics) == 4
    assert all(len(one) == 32 and one.replace("-", "").replace("_", "").isalnum() for one in topics)
    assert topic("psh_1", "ps_1") in topics
