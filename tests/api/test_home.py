"""The home page, and the payments that a person makes with it in a demo."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import pytest

from application.demo_accounts import CODE_SECONDS, CODES_MAX, DemoAccounts, PhoneCodes
from application.event_log import history
from domain import ids
from domain.merchants.api_key import BearerKey
from tests.support.memory_api import http_scope, respond
from tests.support.memory_client import MemoryClient, memory_client
from tests.support.read_pictures import from_svg, read

NUMBER = "0" * 31 + "1"
FORM = f"number={NUMBER}&amount=12.34"


@pytest.fixture
def client() -> Iterator[MemoryClient]:
    with memory_client() as client:
        yield client


@pytest.fixture
def demo(client: MemoryClient) -> MemoryClient:
    """A ledger whose home page has accounts."""
    ledger = client.api.ledger
    client.api.services.demo.accounts = DemoAccounts(
        merchant_id=ids.decode("mer", ledger.merchant),
        wallet_id=ids.decode("wal", client.api.wallet_id),
        wallet_key_id=BearerKey.parse(client.api.keys["wallet"]).key_id,
    )
    return client


def send(
    client: MemoryClient, method: str, path: str, body: str = "", **headers: str
) -> tuple[int, dict[str, str], str]:
    """The status, headers and text of a response; without others, the headers of our own page."""
    own = client.api.services.config.public_url
    sent = {"host": urlsplit(own).netloc, "origin": own, "accept": "text/html", **headers}
    pairs = [(name.encode(), value.encode()) for name, value in sent.items() if value]
    scope = http_scope(method, path, "", pairs)
    start, *parts = client.run(respond(client.api.app, scope, body.encode()))
    names = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return start["status"], names, b"".join(part["body"] for part in parts).decode()


def sessions(client: MemoryClient) -> int:
    topic = "payment_session.created"
    return sum(one.topic == topic for one in client.api.ledger.log.read(0, 1000))


def test_the_home_page_leads_on_and_names_no_key(demo: MemoryClient) -> None:
    status, headers, page = send(demo, "GET", "/")

    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert 'action="/demo/payments?lang=en"' in page
    for link in re.findall(r'href="(/[^"]*)"', page):
        path, _, query = link.partition("?")
        found = demo.call("", "GET", path, query=query, headers={"accept": "*/*"})
        assert found.status == (503 if path == "/checkpoint" else 200), link  # nothing is sealed
    assert "qrl_" not in page
    assert "qrw_" not in page


@pytest.mark.parametrize("mode", ["test", "live"])
def test_without_the_accounts_of_a_demo_nothing_can_be_paid_from_it(mode: str) -> None:
    with memory_client(mode=mode) as client:
        page = send(client, "GET", "/")[2]
        status, _, refused = send(client, "POST", "/demo/payments", FORM)

    assert "<form" not in page
    assert ("test ledger" in page) is (mode == "test")
    assert (status, "not-found · " in refused) == (404, True)


def test_a_payment_of_the_home_page_has_both_of_its_sides(demo: MemoryClient) -> None:
    status, headers, page = send(demo, "POST", "/demo/payments", FORM)

    assert (status, headers["cache-control"]) == (200, "no-store")
    assert "<title>New payment · $12.34</title>" in page
    till, wallet = (
        re.search(f'id="{side}" href="([^"]+)"', page)[1].replace("&amp;", "&")  # type: ignore[index]
        for side in ("till", "wallet")
    )
    screen = urlsplit(till)
    assert demo.call("", "GET", screen.path, query=screen.query).body["amount"]["minor"] == 1234
    code, _, token = wallet.partition("#token=")
    body = {"payload": f"{demo.api.services.config.public_url}{urlsplit(code).path}"}
    scanned = demo.call(token, "POST", "/v1/scans", {**body, "wallet_id": demo.api.wallet_id})
    assert (scanned.status, scanned.body["status"]) == (200, "scanned")
    assert "qrl_" not in page


def test_the_browser_may_send_a_form_again(demo: MemoryClient) -> None:
    before = sessions(demo)

    first, again = (send(demo, "POST", "/demo/payments", FORM)[2] for _ in range(2))
    other = send(demo, "POST", "/demo/payments", FORM.replace("12.34", "12.35"))[0]

    assert sessions(demo) == before + 2
    pattern = r"/q/\w+"
    assert re.findall(pattern, first) == re.findall(pattern, again)
    assert other == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": ""},
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:8080.evil.example"},
        {"host": "evil.example"},
        {"host": "evil.example:8080", "origin": "http://evil.example:8080"},
        {"host": "localhost:8080", "origin": "http://localhost:8080"},
        {"host": "127.0.0.1"},
    ],
)
def test_only_a_form_of_our_own_page_under_our_own_name_makes_a_payment(
    demo: MemoryClient, headers: dict[str, str]
) -> None:
    before = demo.head

    status, _, text = send(demo, "POST", "/demo/payments", FORM, **headers)

    assert (status, "foreign-origin · " in text) == (403, True)
    assert demo.head == before


@pytest.mark.parametrize(
    "form",
    [
        "", "amount=1", f"number={NUMBER}", f"number={NUMBER}&amount=", f"number={NUMBER}&amount=0",
        f"number={NUMBER}&amount=0.00", f"number={NUMBER}&amount=-1", f"number={NUMBER}&amount=1e3",
        f"number={NUMBER}&amount=12.345", f"number={NUMBER}&amount=12,50",
        f"number={NUMBER}&amount=10000", f"number={NUMBER}&amount=%D9%A1",
        f"number={NUMBER}&amount=1%00", f"number={NUMBER}&amount=1&amount=2", f"{FORM}&a=1&b=2&c=3",
        "number=x&amount=1", f"number={NUMBER.upper()}F&amount=1", "\u212a=1", "{}", "&&&",
    ],
)  # fmt: skip
def test_a_form_that_no_browser_of_ours_sends_is_refused(demo: MemoryClient, form: str) -> None:
    before = demo.head

    status, _, page = send(demo, "POST", "/demo/payments", form)

    assert (status, "This amount is not valid" in page) == (400, True)
    assert demo.head == before


def test_a_form_has_a_limited_size(demo: MemoryClient) -> None:
    status, _, text = send(demo, "POST", "/demo/payments", FORM + "&x=" + "y" * 300)

    assert (status, "body-too-large · " in text) == (413, True)


@pytest.mark.parametrize(
    ("host", "leads"),
    [("localhost:8080", True), ("127.0.0.1:9", True), ("127.0.0.1:8080", False),
     ("pay.example", False), ("[::1]:8080", True), ("[", False)],
)  # fmt: skip
def test_under_another_name_of_this_machine_the_page_leads_to_its_own_origin(
    demo: MemoryClient, host: str, leads: bool
) -> None:
    status, headers, _ = send(demo, "GET", "/", host=host)

    own = f"{demo.api.services.config.public_url}/"
    assert (status == 307, headers.get("location") == own) == (leads, leads)


def test_what_the_page_does_is_recorded_as_the_demos(demo: MemoryClient) -> None:
    page = send(demo, "POST", "/demo/payments", FORM)[2]

    found = re.search(r"/q/(\w+)", page)
    assert found
    [created] = history(demo.api.ledger.log, ids.decode_suffix(found[1].lower()))
    event: Any = created.event
    assert (created.actor, event.amount_minor, event.currency) == ("demo", 1234, "USD")
    assert event.checkout_may_cancel


@pytest.fixture
def on_network(demo: MemoryClient) -> MemoryClient:
    """A demo that is open to the network."""
    numbers = iter(range(100))
    demo.api.services.demo.phones = PhoneCodes(
        lambda size: next(numbers).to_bytes(size, "big"), lambda: 0.0
    )
    return demo


def exchange(client: MemoryClient, code: str, **headers: str) -> tuple[int, str]:
    body = json.dumps({"code": code})
    kind = {"accept": "application/json", "content-type": "application/json", **headers}
    status, _, text = send(client, "POST", "/demo/phone", body, **kind)
    return status, text


def test_a_code_of_the_home_page_signs_one_phone_in(on_network: MemoryClient) -> None:
    page = send(on_network, "GET", "/")[2]
    drawn = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert drawn
    own = on_network.api.services.config.public_url
    code = read(from_svg(b64decode(unescape(drawn[1])))).removeprefix(f"{own}/demo/phone#")
    assert code == "0" * 32
    assert send(on_network, "GET", "/demo/phone")[0] == 200

    status, text = exchange(on_network, code)

    assert status == 200
    token = json.loads(text)["token"]
    path = f"/v1/wallets/{on_network.api.wallet_id}"
    assert on_network.call(token, "GET", path).status == 200
    assert exchange(on_network, code)[0] == 401
    assert exchange(on_network, "f" * 32)[0] == 401


@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"host": "evil.example"}])
def test_another_page_cannot_use_a_code(on_network: MemoryClient, headers: dict[str, str]) -> None:
    send(on_network, "GET", "/")

    assert exchange(on_network, "0" * 32, **headers)[0] == 403
    assert exchange(on_network, "0" * 32)[0] == 200


def test_a_demo_of_one_machine_signs_no_phone_in(demo: MemoryClient) -> None:
    assert "/demo/phone" not in send(demo, "GET", "/")[2]
    assert send(demo, "GET", "/demo/phone")[0] == 404
    assert exchange(demo, "0" * 32)[0] == 404


def test_codes_end_by_use_by_time_and_by_newer_ones() -> None:
    now, numbers = [0.0], iter(range(1000))
    codes = PhoneCodes(lambda size: next(numbers).to_bytes(size, "big"), lambda: now[0])

    first, second = codes.new(), codes.new()
    assert codes.use(first)
    assert not codes.use(first)
    now[0] = CODE_SECONDS
    assert not codes.use(second)
    oldest = codes.new()
    for _ in range(CODES_MAX):
        newest = codes.new()
    assert not codes.use(oldest)
    assert codes.use(newest)
