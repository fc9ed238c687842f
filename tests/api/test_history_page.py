"""The history of a session as a picture: what is drawn, for whom, and that nothing breaks out of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest

from api.pages.dashboards import history_texts
from api.tokens import EVERY_MERCHANT, OPERATOR_KEY, DashboardHolder, DashboardUse
from application.commands.record_refusal import RecordRefusal
from application.commands.restrict_session import RestrictSession
from application.ports.webhooks import Attempt, DeliveryStatus, delivery_id
from application.session_history import EVENTS_SHOWN_MAX, MARKS, NOTICES_SHOWN_MAX
from domain import ids, times
from domain.money.money import Money
from domain.sessions.payment_session import PaymentSession
from domain.sessions.refusals import Action, SessionRefusals
from tests.api.test_dashboards import another_merchant, key_of
from tests.support.dashboards import Dashboards
from tests.support.memory_client import memory_client

SECOND = timedelta(seconds=1)
HOSTILE = "</title></svg><script>alert(1)</script>\"'><img src=x onerror=1>{{7*7}}\u202e\u2069&amp;"


@pytest.fixture
def pages() -> Iterator[Dashboards]:
    with memory_client() as client:
        yield Dashboards(client)


def page_of(session: UUID) -> str:
    return f"/dashboard/sessions/{ids.encode('ps', session)}"


def sign_in_as_auditor(pages: Dashboards, session: UUID) -> None:
    query = f"session={ids.encode('ps', session)}"
    made = pages.client.call("auditor", "POST", "/v1/dashboard-links", query=query)
    assert made.status == 201, made.body
    address, _, token = str(made.body["url"]).partition("#")
    assert address.endswith(f"/dashboard?{query}")
    assert pages.exchange(token).status == 204


def refuse(pages: Dashboards, session: UUID, wallet: UUID, action: Action = Action.SCAN) -> None:
    """A wallet loses, and its loss is recorded."""
    ledger = pages.ledger
    command: Any = ledger.scan(session, wallet)
    if action is Action.PAY:
        command = ledger.pay(session, wallet, ids.encode("clm", ledger.new_id()))
    ledger.send(
        RecordRefusal(
            refused=command,
            refused_command_id=ledger.new_id(),
            answered_code="session-claimed",
            action=action,
            session_id=session,
            wallet_id=wallet,
            wallet_app_id=ledger.app,
        )
    )


def eventful(pages: Dashboards, order_id: str = "SN129803") -> UUID:
    """A session that was scanned, lapsed, taken over, paid and refunded, with two losers."""
    ledger, log = pages.ledger, pages.log
    first, second, third = (ledger.open_wallet() for _ in range(3))
    session = ledger.create_session(order_id)
    log.clock += timedelta(milliseconds=8123)
    ledger.claim_session(session, first)
    log.clock += timedelta(microseconds=412)
    refuse(pages, session, second)
    log.clock += 120 * SECOND
    claim = ledger.claim_session(session, second)
    log.clock += timedelta(milliseconds=3)
    ledger.send(ledger.pay(session, second, claim))
    log.clock += timedelta(milliseconds=2)
    refuse(pages, session, third, Action.PAY)
    log.clock += timedelta(days=2, hours=3)
    ledger.send(ledger.refund(session, Money(300, "USD"), earned=1000))
    return session


def deliver(pages: Dashboards, session: UUID, *statuses: int | None) -> None:
    """Attempts to tell an endpoint of the session's last event, a second apart."""
    endpoint = pages.add_endpoint()
    event = pages.log.stream(session)[-1]
    delivery = pages.add_delivery(endpoint)
    store: Any = pages.api.services.deliveries
    name = delivery_id(endpoint, ids.encode("evt", event.event_id))
    row = store.rows.pop(delivery.id)
    store.rows[name] = replace(row, id=name, event_type=event.topic, created_at=event.recorded_at)
    for number, status in enumerate(statuses):
        told = status == 200
        attempt = Attempt(
            delivery_id=name,
            task="1",
            at=event.recorded_at + number * SECOND,
            url="https://hooks.example/ledger",
            answer_status=status,
            milliseconds=12,
            answer="",
            reason="" if told else "answered 503",
            status=DeliveryStatus.DELIVERED if told else DeliveryStatus.PENDING,
            next_attempt_at=None,
        )
        store.record([attempt], [])
    pages.log.clock += len(statuses) * SECOND


def picture(text: str) -> ET.Element:
    """The picture, which must be well-formed by itself."""
    [found] = re.findall(r"<svg viewBox=\"0 0 .*?</svg>\n</figure>", text, re.DOTALL)
    return ET.fromstring(found.removesuffix("\n</figure>"))  # noqa: S314 - our own


