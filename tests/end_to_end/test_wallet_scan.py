"""The wallet's page with a camera: scan, confirm, pay, and what it says of codes it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.end_to_end.browsing import TILL, Visit, Visitor, check_page, make_token, status, until
from tests.end_to_end.fake_camera import film
from tests.support.api_fixture import ApiFixture

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]


def opened(visitor: Visitor, api: ApiFixture, path: str = "/wallet") -> Page:
    """The wallet's page, signed in."""
    page = visitor.open(api.settings.public_origin + path)
    page.get_by_label("Wallet token").fill(make_token(api))
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#scanner")).to_be_visible()
    return page


def scan(page: Page, camera: Path, text: str) -> None:
    film(camera, text)
    page.get_by_role("button", name="Open the camera").click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_tills_screen_is_scanned_confirmed_and_paid(
    api: ApiFixture, visit: Visit, camera: Path, scheme: str
) -> None:
    session = api.create_session(description="2 coffees")
    screen = visit(viewport=TILL).open(session["checkout_url"])
    page = opened(visit(color_scheme=scheme), api)
    check_page(page, f"scan-home-{scheme}")

    scan(page, camera, session["qr"]["payload"])
    pay = page.get_by_role("button", name="Pay $10.00")
    expect(pay).to_be_visible()
    status(screen).to_have_attribute("data-status", "scanned")
    expect(page.get_by_role("heading", name="Cafe")).to_be_visible()
    pay.click()

    status(page).to_have_attribute("data-status", "paid")
    status(screen).to_have_attribute("data-status", "paid")
    check_page(page, f"scan-paid-{scheme}")


def test_a_frame_stands_round_the_code_while_it_is_checked(
    api: ApiFixture, visit: Visit, camera: Path
) -> None:
    held: list[Route] = []
    page = opened(visit(), api)
    page.route("**/v1/scans", lambda route: held.append(route))  # noqa: PLW0108 - its name is read

    scan(page, camera, api.create_session()["qr"]["payload"])

    expect(page.locator("#corners")).to_have_attribute("points", re.compile(r"\d"))
    check_page(page, "scan-found")
    box = page.locator("#corners").bounding_box()
    view = page.locator("#viewfinder").bounding_box()
    assert box
    assert view
    assert view["x"] < box["x"] < box["x"] + box["width"] < view["x"] + view["width"]
    assert abs(box["x"] + box["width"] / 2 - view["x"] - view["width"] / 2) < 8
    assert len(held) == 1  # one code, one request, however often the camera sees it
    held[0].continue_()
    while len(held) < 2:  # the payment's own page claims it as well
        page.wait_for_timeout(10)
    held[1].continue_()
    expect(page.get_by_role("button", name="Pay $10.00")).to_be_visible()


def test_the_scanner_is_loaded_when_the_camera_is_opened_and_from_this_host(
    api: ApiFixture, visit: Visit, camera: Path
) -> None:
    visitor = visit()
    page = opened(visitor, api)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    expect(page.get_by_role("button", name="Open the camera")).to_be_visible()
    assert not [url for url in requests if "/vendor/" in url]

    scan(page, camera, api.create_session()["qr"]["payload"])
    expect(page.get_by_role("button", name="Pay $10.00")).to_be_visible()

    vendored = [url.rpartition("/")[2] for url in requests if "/vendor/" in url]
    assert vendored == ["ponyfill.js", "zxing-exported.js", "zxing_reader.wasm"]


