"""Payments through processors in a real browser: the sandbox's page, and `processing` on ours."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Dialog, Page, expect
from uuid_utils.compat import uuid7

from api.pages.texts import languages
from application.bus import Bus
from application.command import Command, Envelope
from application.commands.accept_attempt import AcceptAttempt
from application.commands.capture_attempt import CaptureAttempt
from application.commands.decline_attempt import DeclineAttempt
from application.commands.flag_session import FlagSession
from application.commands.mark_attempt_unknown import MarkAttemptUnknown
from application.commands.set_processors import SetProcessors
from application.commands.start_attempt import StartAttempt
from domain import ids
from domain.money.money import Money
from domain.sessions.attempt import ATTEMPTS_MAX, Flag
from tests.end_to_end.browsing import TILL, Visit, check_page, screenshot, status, wallet_address
from tests.support.api_fixture import ApiFixture

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]
REDIRECTS = {"sandbox": "redirects"}
BY_HAND = "by_hand"
"""A processor that no worker knows, so that the tests say what becomes of its attempts."""


def say(api: ApiFixture, command: Command) -> Any:
    envelope = Envelope(command=command, command_id=uuid7(), actor="test")
    return Bus(api.services.log).send(envelope).subject


@pytest.fixture(scope="module", autouse=True)
def _enabled(api: ApiFixture) -> None:
    merchant_id = ids.decode("mer", api.merchants[0])
    say(api, SetProcessors(merchant_id=merchant_id, processors=("sandbox", "stripe")))
    other_id = ids.decode("mer", api.merchants[1])
    say(api, SetProcessors(merchant_id=other_id, processors=(BY_HAND,)))


def start(api: ApiFixture, session: dict[str, Any]) -> dict[str, Any]:
    """An attempt at the processor that no worker knows; returns which."""
    session_id, attempt_id = ids.decode("ps", session["id"]), uuid7()
    say(api, StartAttempt(session_id=session_id, attempt_id=attempt_id, processor=BY_HAND))
    return {"session_id": session_id, "attempt_id": attempt_id}


def captured(minor: int = 1000) -> dict[str, Any]:
    return {"reference": f"pi_{uuid7()}", "money": Money(minor, "USD")}


def decide(page: Page, word: str) -> None:
    page.get_by_role("button", name=word).click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_payment_approved_on_the_processors_page_turns_both_pages_green(
    api: ApiFixture, visit: Visit, scheme: str
) -> None:
    session = api.create_session(metadata=REDIRECTS)
    till = visit(color_scheme=scheme, viewport=TILL).open(session["checkout_url"])
    expect(till.get_by_text("Live")).to_be_visible()
    payer = visit(color_scheme=scheme).open(session["checkout_url"])
    phone = visit(color_scheme=scheme).open(wallet_address(session))
    expect(payer.get_by_role("button", name="Test payment")).to_be_visible()
    check_page(payer, f"checkout-ways-phone-{scheme}")
    check_page(till, f"checkout-ways-till-{scheme}")

    payer.get_by_role("button", name="Test payment").click()
    payer.wait_for_url("**/sandbox/**")

    for name, page in (("till", till), ("phone", phone)):
        status(page).to_have_attribute("data-status", "processing")
        expect(page.get_by_text("You can close this page")).to_be_visible()
        expect(page.locator("#processor")).to_have_text("Test payment")
        expect(page.locator("#timer")).to_be_hidden()
        check_page(page, f"processing-{name}-{scheme}")
    check_page(payer, f"sandbox-{scheme}")
    decide(payer, "Approve")

    for page in (till, phone, payer):
        status(page).to_have_attribute("data-status", "paid")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_declined_payment_opens_the_session_again(
    api: ApiFixture, visit: Visit, scripts: bool
) -> None:
    session = api.create_session(metadata=REDIRECTS)
    till = visit().open(session["checkout_url"])
    expect(till.get_by_text("Live")).to_be_visible()
    payer = visit(java_script_enabled=scripts).open(session["checkout_url"])

    payer.get_by_role("button", name="Test payment").click()
    if not scripts:  # the screen leads on, as soon as it knows where to
        expect(payer.locator("#state-processing")).to_be_visible()
        status(till).to_have_attribute("data-status", "processing")
        expect(till.get_by_role("link", name="Continue to the payment")).to_be_visible()
        payer.reload()
        screenshot(payer, "checkout-processing-no-script")
        payer.get_by_role("link", name="Continue to the payment").click()
    payer.wait_for_url("**/sandbox/**")
    decide(payer, "Decline")

    status(till).to_have_attribute("data-status", "created")
    expect(till.get_by_role("heading", name="Declined")).to_be_visible()
    expect(till.get_by_role("button", name="Test payment")).to_be_enabled()
    expect(till.locator(".symbol")).to_be_visible()
    check_page(till, f"checkout-declined-{'live' if scripts else 'no-script'}")
    payer.goto(session["checkout_url"])
    expect(payer.get_by_role("heading", name="Declined")).to_be_visible()


def test_a_payer_who_left_the_processors_page_can_go_on_or_choose_another_way(
    api: ApiFixture, visit: Visit
) -> None:
    session = api.create_session(metadata=REDIRECTS)
    payer = visit().open(session["checkout_url"])
    payer.get_by_role("button", name="Test payment").click()
    payer.wait_for_url("**/sandbox/**")
    asked = payer.url
    payer.close()

    again = visit().open(session["checkout_url"])
    status(again).to_have_attribute("data-status", "processing")
    link = again.get_by_role("link", name="Continue to the payment")
    expect(link).to_have_attribute("href", asked)
    check_page(again, "checkout-processing-reopened")
    again.get_by_role("button", name="Pay another way").click()

    expect(again.get_by_role("heading", name="Not paid")).to_be_visible()
    expect(again.get_by_role("button", name="Test payment")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_check_again_works_after_reopening(api: ApiFixture, visit: Visit, scripts: bool) -> None:
    session = api.create_session("other_merchant")
    attempt = start(api, session)
    visitor = visit(java_script_enabled=scripts)
    # The checkout screen offers it only while it is not live.
    visitor.context.route_web_socket(re.compile("/live"), lambda route: route.close(code=1011))
    for url in (session["checkout_url"], wallet_address(session)):
        visitor.open(url).close()
        page = visitor.open(url)
        expect(page.locator("#state-processing")).to_be_visible()
        with page.expect_response(url):
            page.get_by_role("link", name="Check again").click()
        expect(page.locator("#state-processing")).to_be_visible()
    say(api, CaptureAttempt(**attempt, **captured()))

    for page in visitor.context.pages:
        if not scripts:
            page.get_by_role("link", name="Check again").click()
        expect(page.locator("#state-paid")).to_be_visible()


@pytest.mark.parametrize("where", ["checkout", "wallet"])
@pytest.mark.parametrize("own", [True, False])
def test_leaving_is_questioned_while_money_is_on_its_way_but_not_by_own_links(
    api: ApiFixture, visit: Visit, where: str, own: bool
) -> None:
    session = api.create_session("other_merchant")
    start(api, session)
    page = visit().open(session["checkout_url"] if where == "checkout" else wallet_address(session))
    status(page).to_have_attribute("data-status", "processing")
    page.locator("header").click()  # browsers ask only after an interaction with the page
    dialogs: list[str] = []

    def accept(dialog: Dialog) -> None:
        dialogs.append(dialog.type)
        dialog.accept()

    page.on("dialog", accept)

    if own and where == "checkout":
        page.get_by_role("button", name="Pay another way").click()
        expect(page.get_by_role("heading", name="Being stopped")).to_be_visible()
    elif own:
        page.get_by_role("link", name="Scan another code").click()
        page.wait_for_url("**/wallet**")
    else:
        with page.expect_event("close"):
            page.close(run_before_unload=True)

    assert dialogs == ([] if own else ["beforeunload"])


def bring_to(notice: str, api: ApiFixture, session: dict[str, Any]) -> str:
    """Bring a session to a notice; returns its status."""
    attempt = start(api, session)
    match notice:
        case "unanswered":
            say(api, MarkAttemptUnknown(**attempt))
            return "processing"
        case "unresolved":
            say(api, FlagSession(**attempt, flag=Flag.UNRESOLVED))
            return "processing"
        case "declined":
            say(api, DeclineAttempt(**attempt))
            return "created"
        case "late":
            say(api, DeclineAttempt(**attempt))
            cancel = f"/v1/payment-sessions/{session['id']}/cancel"
            assert api.call("other_merchant", "POST", cancel).status_code == 200
            say(api, CaptureAttempt(**attempt, **captured()))
            return "cancelled"
        case "mismatched":
            say(api, CaptureAttempt(**attempt, **captured(999)))
            return "created"
        case "over":
            say(api, CaptureAttempt(**attempt, **captured(1100)))
            return "paid"
        case "duplicate":
            say(api, CaptureAttempt(**attempt, **captured()))
            say(api, CaptureAttempt(**attempt, **captured()))
            return "paid"
        case _:
            say(api, DeclineAttempt(**attempt))
            for _ in range(ATTEMPTS_MAX - 1):
                say(api, DeclineAttempt(**start(api, session)))
            return "failed"


NOTICES = ["unanswered", "unresolved", "declined", "late", "mismatched", "over", "duplicate", ""]


@pytest.mark.parametrize("notice", NOTICES)
def test_what_a_payer_must_know_is_shown_live_and_after_a_reload(
    api: ApiFixture, visit: Visit, notice: str
) -> None:
    session = api.create_session("other_merchant")
    live = {
        "checkout": visit().open(session["checkout_url"]),
        "wallet": visit(color_scheme="dark").open(wallet_address(session)),
    }
    expect(live["checkout"].get_by_text("Live")).to_be_visible()
    state = bring_to(notice, api, session)

    for name, page in live.items():
        for _ in range(2):
            status(page).to_have_attribute("data-status", state)
            status(page).to_have_attribute("data-notice", notice)
            if notice:
                expect(page.locator(f"#notice-{notice}")).to_be_visible()
            page.reload()
        charged = page.get_by_text(re.compile("you were not charged|Nothing was charged"))
        if notice == "late":
            expect(charged.locator("visible=true")).to_have_count(0)
        check_page(page, f"{name}-notice-{notice or 'failed'}")


@pytest.mark.parametrize("lang", sorted(languages()))
def test_processing_in_every_language_fits_narrow_screens(
    api: ApiFixture, visit: Visit, lang: str
) -> None:
    session = api.create_session("other_merchant")
    attempt = start(api, session)
    say(api, AcceptAttempt(**attempt, reference="pi_1"))
    say(api, MarkAttemptUnknown(**attempt))
    payer = visit(viewport={"width": 320, "height": 900})
    for name, url in (
        ("checkout", f"{session['checkout_url']}&lang={lang}"),
        ("wallet", f"{wallet_address(session)}?lang={lang}"),
    ):
        page = payer.open(url)
        status(page).to_have_attribute("data-status", "processing")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        check_page(page, f"{lang}-{name}-processing-narrow")


def test_a_refused_start_says_why_and_a_reload_starts_nothing(
    api: ApiFixture, visit: Visit
) -> None:
    session = api.create_session()
    for scripts in (True, False):
        screen = visit(java_script_enabled=scripts).open(session["checkout_url"])
        if scripts:
            expect(screen.get_by_text("Live")).to_be_visible()
        api.scan(session, api.open_wallet())

        screen.get_by_role("button", name="Test payment").click()

        expect(screen.get_by_role("alert")).to_have_text(
            "Another wallet is paying. Try again in a moment."
        )
        if scripts:
            check_page(screen, "checkout-start-refused")
