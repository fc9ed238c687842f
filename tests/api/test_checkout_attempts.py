"""Payments through processors from the checkout screen: who may start and stop them, and notices."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest

from api.pages.processing import notice_texts
from api.pages.texts import choose, languages
from api.tokens import Use
from api.v1 import attempt_answers
from api.views.notices import Notice, notice_of
from application.commands.accept_late_money import AcceptLateMoney
from application.commands.capture_attempt import CaptureAttempt
from application.commands.decline_attempt import DeclineAttempt
from application.commands.flag_session import FlagSession
from application.commands.mark_attempt_unknown import MarkAttemptUnknown
from application.commands.set_processors import SetProcessors
from application.commands.start_attempt import StartAttempt
from application.commands.void_attempt import VoidAttempt
from domain import ids
from domain.money.money import Money
from tests.support.memory_api import MemoryApi, http_scope, respond

HTML = [(b"accept", b"text/html")]
ADDRESS = "https://psp.example/pay/1"


class Screen:
    """A checkout screen of a merchant with a processor, as its HTTP requests."""

    def __init__(self) -> None:
        self.api = MemoryApi()
        self.ledger = self.api.ledger
        merchant = self.ledger.merchant_id
        self.ledger.send(SetProcessors(merchant_id=merchant, processors=("sandbox", "stripe")))
        self.id = ids.decode("ps", self.api.session_id)
        self.token = self.token_of(self.id)

    def token_of(self, session_id: UUID, use: Use = Use.CHECKOUT) -> str:
        session = self.ledger.session(session_id)
        return self.api.services.tokens.for_session(use, session_id, session.expires_at)

    def call(
        self, method: str, rest: str = "", query: str = "", *, headers: Any = (), token: str = ""
    ) -> tuple[int, dict[str, str], str]:
        async def answer() -> list[dict[str, Any]]:
            async with self.api.running():
                path = f"/checkout/{self.api.session_id}{rest}"
                text = f"token={quote(token or self.token)}{query}"
                return await respond(self.api.app, http_scope(method, path, text, headers), b"")

        start, *more = asyncio.run(answer())
        names = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        return start["status"], names, b"".join(one.get("body", b"") for one in more).decode()

    def start(self, processor: str = "sandbox", **facts: Any) -> tuple[int, dict[str, str], str]:
        return self.call("POST", "/attempts", f"&processor={processor}", **facts)

    def attempt(self) -> dict[str, Any]:
        [*_, last] = self.ledger.session(self.id).attempts
        return {"session_id": self.id, "attempt_id": ids.decode("att", last)}

    def notice(self) -> str | None:
        return notice_of(self.ledger.session(self.id), self.api.ledger.log.now())


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.setattr(attempt_answers, "WAIT_SECONDS", 0.0)
    return Screen()


def test_the_screen_offers_the_processors_that_the_merchant_has_enabled_in_its_order(
    screen: Screen,
) -> None:
    _, _, page = screen.call("GET", headers=HTML)

    assert page.index("&amp;processor=sandbox") < page.index("&amp;processor=stripe")
    assert ">Test payment</button>" in page
    screen.ledger.send(SetProcessors(merchant_id=screen.ledger.merchant_id, processors=()))
    assert "processor=" not in screen.call("GET", headers=HTML)[2]


def test_a_processor_that_cannot_take_the_payment_is_not_offered(
    screen: Screen, caplog: pytest.LogCaptureFixture
) -> None:
    enabled = ("sandbox", "psp", "stripe")  # psp is not configured
    screen.ledger.send(SetProcessors(merchant_id=screen.ledger.merchant_id, processors=enabled))

    pages = [screen.call("GET", headers=HTML)[2] for _ in range(2)]
    status, _, refused = screen.start("psp")

    for page in pages:
        assert [f"processor={one}" in page for one in enabled] == [True, False, True]
    assert (status, json.loads(refused)["code"]) == (503, "processor-unavailable")
    [line] = [one.message for one in caplog.records if one.name.endswith("terms")]
    assert line.startswith("a merchant has enabled the processor psp, which is not configured")
    screen.id = screen.ledger.create_session(metadata={"sandbox": "unsupported"})
    screen.api.session_id = ids.encode("ps", screen.id)
    screen.token = screen.token_of(screen.id)
    page = screen.call("GET", headers=HTML)[2]
    assert [f"processor={one}" in page for one in enabled] == [False, False, True]


def test_starting_answers_202_and_a_browser_is_sent_back_to_the_screen(screen: Screen) -> None:
    status, headers, body = screen.start(headers=HTML)
    again, _, text = screen.start()

    assert (status, body) == (303, "")
    assert headers["location"] == f"/checkout/{screen.api.session_id}?token={screen.token}"
    assert (again, json.loads(text)["status"]) == (202, "processing")
    assert len(screen.ledger.session(screen.id).attempts) == 1


def test_where_the_payer_goes_on_is_shown_on_the_screen_and_nowhere_else(screen: Screen) -> None:
    screen.start()
    screen.api.notes.set_redirect(ids.encode("att", screen.attempt()["attempt_id"]), ADDRESS)

    assert json.loads(screen.call("GET")[2])["next_action"]["url"] == ADDRESS
    assert ADDRESS in screen.call("GET", headers=HTML)[2]
    public = f"/q/{ids.encode_suffix(screen.id)}"
    for headers in ((), HTML):
        _, *more = asyncio.run(respond(screen.api.app, http_scope("GET", public, "", headers), b""))
        assert ADDRESS.encode() not in b"".join(one.get("body", b"") for one in more)
    screen.ledger.send(DeclineAttempt(**screen.attempt()))
    assert json.loads(screen.call("GET")[2])["next_action"] is None


@pytest.mark.parametrize("rest", ["/attempts", "/attempts/stop"])
def test_only_the_sessions_own_checkout_token_starts_and_stops(screen: Screen, rest: str) -> None:
    screen.start()
    other = screen.ledger.create_session()
    before = screen.ledger.log.head()

    for token in ("1.2", screen.token_of(other), screen.token_of(screen.id, Use.LIVE)):
        status, _, text = screen.call(
            "POST", rest, "&processor=sandbox" * (rest == "/attempts"), token=token
        )
        assert (status, json.loads(text)["code"]) == (401, "unauthorized")

    assert screen.ledger.log.head() == before


@pytest.mark.parametrize(
    "processor", ["psp", "", "x" * 31, "%00", "SANDBOX", "sandbox%0a", "%ed%a0%80", "sandbox&processor=stripe"]
)  # fmt: skip
def test_a_way_to_pay_that_is_not_offered_is_refused_without_an_event(
    screen: Screen, processor: str
) -> None:
    before = screen.ledger.log.head()

    status, _, text = screen.start(processor)

    assert status in {400, 422}
    assert json.loads(text)["code"] in {"invalid-request", "processor-not-enabled"}
    assert screen.ledger.log.head() == before


def test_a_browser_is_told_on_the_screen_why_a_payment_was_not_started(screen: Screen) -> None:
    screen.start("sandbox")

    status, _, page = screen.start("stripe", headers=HTML)
    code, _, text = screen.start("stripe")

    assert screen.notice() == "ending"  # as the payer chose another way
    assert status == 409
    assert 'role="alert"' in page
    assert "A payment is being processed. Wait until it has ended." in page
    assert (code, json.loads(text)["code"]) == (409, "payment-in-flight")


@pytest.mark.parametrize(
    ("processor", "code", "text"),
    [
        ("sandbox", "amount-unsupported", "This amount cannot be paid in this way."),
        ("stripe", "processor-unavailable", "This way to pay is not available now."),
    ],
)
def test_a_payment_that_its_processor_cannot_take_is_not_started(
    screen: Screen, processor: str, code: str, text: str
) -> None:
    screen.api.rests["stripe"] = 20
    screen.id = screen.ledger.create_session(metadata={"sandbox": "unsupported"})
    screen.api.session_id = ids.encode("ps", screen.id)
    screen.token = screen.token_of(screen.id)

    _, _, page = screen.start(processor, headers=HTML)
    _, _, problem = screen.start(processor)

    assert text in page
    assert json.loads(problem)["code"] == code
    assert not screen.ledger.session(screen.id).attempts


def test_stopping_asks_the_processor_once_and_ends_nothing_by_itself(screen: Screen) -> None:
    screen.start()

    for _ in range(2):
        assert screen.call("POST", "/attempts/stop", headers=HTML)[0] == 303

    session = screen.ledger.session(screen.id)
    assert session.status == "processing"
    assert (session.version, screen.notice()) == (3, "ending")
    screen.ledger.send(VoidAttempt(**screen.attempt()))
    assert (screen.ledger.session(screen.id).status, screen.notice()) == ("created", "voided")
    assert screen.call("POST", "/attempts/stop")[0] == 200


def test_the_payment_of_a_wallet_cannot_be_stopped_from_the_screen(screen: Screen) -> None:
    wallet = screen.ledger.open_wallet()
    claim = screen.ledger.claim_session(screen.id, wallet)
    screen.ledger.send(
        StartAttempt(
            session_id=screen.id, attempt_id=screen.ledger.new_id(), processor="stripe",
            wallet_id=wallet, wallet_app_id=screen.ledger.app, claim_id=claim,
            amount=Money(1000, "USD"),
        )
    )  # fmt: skip
    screen.api.notes.set_redirect(ids.encode("att", screen.attempt()["attempt_id"]), ADDRESS)

    status, _, text = screen.call("POST", "/attempts/stop")

    assert (status, json.loads(text)["code"]) == (403, "forbidden")
    assert ADDRESS not in screen.call("GET")[2]
    assert screen.ledger.session(screen.id).current_attempt is not None


def captured(minor: int = 1000, reference: str = "pi_1") -> dict[str, Any]:
    return {"money": Money(minor, "USD"), "reference": reference}


def test_a_payer_is_told_what_becomes_of_the_money(screen: Screen) -> None:
    assert screen.notice() is None
    screen.start()
    assert screen.notice() is None
    first = screen.attempt()
    screen.ledger.send(MarkAttemptUnknown(**first))
    assert screen.notice() == "unanswered"
    screen.ledger.send(FlagSession(**first))
    assert screen.notice() == "unresolved"
    screen.ledger.send(DeclineAttempt(**first))
    assert screen.notice() == "declined"
    screen.start()
    assert screen.notice() is None
    second = screen.attempt()
    screen.ledger.send(CaptureAttempt(**second, **captured(999)))
    assert screen.notice() == "mismatched"
    screen.start()
    third = screen.attempt()
    screen.ledger.send(CaptureAttempt(**third, **captured(1001, "pi_3")))
    assert screen.notice() == "over"


def test_late_money_is_returned_unless_the_merchant_accepts_it(screen: Screen) -> None:
    screen.start()
    screen.ledger.send(DeclineAttempt(**screen.attempt()))
    screen.ledger.send(screen.ledger.cancel(screen.id))
    assert screen.notice() is None

    screen.ledger.send(CaptureAttempt(**screen.attempt(), **captured()))
    late = screen.notice()
    merchant = screen.ledger.merchant_id
    screen.ledger.send(AcceptLateMoney(session_id=screen.id, merchant_id=merchant))

    assert (late, screen.notice()) == ("late", None)


def test_a_second_payment_of_a_paid_session_is_a_duplicate(screen: Screen) -> None:
    screen.start()
    screen.ledger.send(CaptureAttempt(**screen.attempt(), **captured()))
    assert screen.notice() is None

    screen.ledger.send(CaptureAttempt(**screen.attempt(), **captured(reference="pi_2")))

    assert screen.notice() == "duplicate"


@pytest.mark.parametrize("language", sorted(languages()))
def test_every_notice_has_a_text(language: str) -> None:
    assert set(notice_texts(choose(language, ""))) == {notice.value for notice in Notice}


def test_other_flags_than_refunds_leave_the_status_on_the_screen_as_it_is(screen: Screen) -> None:
    screen.start()
    screen.ledger.send(CaptureAttempt(**screen.attempt(), **captured(1100)))

    _, _, page = screen.call("GET", headers=HTML)

    assert 'data-status="paid" data-notice="over"' in page
