"""Receipts in a browser: on the wallet page, on the merchant's page of a payment, and on paper."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from api.pages.texts import languages
from domain.audit import note, receipt
from tests.end_to_end.browsing import (
    TILL,
    Visit,
    check_page,
    make_token,
    pay,
    signed_in,
    status,
)
from tests.support.api_fixture import ApiFixture
from tests.support.read_pictures import from_png, read
from tests.support.seal_now import seal
from tests.support.sealing import KEY

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]
TAGS = [one.tag for one in languages().values()]


def saved(page: Page, button: str, folder: Path) -> receipt.Receipt:
    """What a click on a button or link saves."""
    with page.expect_download() as saving:
        page.get_by_role("button", name=button).or_(page.get_by_role("link", name=button)).click()
    path = folder / saving.value.suggested_filename
    saving.value.save_as(path)
    assert path.suffix == ".tlog-proof"
    found = receipt.parse(path.read_bytes())
    found.note.verify([KEY.verifier])
    return found


def test_the_payer_saves_the_receipt_as_soon_as_it_is_sealed(
    api: ApiFixture, visit: Visit, tmp_path: Path
) -> None:
    session = api.create_session()
    page = signed_in(visit(), session, make_token(api))
    page.get_by_role("button", name="Pay $10.00").click()
    status(page).to_have_attribute("data-status", "paid")
    expect(page.get_by_text("The receipt is being sealed.")).to_be_visible()
    expect(page.get_by_role("button", name="Save the receipt of $10.00")).to_be_hidden()
    check_page(page, "wallet-receipt-waiting")

    seal(api.url)

    expect(page.get_by_role("button", name="Save the receipt of $10.00")).to_be_visible()
    expect(page.get_by_text("The receipt is being sealed.")).to_be_hidden()
    leaf = saved(page, "Save the receipt of $10.00", tmp_path).verify()
    assert leaf.topic == "wallet.captured"
    assert session["id"].encode() in leaf.state
    check_page(page, "wallet-receipt")
    expect(page.get_by_role("link", name="Check a receipt")).to_have_attribute(
        "href", "/verify?lang=en"
    )


def test_a_refund_has_a_receipt_on_the_wallet_page(
    api: ApiFixture, visit: Visit, tmp_path: Path
) -> None:
    session = api.create_session()
    page = signed_in(visit(), session, make_token(api))
    page.get_by_role("button", name="Pay $10.00").click()
    status(page).to_have_attribute("data-status", "paid")
    body = {"amount": {"minor": 300, "currency": "USD"}}
    path = f"/v1/payment-sessions/{session['id']}/refunds"
    assert api.call("merchant", "POST", path, body, key=str(uuid4())).status_code == 201
    seal(api.url)

    status(page).to_have_attribute("data-status", "partially_refunded")

    assert (
        saved(page, "Save the receipt of the refund of $3.00", tmp_path).verify().topic
        == "wallet.credited"
    )


def test_whoever_has_not_paid_sees_no_receipt(api: ApiFixture, visit: Visit) -> None:
    session = api.create_session()
    page = signed_in(visit(), session, make_token(api))
    page.get_by_role("button", name="Not now").click()
    expect(page.get_by_role("button", name="Pay after all")).to_be_visible()
    pay(api, session)
    status(page).to_have_attribute("data-status", "paid")
    seal(api.url)

    page.reload()

    status(page).to_have_attribute("data-status", "paid")
    expect(page.locator("#receipts")).to_be_hidden()


@pytest.mark.parametrize("tag", TAGS)
def test_the_merchant_downloads_receipts_on_the_page_of_a_payment(
    api: ApiFixture, visit: Visit, tag: str
) -> None:
    session, _ = api.create_paid_session()
    link = str(api.call("merchant", "POST", "/v1/dashboard-links").json()["url"])
    visitor = visit(viewport=TILL)
    page = visitor.open(link)
    page.wait_for_url("**/dashboard/deliveries")
    address = f"{api.settings.public_origin}/dashboard/payments/{session['id']}?lang={tag}"
    page.goto(address)
    expect(page.locator("main .warning a")).to_be_visible()
    check_page(page, f"payment-not-sealed-{tag}")
    seal(api.url)

    page.locator("main .warning a").click()

    expect(page.locator("main .warning")).to_be_hidden()
    with page.expect_download() as saving:
        page.locator("a[download]").click()
    assert saving.value.suggested_filename == f"{session['id']}.tlog-proof"
    check_page(page, f"payment-sealed-{tag}")
    page.goto(f"{api.settings.public_origin}/dashboard/payments?lang={tag}")
    expect(page.locator("main h1")).to_be_visible()
    check_page(page, f"payments-{tag}")


@pytest.mark.parametrize("tag", TAGS)
def test_a_checkpoint_fits_on_one_sheet_and_its_code_is_the_note(
    api: ApiFixture, visit: Visit, tag: str
) -> None:
    api.open_wallet(0)
    seal(api.url)
    page = visit(viewport=TILL).open(f"{api.settings.public_origin}/checkpoint?lang={tag}")
    shown = page.locator("pre").inner_text()
    check_page(page, f"checkpoint-{tag}")

    picture = page.locator(".code").screenshot()
    with page.expect_download() as saving:
        page.locator("a[download]").click()
    sheets = {size: page.pdf(format=size, prefer_css_page_size=False) for size in ("A4", "Letter")}

    kept = Path(saving.value.path()).read_bytes()
    assert kept.decode().strip() == shown.strip()
    note.parse(kept).verify([KEY.verifier])
    assert read(from_png(picture)) == kept.decode()
    for size, data in sheets.items():
        assert len(re.findall(rb"/Type\s*/Page\b(?!s)", data)) == 1, size
