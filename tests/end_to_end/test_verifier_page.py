"""The verifier's page in a browser: served, and saved as a file without a connection."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from api.pages.texts import languages
from domain.audit.leaf import Leaf, encode
from domain.audit.merkle import hash_leaf, inclusion_proof, nodes_of, root_of
from domain.audit.note import Checkpoint
from domain.audit.receipt import Receipt
from tests.end_to_end.browsing import TILL, Visit, check_page
from tests.support import bundles
from tests.support.api_fixture import ApiFixture
from tests.support.bundles import KEY, ORIGIN
from tests.tampering.history import history

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

VKEY = str(KEY.verifier)
STATE = (
    '{"amount_minor":123450,"currency":"KWD","exponent":3,"merchant_id":"mer_01h455vb4pex5vsknk084sn02q",'
    '"merchant_name":"Corner Café","session_id":"ps_01h455vb4pex5vsknk084sn02q","timestamp":"2026-11-20T10:12:33.000001Z"}'
)


def receipt(state: str = STATE, topic: str = "wallet.captured") -> bytes:
    leaf = encode(
        Leaf(
            3,
            bytes(range(16)),
            2,
            1_790_000_000_000_001,
            bytes(16),
            bytes(16),
            3,
            "app",
            topic,
            state.encode(),
        )
    )
    hashes = [hash_leaf(b"another"), hash_leaf(b"event"), hash_leaf(leaf)]
    note = Checkpoint(ORIGIN, 3, root_of(hashes)).note(KEY)
    return Receipt(leaf, 2, inclusion_proof(2, 3, nodes_of(hashes)), note).encode()


def check(page: Page, data: bytes, name: str = "payment.tlog-proof", keys: str = VKEY) -> None:
    page.locator("#file").set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    )
    page.locator("#trust").fill(keys)
    page.locator("#check button").click()


@pytest.fixture
def page(api: ApiFixture, visit: Visit) -> Page:
    return visit(viewport=TILL).open(f"{api.settings.public_origin}/verify")


def test_a_receipt_is_proven_and_said_in_plain_words(page: Page) -> None:
    check(page, receipt())

    expect(page.get_by_role("heading", name="Proven", exact=True)).to_be_focused()
    facts = page.locator("#facts")
    for text in (
        "KWD 123.450",
        "Corner Café",
        "mer_01h455vb4pex5vsknk084sn02q",
        "September 21, 2026",
        ORIGIN,
    ):
        expect(facts).to_contain_text(text)
    expect(page.locator("#why")).to_contain_text("A wallet has paid a merchant.")
    expect(page.locator("#signatures")).to_contain_text("by your browser")
    check_page(page, "verifier-proven")


def test_a_changed_receipt_another_key_and_another_file_are_told_apart(page: Page) -> None:
    changed = receipt().replace(b"index 2", b"index 1")

    check(page, changed)
    expect(page.get_by_role("heading", name="Not proven")).to_be_visible()
    expect(page.locator("#why")).to_contain_text("It does not belong to the log that was signed")
    expect(page.locator("#facts")).to_be_hidden()
    check_page(page, "verifier-not-proven")
    check(page, receipt()[:100])
    expect(page.get_by_role("heading", name="Unreadable")).to_be_visible()
    check_page(page, "verifier-unreadable")
    check(page, receipt(), keys="example.com+00000000+AAAA")
    expect(page.locator("#why")).to_contain_text("A key is not written correctly.")
    check(page, b"\x89PNG", name="picture.png")
    expect(page.locator("#why")).to_contain_text("neither a receipt nor a bundle")


def test_what_a_receipt_says_is_shown_as_text_only(page: Page) -> None:
    state = STATE.replace("Corner Café", "<img src=x onerror=alert(1)>")

    check(page, receipt(state, topic="<b>topic</b>"))

    expect(page.locator("#facts")).to_contain_text("<img src=x onerror=alert(1)>")
    expect(page.locator("#why")).to_contain_text("<b>topic</b>")
    assert page.locator("#facts img, #why b").count() == 0


def test_a_bundle_is_checked_with_an_older_checkpoint(page: Page, tmp_path: Path) -> None:
    ledger = history(1001)
    data = bundles.pack(ledger.members, tmp_path / "ledger.tar").read_bytes()
    older = tmp_path / "old.note"
    older.write_bytes(ledger.older.encode())
    check(page, data, name="ledger.tar")
    expect(page.get_by_role("heading", name="Proven", exact=True)).to_be_visible()
    expect(page.locator("#why")).to_contain_text("You chose no older checkpoint")

    page.locator("#older").set_input_files([older])
    check(page, data, name="ledger.tar")
    expect(page.locator("#why")).to_contain_text("They continue every older checkpoint")
    check_page(page, "verifier-bundle")

    at = data.index(b"payment_session.")
    check(page, data[:at] + b"P" + data[at + 1 :], name="ledger.tar")
    expect(page.locator("#why")).to_contain_text("The first position that is wrong")


@pytest.mark.parametrize("tag", [one.tag for one in languages().values()])
def test_the_saved_file_works_alone_in_every_language(
    api: ApiFixture, visit: Visit, tmp_path: Path, tag: str
) -> None:
    visitor = visit()
    page = visitor.open(f"{api.settings.public_origin}/verify?lang={tag}")
    with page.expect_download() as saving:
        page.locator("#save a").click()
    saved = tmp_path / saving.value.suggested_filename
    saving.value.save_as(saved)
    page.close()
    visitor.context.set_offline(True)
    alone = visitor.context.new_page()
    problems: list[str] = []
    alone.on("console", lambda message: problems.append(message.text))
    alone.on("pageerror", lambda error: problems.append(str(error)))
    requests: list[str] = []
    alone.on("request", lambda request: requests.append(request.url))

    alone.goto(saved.as_uri())
    expect(alone.locator("#save")).to_be_hidden()
    check(alone, receipt())

    expect(alone.locator("#result")).to_have_attribute("data-verdict", "proven")
    expect(alone.locator("#facts")).to_contain_text("123")
    check_page(alone, f"verifier-saved-{tag}")
    assert problems == []
    assert [url for url in requests if not url.startswith(("data:", saved.as_uri()))] == []


def test_without_a_browser_that_knows_the_signature_the_page_checks_it(
    api: ApiFixture, visit: Visit
) -> None:
    visitor = visit()
    visitor.context.add_init_script("Object.defineProperty(crypto, 'subtle', {value: undefined})")
    page = visitor.open(f"{api.settings.public_origin}/verify")

    check(page, receipt())

    expect(page.get_by_role("heading", name="Proven", exact=True)).to_be_visible()
    expect(page.locator("#signatures")).to_contain_text("so this page does it itself")


def test_without_scripts_the_page_says_what_it_needs(api: ApiFixture, visit: Visit) -> None:
    page = visit(java_script_enabled=False).open(f"{api.settings.public_origin}/verify")

    expect(page.get_by_text("Checking needs JavaScript.")).to_be_visible()
    expect(page.locator("#check")).to_be_hidden()