@pytest.mark.parametrize("works", [True, False], ids=["works", "service missing"])
def test_the_browsers_own_detector_is_preferred_where_it_works(
    api: ApiFixture, visit: Visit, camera: Path, works: bool
) -> None:
    session = api.create_session()
    visitor = visit()
    visitor.context.add_init_script(
        """globalThis.BarcodeDetector = class {
            static getSupportedFormats() { return Promise.resolve(["qr_code"]); }
            detect() { return %s; }
        };"""
        % (
            f"Promise.resolve([{{rawValue: '{session['qr']['payload']}', cornerPoints: []}}])"
            if works
            else "Promise.reject(new DOMException('unavailable', 'NotSupportedError'))"
        )
    )
    page = opened(visitor, api)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))

    scan(page, camera, session["qr"]["payload"])

    expect(page.get_by_role("button", name="Pay $10.00")).to_be_visible()
    assert any("/vendor/" in url for url in requests) is not works


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("http://pay.example/q/01h455vb4pex5vsknk084sn02q", "leads to another website"),
        ("WIFI:T:WPA;S=cafe;P=secret;;", "not a payment code"),
        (
            "00020101021129370016A000000677010111011300668012345675802TH530376463046197",
            "This",
        ),
    ],
)
def test_a_code_of_somebody_else_is_refused_in_plain_words(
    api: ApiFixture, visit: Visit, camera: Path, text: str, message: str
) -> None:
    page = opened(visit(), api)

    scan(page, camera, text)

    expect(page.locator("#error")).to_contain_text(message)
    expect(page.get_by_role("button", name="Open the camera")).to_be_visible()
    expect(page.locator("#video")).to_be_hidden()
    assert page.evaluate("document.getElementById('video').srcObject") is None


def test_the_camera_closes_with_the_page_and_opens_again_with_it(
    api: ApiFixture, visit: Visit, camera: Path
) -> None:
    page = opened(visit(), api)
    film(camera, None)
    page.get_by_role("button", name="Open the camera").click()
    expect(page.get_by_role("button", name="Close the camera")).to_be_visible()
    until(page, "document.getElementById('video').videoWidth > 0")
    hide = """hidden => {
        Object.defineProperty(document, "visibilityState", {value: hidden ? "hidden" : "visible", configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""

    page.evaluate(hide, True)
    assert page.evaluate("document.getElementById('video').srcObject") is None
    expect(page.locator("#error")).to_be_hidden()
    page.evaluate(hide, False)
    until(page, "document.getElementById('video').videoWidth > 0")

    check_page(page, "scan-searching")
    page.get_by_role("button", name="Close the camera").click()
    expect(page.get_by_role("button", name="Open the camera")).to_be_focused()


def test_another_camera_and_the_torch_are_offered_where_the_device_has_them(
    api: ApiFixture, visit: Visit, camera: Path
) -> None:
    visitor = visit()
    visitor.context.add_init_script(
        """globalThis.asked = [];
        MediaStreamTrack.prototype.getCapabilities = () => ({torch: true});
        MediaStreamTrack.prototype.applyConstraints = (wish) => Promise.resolve(asked.push(wish.advanced[0].torch));
        const [list, open] = ["enumerateDevices", "getUserMedia"].map(
            (name) => navigator.mediaDevices[name].bind(navigator.mediaDevices));
        navigator.mediaDevices.enumerateDevices = async () => [
            ...(await list()), {kind: "videoinput", deviceId: "second", label: "Second"}, {kind: "audioinput"}];
        navigator.mediaDevices.getUserMedia = async ({video: {deviceId, ...video}}) => {
            asked.push(deviceId?.exact ?? video.facingMode);
            return open({video});
        };"""
    )
    page = opened(visitor, api)
    film(camera, None)
    page.get_by_role("button", name="Open the camera").click()

    choice = page.get_by_label("Camera", exact=True)
    expect(choice.locator("option")).to_have_count(2)
    torch = page.get_by_role("button", name="Torch")
    torch.click()
    expect(torch).to_have_attribute("aria-pressed", "true")
    torch.click()
    expect(torch).to_have_attribute("aria-pressed", "false")
    check_page(page, "scan-torch-and-choice")
    choice.select_option("Second")
    until(page, "asked.length === 4 && document.getElementById('video').videoWidth > 0")
    assert page.evaluate("asked") == ["environment", True, False, "second"]


def test_the_example_page_shows_what_a_code_says(
    api: ApiFixture, visit: Visit, camera: Path
) -> None:
    page = visit().open(f"{api.settings.public_origin}/static/scan-example.html")
    check_page(page, "scan-example")

    scan(page, camera, "any text: é 日本")

    expect(page.get_by_role("status")).to_have_text("any text: é 日本")
