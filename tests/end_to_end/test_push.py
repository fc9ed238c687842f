"""Push in a real browser: subscribed by a click, encrypted, sent, decrypted, delivered, shown, opened.

`pushManager.subscribe()` waits for the vendor's push service, which no test can reach, so it is
replaced by keys of the test. Everything else is real: the page, the subscription in the database, the
worker, the HTTP call, the encryption, the service worker and its notification.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import CDPSession, Page, expect

from infrastructure.postgres.migrate import migrate
from infrastructure.qr_keys import key_file
from tests.end_to_end.browsing import Visit, Visitor, check_page, make_token, until, wallet_address
from tests.end_to_end.conftest import whole_browser
from tests.faults.test_database_away import wait_for
from tests.infrastructure.test_web_push import answering
from tests.support.api_fixture import ApiFixture, served_api
from tests.support.memory_push import Browser
from tests.support.postgres import rows
from tests.support.receiver import Receiver, receiving

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]
ROUND_TRIPS_MAX = 100
COUNT = "select count(*) from ledger.push_subscriptions"
VENDOR = """
globalThis.asked = 0;
const requestPermission = Notification.requestPermission.bind(Notification);
Notification.requestPermission = () => { globalThis.asked += 1; return requestPermission(); };
const kept = () => JSON.parse(localStorage.getItem("vendor") ?? "null");
const made = (json) => json && {
    endpoint: json.endpoint,
    toJSON: () => json,
    unsubscribe: async () => { localStorage.removeItem("vendor"); return true; },
};
if (globalThis.PushManager) PushManager.prototype.getSubscription = async () => made(kept());
if (globalThis.PushManager) PushManager.prototype.subscribe = async (options) => {
    globalThis.options = options;
    localStorage.setItem("vendor", JSON.stringify(SUBSCRIPTION));
    return made(SUBSCRIPTION);
};
"""
DELIVERIES_MAX = 5
SHOWN = """async (path) => {
    const end = performance.now() + 3000;
    while (performance.now() < end) {
        const shown = await (await navigator.serviceWorker.ready).getNotifications();
        if (shown.some((one) => one.tag === path)) return true;
        await new Promise(requestAnimationFrame);
    }
    return false;
}"""
NOTIFICATIONS = """async () => {
    const registration = await navigator.serviceWorker.ready;
    const found = await registration.getNotifications();
    return found.map((one) => [one.title, one.body, one.tag, one.lang]);
}"""


@pytest.fixture(scope="module")
def chromium() -> str:
    """Only the whole browser shows notifications."""
    return whole_browser()


@pytest.fixture(scope="module")
def api(
    make_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiFixture]:
    """An API that may call this machine, where the push service is."""
    url = make_database()
    migrate(url, mode="test", token_secret=b"s" * 32)
    keys = tmp_path_factory.mktemp("keys") / "qr-keys.json"
    key_file.create_if_absent(keys, Ed25519PrivateKey.generate(), datetime.now(UTC))
    with served_api(url, qr_keys=str(keys), webhook_loopback=True) as api:
        yield api


@dataclass
class Phone:
    """A payer's browser, the push service behind it, and what the payer sees."""

    visitor: Visitor
    api: ApiFixture
    service: Receiver
    keys: Browser = field(default_factory=Browser)
    token: str = ""

    @property
    def wallet(self) -> str:
        return f"wal_{self.token.split('_')[1]}"

    def open(self, *, granted: bool = True) -> Page:
        """The wallet page of a new session, signed in."""
        self.token = self.token or make_token(self.api)
        subscription = self.keys.subscription(f"{self.service.url}/phone")
        self.visitor.context.add_init_script(
            VENDOR.replace("SUBSCRIPTION", json.dumps(subscription))
        )
        if granted:
            origin = self.api.settings.public_origin
            self.visitor.context.grant_permissions(["notifications"], origin=origin)
        page = self.visitor.open(wallet_address(self.api.create_session()))
        page.get_by_label("Wallet token").fill(self.token)
        page.get_by_role("button", name="Continue").click()
        return page

    def subscribed(self) -> Page:
        """The same, after the click."""
        page = self.open()
        page.get_by_role("button", name="Notify me").click()
        expect(page.get_by_role("button", name="Stop notifying me")).to_be_visible()
        return page

    def cdp(self, page: Page) -> CDPSession:
        return self.visitor.context.new_cdp_session(page)

    def pay(self) -> str:
        """Another session, paid by this wallet; its path."""
        session = self.api.create_session()
        claim = self.api.scan(session, self.wallet).json()["claim"]["id"]
        assert self.api.pay(session, self.wallet, claim).status_code == 200
        return f"/q/{session['id'].removeprefix('ps_')}"

    def deliver(self, page: Page, message: bytes) -> None:
        """Hand a message to the service worker, as the browser does with what arrives."""
        session, registrations = self.cdp(page), []
        session.on(
            "ServiceWorker.workerRegistrationUpdated",
            lambda event: registrations.extend(event["registrations"]),
        )
        session.send("ServiceWorker.enable")
        for _ in range(ROUND_TRIPS_MAX):  # events arrive while the page is asked
            until(page, "await navigator.serviceWorker.ready")
            if registrations:
                break
        session.send(
            "ServiceWorker.deliverPushMessage",
            {
                "origin": self.api.settings.public_origin,
                "registrationId": registrations[-1]["registrationId"],
                "data": message.decode(),
            },
        )

    def show(self, page: Page, message: bytes) -> None:
        """Deliver a message until it is shown: the browser drops some while the worker restarts."""
        path = json.loads(message)["path"]
        for _ in range(DELIVERIES_MAX):
            self.deliver(page, message)
            if page.evaluate(SHOWN, path):
                return
        pytest.fail(f"the worker does not show {path}")


