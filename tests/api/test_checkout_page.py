"""The checkout screen as the server writes it: claims, payments, languages, test ledgers."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from api.pages.texts import languages
from api.tokens import Use
from application.commands.capture_attempt import CaptureAttempt
from application.commands.set_processors import SetProcessors
from application.commands.start_attempt import StartAttempt
from domain import ids, times
from domain.money.money import Money
from tests.support.ledger_fixture import LEASE_SECONDS
from tests.support.memory_api import MemoryApi, http_scope, respond

HTML = [(b"accept", b"text/html")]
ADDRESSES = re.compile(r'(?:href|action)="(/[^"]*)"')


class Screen:
    """A checkout screen, as its HTTP requests."""

    def __init__(self, **config: Any) -> None:
        self.api = MemoryApi(**config)
        self.ledger = self.api.ledger
        self.open(self.ledger.create_session(checkout_may_cancel=True))

    def open(self, session_id: Any) -> None:
        self.id, self.name = session_id, ids.encode("ps", session_id)
        deadline = self.ledger.session(session_id).expires_at
        tokens = self.api.services.tokens
        self.token = tokens.for_session(Use.CHECKOUT, session_id, deadline)

    def call(
        self, rest: str = "", *, method: str = "GET", path: str = "", query: str = "", headers: Any = ()
    ) -> tuple[dict[str, str], str]:  # fmt: skip
        async def answer() -> list[dict[str, Any]]:
            async with self.api.running():
                address = path or f"/checkout/{self.name}{rest}"
                text = f"token={quote(self.token)}{query}" if not path else query
                return await respond(self.api.app, http_scope(method, address, text, headers), b"")

        start, *more = asyncio.run(answer())
        names = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        return names, b"".join(one.get("body", b"") for one in more).decode()

    def advance(self, seconds: float) -> None:
        log: Any = self.ledger.log
        log.advance(seconds)

    def page(self, query: str = "") -> str:
        return self.call(query=query, headers=HTML)[1]

    def view(self) -> dict[str, Any]:
        view: dict[str, Any] = json.loads(self.call()[1])
        return view

    def public(self) -> dict[str, Any]:
        view: dict[str, Any] = json.loads(self.call(path=f"/q/{self.name[3:]}")[1])
        return view

    def claim(self) -> str:
        return self.ledger.claim_session(self.id, ids.decode("wal", self.api.wallet_id))


def test_a_claims_lease_is_for_whoever_has_the_sessions_token() -> None:
    screen = Screen()
    before = screen.view()

    screen.claim()

    claim = screen.ledger.session(screen.id).claim
    lease_until = times.to_text(claim.lease_until) if claim else ""
    assert "lease_until" not in before
    assert screen.view()["lease_until"] == lease_until
    assert "lease_until" not in screen.public()
    assert 'data-lease="held"' in screen.page()
    assert '<bdi role="timer" id="lease">1:30</bdi>' in screen.page()
    screen.advance(LEASE_SECONDS)
    assert screen.view()["lease_until"] == lease_until
    assert 'data-lease="lapsed"' in screen.page()


def test_a_payment_says_what_it_was_made_with() -> None:
    screen = Screen()
    wallet, claim = ids.decode("wal", screen.api.wallet_id), screen.claim()

    screen.ledger.send(screen.ledger.pay(screen.id, wallet, claim))

    view, page = screen.view(), screen.page()
    assert view["paid_through"] == "wallet"
    assert not {"lease_until", "claim"} & set(view)
    assert not {"paid_through", "lease_until"} & set(screen.public())
    assert 'id="paid-through">Wallet<' in page
    assert f'class="reference">{screen.name}<' in page
    assert "<title>✓ Paid · Cafe · $10.00</title>" in page


def test_a_payment_through_a_processor_names_the_one_that_took_it() -> None:
    screen = Screen()
    merchant = screen.ledger.merchant_id
    screen.ledger.send(SetProcessors(merchant_id=merchant, processors=("sandbox",)))
    attempt = {"session_id": screen.id, "attempt_id": screen.ledger.new_id()}
    screen.ledger.send(StartAttempt(**attempt, processor="sandbox"))

    money = Money(1000, "USD")
    screen.ledger.send(CaptureAttempt(**attempt, reference="pi_1", money=money))

    assert screen.view()["paid_through"] == "sandbox"
    assert 'id="paid-through">Test payment<' in screen.page()


def own_addresses(page: str) -> list[str]:
    """The addresses of links and forms to pages of ours, but the switch of languages."""
    body = page.partition("<body>")[2]
    found = [one.replace("&amp;", "&") for one in ADDRESSES.findall(body)]
    return [one for one in found if not one.startswith("/static/")]


@pytest.mark.parametrize("processing", [False, True])
def test_a_chosen_language_stays_through_every_link_and_form(processing: bool) -> None:
    screen = Screen()
    merchant = screen.ledger.merchant_id
    screen.ledger.send(SetProcessors(merchant_id=merchant, processors=("sandbox",)))
    screen.open(
        screen.ledger.create_session(
            checkout_may_cancel=True, return_url="https://shop.example/back"
        )
    )
    if processing:
        command = StartAttempt(
            session_id=screen.id, attempt_id=screen.ledger.new_id(), processor="sandbox"
        )
        screen.ledger.send(command)

    page, plain = screen.page("&lang=pt"), screen.page()

    tags = {one.tag for one in languages().values()}
    switch = {tag for tag in tags if f'lang="{tag}" hreflang="{tag}"' in page}
    assert switch == tags
    addresses = own_addresses(page)
    assert len(addresses) >= 8
    for address in addresses:
        assert parse_qs(urlsplit(address).query).get("lang", [""])[0] in tags, address
    polled = json.loads(page.partition('id="data">')[2].partition("</script>")[0])["live"]
    assert polled["poll_url"].endswith("&lang=pt-BR")
    chosen = [one for one in own_addresses(plain) if "lang=" in one]
    assert len(chosen) == 2 * len(tags)  # the switch, once for each half of the page


def test_forms_send_the_browser_back_in_the_chosen_language() -> None:
    screen = Screen()
    merchant = screen.ledger.merchant_id
    screen.ledger.send(SetProcessors(merchant_id=merchant, processors=("sandbox",)))
    forms = ("/attempts", "&processor=sandbox"), ("/attempts/stop", ""), ("/cancel", "")

    for rest, query in forms:
        there, _ = screen.call(rest, method="POST", query=f"{query}&lang=ar", headers=HTML)
        assert there["location"] == f"/checkout/{screen.name}?token={screen.token}&lang=ar"


def test_a_payer_who_comes_back_from_a_processor_finds_the_chosen_language() -> None:
    screen = Screen(public_url="https://pay.example")
    merchant = screen.ledger.merchant_id
    screen.ledger.send(SetProcessors(merchant_id=merchant, processors=("sandbox",)))
    session = screen.ledger.session(screen.id)
    tokens = screen.api.services.tokens
    token = tokens.for_session(Use.RETURN, session.id, session.expires_at)
    back = f"/return/{screen.name}/{token}"
    start = {"rest": "/attempts", "method": "POST"}

    plain, _ = screen.call(query="&processor=sandbox", **start)
    chosen, _ = screen.call(query="&processor=sandbox&lang=pt", **start)

    assert "set-cookie" not in plain
    cookie, *rest = chosen["set-cookie"].split("; ")
    assert rest[0] == f"Path=/return/{screen.name}"
    assert set(rest[1:]) == {"Max-Age=86400", "HttpOnly", "SameSite=Lax", "Secure"}
    there = f"/checkout/{screen.name}?token={screen.token}"
    for sent, lang in (
        (cookie, "&lang=pt-BR"), ("", ""), (f"{cookie}x", ""), ("a=b; ; " + cookie, "&lang=pt-BR"),
        ("qrledger-language=en%22; x", ""),
    ):  # fmt: skip
        headers, _ = screen.call(path=back, headers=[*HTML, (b"cookie", sent.encode())])
        assert headers["location"] == f"{there}{lang}"


def test_a_return_with_too_many_parameters_is_still_answered() -> None:
    screen = Screen()
    path = f"/return/{screen.name}/x"

    headers, page = screen.call(path=path, query="&".join("a=1" for _ in range(101)), headers=HTML)

    assert headers["content-type"].startswith("text/html")
    assert "no longer valid" in page


@pytest.mark.parametrize("lang", ["xx", "%22%3E%3Cscript%3E", "en%0d%0aX:1", "pt%00"])
def test_what_an_address_says_of_the_language_is_not_repeated(lang: str) -> None:
    page = Screen().page(f"&lang={lang}")

    tags = {one.tag for one in languages().values()}
    found = {parse_qs(urlsplit(one).query)["lang"][0] for one in own_addresses(page)}
    assert found <= tags


@pytest.mark.parametrize("mode", ["test", "live"])
def test_a_test_ledger_says_so_and_every_screen_names_its_host(mode: str) -> None:
    page = Screen(mode=mode, public_url="https://pay.example").page()

    assert ("TEST: no money moves" in page) is (mode == "test")
    assert "A page of <bdi" in page
    assert ">pay.example</bdi>" in page


def test_without_scripts_times_are_for_people() -> None:
    screen = Screen()
    command = StartAttempt(
        session_id=screen.id, attempt_id=screen.ledger.new_id(), processor="sandbox"
    )
    merchant = screen.ledger.merchant_id
    screen.ledger.send(SetProcessors(merchant_id=merchant, processors=("sandbox",)))
    waiting = screen.page()
    screen.ledger.send(command)
    processing = screen.page()

    assert "Pay by <bdi" in waiting.partition('id="no-script"')[2]
    for page in (waiting, processing):
        shown = re.sub(r'datetime="[^"]*"', "", page.partition('<script type="application')[0])
        assert not re.search(r"\d{4}-\d\d-\d\dT", shown)


@pytest.mark.parametrize(
    ("seconds", "left", "last_minute"), [(900, "15:00", "false"), (86_400, "24:00:00", "false"), (60, "1:00", "true")]
)  # fmt: skip
def test_the_time_left_has_hours_and_its_last_minute_is_marked(
    seconds: int, left: str, last_minute: str
) -> None:
    screen = Screen()
    screen.open(screen.ledger.create_session(expires_in_seconds=seconds))

    page = screen.page()

    assert f'id="timer">{left}</bdi>' in page
    assert f'data-last-minute="{last_minute}"' in page
    assert 'stroke-dashoffset="0"' in page


@pytest.mark.parametrize("back", ["https://shop.example/back", None])
def test_an_expired_payment_offers_the_next_step(back: str | None) -> None:
    screen = Screen()
    screen.open(screen.ledger.create_session(return_url=back))
    screen.advance(901)

    page = screen.page()

    assert "Time ran out. Nothing was charged." in page
    assert ("To pay, return to the shop and start again." in page) is (back is not None)
    assert ("To pay, a new payment is needed." in page) is (back is None)


@pytest.mark.parametrize(
    ("minor", "chars"), [(1000, 8), (123_456_789, 16), (999_999_999_999, 21)]
)  # fmt: skip
def test_an_amount_is_given_the_room_that_its_length_needs(minor: int, chars: int) -> None:
    screen = Screen()
    screen.open(screen.ledger.create_session(amount=Money(minor, "USD")))

    assert f'class="amount chars-{chars}"' in screen.page()