def texts(text: str, name: str) -> list[str]:
    found = [one.text or "" for one in picture(text).iter("text") if one.get("class") == name]
    return [re.sub("[\u2066\u2069]", "", one) for one in found]


def marks(text: str) -> list[str]:
    classes = [str(one.get("class", "")) for one in picture(text).iter("g")]
    return [one.removeprefix("mark mark-") for one in classes if one.startswith("mark ")]


def bars(text: str) -> list[str]:
    found = [str(one.get("class", "")) for one in picture(text).iter("line")]
    return [one.removeprefix("bar bar-") for one in found if one.startswith("bar ")]


def test_a_history_shows_states_claims_losers_and_money_in_the_order_of_time(
    pages: Dashboards,
) -> None:
    session = eventful(pages)
    pages.sign_in()

    shown = pages.open(page_of(session))

    assert shown.status == 200
    lines = [re.sub("….{6}", "W", line) for line in texts(shown.text, "line")]
    assert lines == [
        "Created: $10.00", "Scanned by wallet W", "Scan by wallet W refused: session-claimed",
        "The lease of wallet W is over", "Scanned by wallet W", "Paid: $10.00, fee $0.00",
        "Payment by wallet W refused: session-not-payable", "Refunded: $3.00",
    ]  # fmt: skip
    assert texts(shown.text, "head") == ["State", "Claims", "Losers", "Money", "Notices"]
    assert marks(shown.text) == [
        "state", "state", "claim", "lost", "clock", "state", "claim", "end", "into", "lost", "out",
    ]  # fmt: skip
    assert bars(shown.text) == [
        "created", "scanned", "ended", "held", "lapsed", "held",
    ]  # fmt: skip


def test_the_line_of_a_claim_ends_with_the_session(pages: Dashboards) -> None:
    session = eventful(pages)
    pages.sign_in()

    drawn = picture(pages.open(page_of(session)).text)

    held = [one for one in drawn.iter("line") if one.get("class") == "bar bar-held"]
    rows = {re.sub("[\u2066\u2069]", "", str(one.text)).split(":")[0]: int(str(one.get("y")))
            for one in drawn.iter("text") if one.get("class") == "line"}  # fmt: skip
    assert int(str(held[-1].get("y2"))) == rows["Paid"] - 5


def test_bursts_are_told_apart_by_the_written_durations(pages: Dashboards) -> None:
    session = eventful(pages)
    pages.sign_in()

    shown = pages.open(page_of(session))

    since = texts(shown.text, "since")[:-1]
    assert since == [
        "+8 sec 123 ms", "+412 μs", "+1 min 29 sec", "+30 sec", "+3 ms", "+2 ms", "+2 days 3 hr",
    ]  # fmt: skip
    clocks = texts(shown.text, "clock")
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d\.\d{6}", one) for one in clocks)
    heights = [int(str(one.get("y"))) for one in picture(shown.text).iter("text")
               if one.get("class") == "clock"]  # fmt: skip
    steps = [after - before for before, after in pairwise(heights)]
    assert min(steps) >= 20
    assert steps[-1] == max(steps)
    assert len(texts(shown.text, "day")) == 2


def test_the_table_has_everything_that_the_picture_has(pages: Dashboards) -> None:
    session = eventful(pages)
    pages.sign_in()

    shown = pages.open(page_of(session)).text

    table = shown[shown.index("<table>") :]
    events = [*pages.log.stream(session), *pages.log.stream(SessionRefusals.stream_id(session))]
    assert table.count('<th scope="row">') == len(events) + 1  # and the lease
    for event in events:
        assert f">position</bdi> <bdi>{event.position}<" in table
        assert f">{times.to_text(event.recorded_at)}<" in table
    assert "session-claimed" in table
    assert "fee_returned" not in table  # nothing was returned


def test_every_type_of_event_in_a_sessions_streams_is_drawn_with_a_line_of_its_own() -> None:
    topics = {one.TOPIC for kind in (PaymentSession, SessionRefusals) for one in kind.events()}

    assert topics == set(MARKS)
    assert topics - {"refusal.recorded"} <= history_texts.kinds()


def test_webhooks_are_drawn_beside_the_events_that_they_told_of(pages: Dashboards) -> None:
    session = eventful(pages)
    deliver(pages, session, 503, None, 200)
    pages.sign_in()

    shown = pages.open(page_of(session)).text

    assert texts(shown, "line")[-3:] == [
        "refund.succeeded: HTTP 503", "refund.succeeded: no response",
        "refund.succeeded: HTTP 200",
    ]  # fmt: skip
    assert marks(shown)[-3:] == ["untold", "untold", "told"]
    assert "https://hooks.example/ledger" in shown
    assert "There are more webhook attempts" not in shown


