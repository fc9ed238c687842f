"""The wallet's page without a camera: pictures, texts, amounts, and why a camera cannot be opened."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.end_to_end.browsing import Visit, check_page, make_token, screenshot
from tests.end_to_end.fake_camera import png
from tests.end_to_end.test_wallet_scan import opened
from tests.support.api_fixture import ApiFixture

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

STATIC = {
    "object": "static_code", "id": "sc_x", "merchant": {"id": "mer_x", "name": "Corner Cafe"},
    "currency": "USD", "min": {"minor": 100, "currency": "USD", "exponent": 2}, "label": "Till 3",
    "max": {"minor": 50000, "currency": "USD", "exponent": 2},
}  # fmt: skip
MISSING_CAMERAS = {
    "denied": ("new DOMException('', 'NotAllowedError')", "The camera is not allowed."),
    "absent": ("new DOMException('', 'NotFoundError')", "No camera was found."),
    "in use": ("new DOMException('', 'NotReadableError')", "Another app may be using it"),
}
DROP = """([kind, encoded]) => {
    const transfer = new DataTransfer();
    if (kind === "text") transfer.setData("text/plain", encoded);
    else {
        const bytes = Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0));
        transfer.items.add(new File([bytes], "code.png", {type: kind}));
    }
    return transfer;
}"""


def payable(page: Page) -> None:
    expect(page.get_by_role("button", name="Pay $10.00")).to_be_visible()


@pytest.mark.parametrize("case", MISSING_CAMERAS)
def test_a_camera_that_cannot_be_opened_is_explained_with_the_way_on(
    api: ApiFixture, visit: Visit, case: str
) -> None:
    error, message = MISSING_CAMERAS[case]
    visitor = visit()
    visitor.context.add_init_script(
        f"navigator.mediaDevices.getUserMedia = () => Promise.reject({error});"
    )
    page = opened(visitor, api)

    page.get_by_role("button", name="Open the camera").click()

    expect(page.locator("#error")).to_contain_text(message)
    expect(page.locator("#error")).to_contain_text("paste its text")
    check_page(page, f"scan-{case.replace(' ', '-')}")
    page.get_by_label("Text of the code").fill(api.create_session()["qr"]["payload"])
    page.get_by_role("button", name="Check the code").click()
    payable(page)


def test_a_page_without_https_says_that_the_camera_needs_it(api: ApiFixture, visit: Visit) -> None:
    visitor = visit()
    visitor.context.add_init_script(
        "Object.defineProperty(Navigator.prototype, 'mediaDevices', {get: () => undefined});"
        "delete Crypto.prototype.randomUUID;"
    )
    page = opened(visitor, api)

    page.get_by_role("button", name="Open the camera").click()

    expect(page.locator("#error")).to_contain_text("secure connection")
    page.get_by_label("Text of the code").fill(api.create_session()["qr"]["payload"])
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Pay $10.00").click()
    expect(page.get_by_role("heading", name="Paid")).to_be_visible()


def test_a_picture_is_read(api: ApiFixture, visit: Visit) -> None:
    page = opened(visit(), api)
    image = png(api.create_session()["qr"]["payload"])

    page.locator("#image").set_input_files(
        {"name": "code.png", "mimeType": "image/png", "buffer": image}
    )

    payable(page)


@pytest.mark.parametrize(
    ("name", "kind", "content", "message"),
    [
        ("notes.png", "image/png", b"no picture", "not a picture"),
        ("blank.png", "image/png", png("x")[:60], "not a picture"),
    ],
)
def test_a_file_without_a_code_is_refused(
    api: ApiFixture, visit: Visit, name: str, kind: str, content: bytes, message: str
) -> None:
    page = opened(visit(), api)

    page.locator("#image").set_input_files({"name": name, "mimeType": kind, "buffer": content})

    expect(page.locator("#error")).to_contain_text(message)


@pytest.mark.parametrize("event", ["drop", "paste"])
@pytest.mark.parametrize("kind", ["image/png", "text"])
def test_a_code_is_dropped_or_pasted_anywhere(
    api: ApiFixture, visit: Visit, event: str, kind: str
) -> None:
    text = api.create_session()["qr"]["payload"]
    page = opened(visit(), api)
    encoded = text if kind == "text" else base64.b64encode(png(text)).decode()
    transfer = page.evaluate_handle(DROP, [kind, encoded])

    member = "dataTransfer" if event == "drop" else "clipboardData"
    kind_of_event = "DragEvent" if event == "drop" else "ClipboardEvent"
    page.evaluate(
        f"""transfer => document.body.dispatchEvent(
            new {kind_of_event}("{event}", {{bubbles: true, cancelable: true, {member}: transfer}}))""",
        transfer,
    )

    payable(page)


def test_a_dropped_file_that_is_no_picture_is_refused(api: ApiFixture, visit: Visit) -> None:
    page = opened(visit(), api)
    transfer = page.evaluate_handle(DROP, ["application/pdf", base64.b64encode(b"x").decode()])

    page.evaluate(
        "transfer => document.body.dispatchEvent(new DragEvent('drop', {bubbles: true, dataTransfer: transfer}))",
        transfer,
    )

    expect(page.locator("#error")).to_contain_text("not a picture")


def test_the_key_of_a_scan_without_an_answer_survives_a_reload(
    api: ApiFixture, visit: Visit
) -> None:
    keys: list[str] = []
    page = opened(visit(), api)

    def lose(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        route.abort()

    page.route("**/v1/scans", lose)
    payload = api.create_session()["qr"]["payload"]
    for _ in range(2):
        page.get_by_label("Text of the code").fill(payload)
        page.keyboard.press("Enter")
        expect(page.locator("#error")).to_contain_text("No connection. Nothing was paid.")
        page.reload()
    page.get_by_label("Text of the code").fill(api.create_session()["qr"]["payload"])
    page.keyboard.press("Enter")
    expect(page.locator("#error")).to_contain_text("No connection")

    assert keys[0] == keys[1] != keys[2]


def test_an_expired_token_is_asked_for_again_and_the_code_is_not_lost(
    api: ApiFixture, visit: Visit
) -> None:
    page = visit().open(f"{api.settings.public_origin}/wallet")
    page.get_by_label("Wallet token").fill("qrw_nothing")
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Text of the code").fill(api.create_session()["qr"]["payload"])
    page.keyboard.press("Enter")

    expect(page.get_by_text("This wallet token is no longer valid.")).to_be_visible()
    check_page(page, "scan-signed-out")
    page.get_by_label("Wallet token").fill(make_token(api))
    page.get_by_role("button", name="Continue").click()

    payable(page)


@pytest.fixture
def asking(api: ApiFixture, visit: Visit) -> Any:
    """The page that asks for an amount, with what it then sends."""

    def asking(language: str = "en", **visitor: Any) -> tuple[Page, list[Any]]:
        sent: list[Any] = []
        page = opened(visit(**visitor), api)
        page.goto(f"{api.settings.public_origin}/wallet?lang={language}")

        def answer(route: Route) -> None:
            sent.append(json.loads(route.request.post_data or ""))
            if len(sent) == 1:
                route.fulfill(json=STATIC)
            else:
                route.abort()

        page.route("**/v1/scans", answer)
        page.locator("#payload").fill("any static code")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Corner Cafe")).to_be_focused()
        return page, sent

    return asking


AMOUNTS = [
    ("en", 2, "12.50", 1250), ("en", 2, "1", 100), ("en", 2, "1,234.5", 123450), ("en", 2, "12,50", None),
    ("en", 2, "0,012.5", None), ("en", 2, "1,0", None), ("en", 2, "-1", None), ("en", 2, "+1", None),
    ("en", 2, "1e2", None), ("en", 2, "12.505", None), ("en", 2, "0", None), ("en", 2, "0.00", None),
    ("en", 2, "1.", None), ("en", 2, ".5", None), ("en", 2, "1 2", None), ("en", 2, "1.2.3", None),
    ("en", 2, "", None), ("en", 2, "Infinity", None), ("en", 2, "9999999999.99", 999_999_999_999),
    ("en", 2, "10000000000.00", None), ("en", 2, "0000000000001.00", 100), ("en", 2, " 7 ", 700),
    ("en", 0, "1,234", 1234), ("en", 0, "1.0", None), ("en", 3, "0.001", 1), ("en", 4, "1", 10_000),
    ("pt", 2, "12,50", 1250), ("pt", 2, "12.50", None), ("pt", 2, "1.234,5", 123450),
    ("ar", 2, "\u0661\u0662\u066b\u0665\u0660", 1250), ("ar", 2, "12.5", 1250),
    ("ar", 2, "\u06f1\u066c\u06f2\u06f3\u06f4", 123_400), ("en", 2, "\uff11", None), ("en", 2, "\u0967", None),
]  # fmt: skip


def test_an_amount_is_read_in_the_notation_of_the_language(api: ApiFixture, visit: Visit) -> None:
    page = visit().open(f"{api.settings.public_origin}/wallet")

    read = page.evaluate(
        """async cases => {
            const { minorUnits } = await import("/static/amounts.js");
            return cases.map(([language, exponent, text]) => minorUnits(text, exponent, language));
        }""",
        [list(case[:3]) for case in AMOUNTS],
    )

    assert [(*case[:3], result) for case, result in zip(AMOUNTS, read, strict=True)] == AMOUNTS


@pytest.mark.parametrize(
    ("language", "typed", "minor"),
    [("en", "500.00", 50000), ("pt", "12,50", 1250), ("en", "0.99", None), ("en", "500.01", None)],
)
def test_an_amount_within_the_limits_is_sent_with_the_same_code(
    asking: Any, language: str, typed: str, minor: int | None
) -> None:
    page, sent = asking(language)

    page.locator("#amount").fill(typed)
    page.keyboard.press("Enter")

    expect(page.locator("#amount-error")).not_to_be_empty()  # outside, or the answer is lost
    if minor is None:
        expect(page.locator("#amount")).to_be_focused()
        assert len(sent) == 1
    else:
        assert sent[1] == {**sent[0], "amount": {"minor": minor, "currency": "USD"}}


def test_the_payer_sees_payee_and_limits_and_may_go_back(asking: Any) -> None:
    page, _ = asking()
    expect(page.locator("#limits")).to_have_text("From $1.00 to $500.00")
    expect(page.get_by_text("Till 3")).to_be_visible()
    check_page(page, "scan-amount")

    page.locator("#amount").fill("x")
    page.keyboard.press("Enter")
    expect(page.locator("#amount-error")).to_have_text("Enter an amount such as 12.50.")
    check_page(page, "scan-amount-wrong")
    page.get_by_role("button", name="Scan another code").click()

    expect(page.get_by_role("button", name="Open the camera")).to_be_focused()


@pytest.mark.parametrize("width", [320, 195])
@pytest.mark.parametrize("language", ["en", "pt", "ar"])
def test_narrow_screens_need_no_horizontal_scrolling(
    asking: Any, width: int, language: str
) -> None:
    page, _ = asking(language, viewport={"width": width, "height": 640})
    for name in ("amount", "home"):
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, name
        check_page(page, f"scan-narrow-{width}-{name}-{language}")
        page.locator("#again").click() if name == "amount" else None


def test_without_scripts_the_page_says_what_to_do(api: ApiFixture, visit: Visit) -> None:
    page = visit(java_script_enabled=False).open(f"{api.settings.public_origin}/wallet")

    expect(page.get_by_text("Scanning a code needs JavaScript.")).to_be_visible()
    expect(page.locator("form:visible")).to_have_count(0)
    screenshot(page, "scan-no-script")


@pytest.mark.parametrize("spelled", [str.upper, str.lower])
def test_the_address_of_a_printed_code_opens_with_its_exact_text(
    api: ApiFixture, visit: Visit, spelled: Any
) -> None:
    sent: list[str] = []
    code = f"S/{'0' * 26}/K1/{'A' * 103}"
    page = visit().open(f"{api.settings.public_origin}/{spelled(code)}")
    page.on(
        "request", lambda one: sent.append(one.post_data or "") if one.method == "POST" else None
    )
    expect(page.get_by_label("Wallet token")).to_be_visible()
    assert sent == []

    page.get_by_label("Wallet token").fill(make_token(api))
    page.get_by_role("button", name="Continue").click()

    expect(page.locator("#error")).to_have_text(re.compile("code"))
    [body] = sent
    assert json.loads(body)["payload"] == f"{api.settings.public_origin}/{code}".upper()
