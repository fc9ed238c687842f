"""What is shown of restricted sessions, by whatever version they are shown."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from api.live.merchant_events import MerchantEvents
from api.live.merchant_messages import MerchantMessages
from api.live.protocol import SessionFeed
from api.views.sessions import SessionViews
from api.views.webhooks import ViewBodies
from application import forwarding
from application.checks.checker import check_log
from application.commands.create_session import CreateSession
from application.commands.refund_session import RefundSession
from application.commands.restrict_session import RestrictSession
from application.event_log import Recorded, fold
from application.restriction import shown, shown_at
from domain import ids
from domain.merchants.webhook_endpoint import TYPES
from domain.money.money import Money
from domain.payouts.debits import Credits
from tests.support.damaged_logs import broken, events, renumber, twice
from tests.support.documents import document_services
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog

SECRETS = ("Jane-order", "Jane's coffee", "Jane-note", "jane-back", "Jane is sorry")


class Story:
    """A session full of texts: paid, refunded, restricted, refunded again."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.ledger = ledger = LedgerFixture(self.log)
        self.session_id = ledger.new_id()
        ledger.send(
            CreateSession(
                session_id=self.session_id, merchant_id=ledger.merchant_id, order_id=SECRETS[0],
                amount=Money(1000, "USD"), description=SECRETS[1], metadata={"note": SECRETS[2]},
                return_url=f"https://shop.example/{SECRETS[3]}",
            )
        )  # fmt: skip
        wallet = ledger.open_wallet()
        claim = ledger.claim_session(self.session_id, wallet)
        ledger.send(ledger.pay(self.session_id, wallet, claim))
        self.refund()
        ledger.send(RestrictSession(session_id=self.session_id))
        self.refund()

    def refund(self) -> None:
        self.ledger.send(
            RefundSession(
                refund_id=self.ledger.new_id(), session_id=self.session_id,
                merchant_id=self.ledger.merchant_id, amount=Money(100, "USD"),
                credits=Credits(1000, self.log.head()), credits_are_current=True,
                reason=SECRETS[4],
            )
        )  # fmt: skip

    @property
    def history(self) -> list[Recorded]:
        return list(self.log.stream(self.session_id))


@pytest.fixture
def story() -> Story:
    return Story()


def assert_hidden(sent: Any) -> None:
    text = sent if isinstance(sent, str) else msgspec.json.encode(sent).decode()
    assert "USD" in text, "nothing was shown at all"
    for secret in SECRETS:
        assert secret not in text


def test_the_texts_are_in_the_log(story: Story) -> None:
    text = b"".join(one.state for one in story.log.events).decode()

    assert all(secret in text for secret in SECRETS)
    assert check_log(story.log.events, story.log.receipts.values())[1] == []


def test_every_version_of_the_session_is_shown_without_texts(story: Story) -> None:
    whole: Any = fold(story.history)

    for version in range(1, len(story.history) + 1):
        session: Any = shown_at(story.history, version, fold)
        assert (session.order_id, session.description, session.return_url) == ("", "", None)
        assert session.metadata == {}
        assert {refund.reason for refund in session.refunds.values()} <= {""}
        assert session.version == version
        assert session.merchant_name == whole.merchant_name
        assert session.amount == whole.amount
    assert whole.order_id == SECRETS[0], "what is shown is a copy"


def test_sessions_that_are_not_restricted_are_shown_as_they_are(story: Story) -> None:
    session: Any = fold(story.history[:1])

    assert shown(session) is session
    assert shown("anything") == "anything"


@pytest.mark.parametrize("public_only", [True, False])
@pytest.mark.parametrize("after", [None, 0, 1])
def test_live_sockets_send_no_texts(story: Story, after: int | None, *, public_only: bool) -> None:
    feed = SessionFeed(story.history, public_only=public_only, livemode=False)

    for message in feed.initial_messages(after, story.log.now()):
        assert_hidden(message)


def test_a_live_socket_forgets_texts_when_the_session_is_restricted(story: Story) -> None:
    feed = SessionFeed(story.history[:4], livemode=False)
    before = feed.snapshot(story.log.now())
    for recorded in story.history[4:]:
        feed.apply(recorded)

    assert SECRETS[1] in before
    assert_hidden(feed.event(1, story.log.now()))
    assert_hidden(feed.snapshot(story.log.now()))


def test_a_merchants_socket_is_resumed_without_texts(story: Story) -> None:
    services = document_services()
    messages = MerchantMessages(SessionViews(services.config, services.tokens))
    heard, _ = MerchantEvents(story.log).page(0, story.log.head(), story.ledger.merchant)

    assert len(heard) == len(story.history)
    for one in heard:
        assert_hidden(messages.event(one, story.log.now()).text)


def test_webhooks_are_sent_again_without_texts(story: Story) -> None:
    bodies = ViewBodies(document_services().config)
    page = forwarding.MerchantEvents(story.log, bodies, story.ledger.merchant, TYPES)
    notices, _ = page.page(0)

    assert [one.recorded.topic for one in notices] == [one.topic for one in story.history]
    for notice in notices:
        assert_hidden(notice.body.decode())


def moved_before_payment(log: list[Recorded]) -> list[Recorded]:
    """The restriction right after the session's first event."""
    [restriction] = [one for one in log if one.topic == "payment_session.restricted"]
    rest = [one for one in log if one is not restriction]
    first = next(n for n, one in enumerate(rest) if one.topic == "payment_session.created")
    return renumber([*rest[: first + 1], restriction, *rest[first + 1 :]])


@pytest.mark.parametrize(
    "damage",
    [twice("payment_session.restricted"), moved_before_payment],
    ids=["twice", "of an open session"],
)
def test_a_restriction_that_no_program_would_record_is_reported(story: Story, damage: Any) -> None:
    assert "legal-transitions" in broken(damage(events(story.ledger)))


def test_the_session_is_named_by_its_id_only(story: Story) -> None:
    [restriction] = [one for one in story.history if one.topic == "payment_session.restricted"]

    assert msgspec.json.decode(restriction.state).keys() == {"timestamp"}
    assert ids.subject(restriction.topic, restriction.stream_id).startswith("ps_")