@pytest.fixture
def phone(api: ApiFixture, visit: Visit) -> Iterator[Phone]:
    with receiving(answering(201)) as service:
        yield Phone(visit(service_workers="allow"), api, service)


def test_a_payment_is_shown_on_the_device_and_opens_its_page(phone: Phone) -> None:
    page = phone.subscribed()
    path = phone.pay()
    [call] = phone.service.wait_for(1)
    message = phone.keys.decrypt(call.body)

    phone.show(page, message)

    assert page.evaluate(NOTIFICATIONS) == [
        ["Paid", "\u2068Cafe\u2069 has your payment.", path, "en"]
    ]
    assert not any(digit in message.decode().replace(path, "") for digit in ("10.00", "1000"))
    [worker] = phone.visitor.context.service_workers
    opened = worker.evaluate(
        """async () => {
            const opened = [];
            clients.openWindow = async (url) => { opened.push(url); };
            const [notification] = await registration.getNotifications();
            await new Promise((done) => {
                const event = new NotificationEvent("notificationclick", { notification });
                event.waitUntil = (promise) => promise.then(done);
                dispatchEvent(event);
            });
            return opened;
        }"""
    )
    assert opened == [f"{path}?lang=en"]
    assert page.evaluate(NOTIFICATIONS) == []


def test_what_the_payer_is_looking_at_is_not_shown_again(phone: Phone) -> None:
    page = phone.subscribed()
    path = page.evaluate("location.pathname")
    here, there = (
        json.dumps({"title": "Paid", "body": "", "path": one, "lang": "en", "dir": "ltr"})
        for one in (path, "/q/01h455vb4pex5vsknk084sn02q")
    )

    phone.deliver(page, here.encode())
    phone.show(page, there.encode())

    assert [tag for _, _, tag, _ in page.evaluate(NOTIFICATIONS)] == [
        "/q/01h455vb4pex5vsknk084sn02q"
    ]