def test_a_webhook_that_nobody_has_sent_yet_waits(pages: Dashboards) -> None:
    session = eventful(pages)
    deliver(pages, session)
    pages.sign_in()

    shown = pages.open(page_of(session)).text

    assert texts(shown, "line")[-1] == "refund.succeeded: to be sent"
    assert marks(shown)[-1] == "waiting"


def test_attempts_beyond_the_limit_are_said_to_be_left_out(pages: Dashboards) -> None:
    session = eventful(pages)
    deliver(pages, session, *[503] * (NOTICES_SHOWN_MAX + 1))
    pages.sign_in()

    shown = pages.open(page_of(session)).text

    assert marks(shown).count("untold") == NOTICES_SHOWN_MAX
    assert "There are more webhook attempts than the" in shown


def test_of_a_long_history_the_first_and_the_last_rows_are_drawn(pages: Dashboards) -> None:
    session = eventful(pages)
    for minor in range(1, 41):
        pages.log.clock += SECOND
        pages.ledger.send(pages.ledger.refund(session, Money(1 + minor % 2, "USD"), earned=10_000))
    pages.sign_in()

    shown = pages.open(page_of(session)).text

    lines = texts(shown, "line")
    assert len(lines) == EVENTS_SHOWN_MAX + 1
    assert f"Left out: {8 + 40 - EVENTS_SHOWN_MAX}" in lines
    assert "A long history" in shown
    assert lines[-1] == "Refunded: $0.01"


def test_an_open_session_shows_its_deadline_when_it_is_reached(pages: Dashboards) -> None:
    session = pages.ledger.create_session()
    pages.sign_in()
    before = pages.open(page_of(session)).text
    pages.log.clock = times.from_text(
        pages.client.call("merchant", "GET", f"/v1/payment-sessions/{ids.encode('ps', session)}").body["expires_at"]
    )  # fmt: skip

    after = pages.open(page_of(session)).text

    assert texts(before, "line") == ["Created: $10.00"]
    assert texts(after, "line") == ["Created: $10.00", "Deadline"]
    assert "<strong>Expired</strong>" in after


@pytest.mark.parametrize("language", ["en", "pt", "ar"])
def test_no_text_of_a_caller_breaks_out_of_the_page(pages: Dashboards, language: str) -> None:
    session = pages.ledger.create_session(HOSTILE[:64], description=HOSTILE)
    wallet = pages.ledger.open_wallet()
    claim = pages.ledger.claim_session(session, wallet)
    pages.ledger.send(pages.ledger.pay(session, wallet, claim))
    refund = pages.ledger.refund(session, Money(1, "USD"), earned=1000)
    pages.ledger.send(replace(refund, reason=HOSTILE))
    pages.sign_in()

    shown = pages.open(page_of(session), f"lang={language}")

    assert shown.status == 200
    for piece in ("<script>alert", "<img", "onerror=1>"):
        assert piece not in shown.text, piece
    assert "{{7*7}}" in shown.text
    assert picture(shown.text) is not None
    assert " style=" not in shown.text
    assert not re.search(r"\son\w+=", re.sub(r"<bdi>.*?</bdi>", "", shown.text))


def test_auditors_see_every_merchants_sessions_and_how_they_stood(pages: Dashboards) -> None:
    session = eventful(pages)
    paid = next(one for one in pages.log.stream(session) if one.topic.endswith(".paid"))
    sign_in_as_auditor(pages, session)

    now, then = pages.open(page_of(session)), pages.open(page_of(session), f"at={paid.position}")

    assert (now.status, then.status) == (200, 200)
    assert "Auditor" in now.text
    assert len(texts(then.text, "line")) == 6
    assert f"position {paid.position}" in re.sub("<.*?>", "", then.text)
    assert "This is how it stood then." in then.text
    assert times.to_text(paid.recorded_at) in then.text
    pages.ledger.send(pages.ledger.refund(session, Money(1, "USD"), earned=1000))
    assert pages.open(page_of(session), f"at={paid.position}").text == then.text


def test_webhooks_of_later_are_not_shown_in_the_past(pages: Dashboards) -> None:
    session = eventful(pages)
    deliver(pages, session, 503, 200)
    refund = pages.log.stream(session)[-1]
    pages.log.clock += timedelta(seconds=120)
    sign_in_as_auditor(pages, session)

    at = times.to_text(refund.recorded_at + timedelta(milliseconds=500))
    then, now = pages.open(page_of(session), f"at={at}"), pages.open(page_of(session))

    assert "told" not in marks(then.text)
    assert marks(then.text)[-1] == "untold"
    assert marks(now.text)[-1] == "told"