@pytest.mark.parametrize(
    "message", ["", "x", "[]", "null", '{"title": "x"}', '{"title": "x", "path": "https://evil.example/"}',
                '{"title": "x", "path": "/q/../docs/aaaaaaaaaaaaaaaaaaa"}', '{"title": {}, "path": "/q/01h455vb4pex5vsknk084sn02q"}'],
)  # fmt: skip
def test_messages_of_somebody_else_are_not_shown(phone: Phone, message: str) -> None:
    page = phone.subscribed()

    phone.deliver(page, message.encode())
    good = {"title": "Paid", "body": "", "path": "/q/01h455vb4pex5vsknk084sn02q", "lang": "en"}
    phone.show(page, json.dumps(good).encode())

    # the browser may add a note of its own for a message that shows nothing
    assert "x" not in [title for title, *_ in page.evaluate(NOTIFICATIONS)]


def test_nobody_is_asked_before_the_click_and_the_switch_turns_off(phone: Phone) -> None:
    page = phone.open()
    expect(page.get_by_role("button", name="Notify me")).to_be_visible()
    assert page.evaluate("globalThis.asked") == 0
    assert rows(phone.api.url, COUNT + " where wallet_id = %s", phone.wallet) == [(0,)]
    check_page(page, "push-off")

    page.get_by_role("button", name="Notify me").click()
    expect(page.get_by_role("button", name="Stop notifying me")).to_be_visible()
    assert page.evaluate("globalThis.asked") == 1
    key = phone.api.call("", "GET", "/v1/push-key").json()["public_key"]
    assert page.evaluate("globalThis.options") == {
        "userVisibleOnly": True,
        "applicationServerKey": key,
    }
    check_page(page, "push-on")
    page.reload()
    expect(page.get_by_role("button", name="Stop notifying me")).to_be_visible()
    assert page.evaluate("globalThis.asked") == 0

    page.get_by_role("button", name="Stop notifying me").click()
    expect(page.get_by_role("button", name="Notify me")).to_be_visible()
    assert rows(phone.api.url, COUNT + " where wallet_id = %s", phone.wallet) == [(0,)]
    assert page.evaluate("localStorage.length") == 0


def test_the_start_page_has_the_switch_too(phone: Phone) -> None:
    page = phone.subscribed()

    page.goto(f"{phone.api.settings.public_origin}/wallet?lang=pt-BR")

    expect(page.get_by_role("button", name="Parar de avisar")).to_be_visible()


def test_a_payer_who_has_blocked_notifications_is_told_what_to_do(phone: Phone) -> None:
    page = phone.open(granted=False)  # a browser without a window says no for its user

    page.get_by_role("button", name="Notify me").click()

    expect(page.get_by_text("Notifications are blocked.")).to_be_visible()
    expect(page.get_by_role("button", name="Notify me")).to_be_hidden()
    check_page(page, "push-denied")


def test_a_browser_without_push_says_so(phone: Phone) -> None:
    phone.visitor.context.add_init_script("delete globalThis.PushManager;")
    page = phone.open()

    expect(page.get_by_text("This browser cannot show notifications.")).to_be_visible()
    expect(page.get_by_role("button", name="Notify me")).to_be_hidden()


def test_a_subscription_that_the_browser_has_renewed_is_told_to_the_server(phone: Phone) -> None:
    page = phone.subscribed()
    renewed = phone.keys.subscription(f"{phone.service.url}/renewed")

    page.evaluate("(json) => localStorage.setItem('vendor', JSON.stringify(json))", renewed)
    page.reload()
    expect(page.get_by_role("button", name="Stop notifying me")).to_be_visible()
    phone.pay()

    assert {call.path for call in phone.service.wait_for(2)} == {"/hooks/phone", "/hooks/renewed"}


def test_a_subscription_that_the_push_service_has_ended_is_deleted(phone: Phone) -> None:
    phone.service.answer = answering(410)
    phone.subscribed()
    query = COUNT + " where wallet_id = %s"
    assert rows(phone.api.url, query, phone.wallet) == [(1,)]

    phone.pay()

    phone.service.wait_for(1)
    wait_for(lambda: rows(phone.api.url, query, phone.wallet) == [(0,)])