def test_a_token_for_every_merchant_is_valid_with_an_auditors_key_only(pages: Dashboards) -> None:
    """A token as if ours had been signed wrongly."""
    tokens = pages.api.services.tokens
    expires_at = pages.log.clock + 30 * SECOND
    for key_id in (key_of(pages), key_of(pages, "wallet"), OPERATOR_KEY):
        holder = DashboardHolder(EVERY_MERCHANT, key_id, expires_at)
        token = tokens.for_dashboard(DashboardUse.LINK, holder, pages.ledger.new_id())
        assert pages.exchange(token).status == 401


def test_the_line_of_a_row_isolates_its_values(pages: Dashboards) -> None:
    session = eventful(pages)
    pages.sign_in()

    shown = pages.open(page_of(session), "lang=ar").text

    lines = [one.text or "" for one in picture(shown).iter("text") if one.get("class") == "line"]
    assert all(line.count("\u2066") == line.count("\u2069") > 0 for line in lines)


def test_auditors_have_no_other_dashboard(pages: Dashboards) -> None:
    session = eventful(pages)
    sign_in_as_auditor(pages, session)

    for path in ("/dashboard/deliveries", "/dashboard/endpoints"):
        assert pages.open(path).status == 404
    shown = pages.open("/dashboard/sessions")
    assert shown.status == 200
    assert "/dashboard/deliveries" not in shown.text


def test_an_auditors_link_names_a_session_that_exists(pages: Dashboards) -> None:
    call = pages.client.call
    unknown = f"session={ids.encode('ps', pages.ledger.new_id())}"

    assert call("auditor", "POST", "/v1/dashboard-links").status == 400
    assert call("auditor", "POST", "/v1/dashboard-links", query=unknown).status == 404
    assert call("merchant", "POST", "/v1/dashboard-links", query=unknown).status == 404
    assert call("auditor", "POST", "/v1/dashboard-links", query="session=ps_1").status == 400


@pytest.mark.parametrize("at", ["0", "-1", "999999", "yesterday", "2000-01-01T00:00:00Z", "%00"])
def test_what_is_no_moment_of_the_past_is_a_page_that_says_so(pages: Dashboards, at: str) -> None:
    session = eventful(pages)
    sign_in_as_auditor(pages, session)

    shown = pages.open(page_of(session), f"at={at}")

    assert shown.status == 400
    assert "not valid" in shown.text or "invalid-request · " in shown.text  # of the time, or of any


def test_merchants_ask_for_the_present_only(pages: Dashboards) -> None:
    session = eventful(pages)
    pages.sign_in()

    shown = pages.open(page_of(session), "at=1")

    assert shown.status == 403
    assert "Only auditors" in shown.text


def test_another_merchants_session_and_none_are_not_found(pages: Dashboards) -> None:
    session = eventful(pages)
    another_merchant(pages)
    pages.sign_in("other")

    assert pages.open(page_of(session)).status == 404
    assert pages.open(page_of(pages.ledger.new_id())).status == 404
    assert pages.open("/dashboard/sessions/ps_1").status == 404
    assert pages.open("/dashboard/sessions", f"id={ids.encode('ps', session)}").status == 404


def test_without_a_cookie_there_is_no_history(pages: Dashboards) -> None:
    session = eventful(pages)

    shown = pages.open(page_of(session))

    assert shown.status == 401
    assert ids.encode("ps", session) not in shown.text


def test_the_form_leads_to_the_history(pages: Dashboards) -> None:
    session = eventful(pages)
    pages.sign_in()

    found = pages.open("/dashboard/sessions", f"id=+{ids.encode('ps', session)}+&lang=ar")

    assert (found.status, found.headers["location"]) == (303, f"{page_of(session)}?lang=ar")
    assert pages.open("/dashboard/sessions", "id=hello").status == 404


def test_the_history_of_a_restricted_session_is_without_its_texts(pages: Dashboards) -> None:
    session = eventful(pages, "JANE-DOE-7")
    pages.sign_in()
    paid = pages.log.stream(session)[-1].position
    before = pages.open(page_of(session)).text

    pages.ledger.send(RestrictSession(session_id=session))
    after = pages.open(page_of(session)).text

    assert ("JANE-DOE-7" in before, "JANE-DOE-7" in after) == (True, False)
    assert "The texts are restricted" in texts(after, "line")
    sign_in_as_auditor(pages, session)
    assert "JANE-DOE-7" not in pages.open(page_of(session)).text
    assert "JANE-DOE-7" in pages.open(page_of(session), f"at={paid}").text
