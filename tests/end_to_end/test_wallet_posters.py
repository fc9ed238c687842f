"""Printed codes before the wallet's camera: paid, and refused with the reason."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from application.commands.set_qr_settings import SetQrSettings
from domain import ids
from domain.merchants.qr_settings import QrSettings
from tests.end_to_end.browsing import Visit, check_page, make_token, status
from tests.end_to_end.test_wallet_scan import opened, scan
from tests.support.api_fixture import ApiFixture

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

OPEN = {"min": {"minor": 100, "currency": "USD"}, "max": {"minor": 5000, "currency": "USD"}}


def poster(api: ApiFixture, **facts: Any) -> dict[str, Any]:
    body = {"currency": "USD", "label": "Till 3", **facts}
    response = api.call("merchant", "POST", "/v1/static-codes", body)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


def pays(page: Page, amount: str) -> None:
    page.get_by_role("button", name=f"Pay {amount}").click()
    status(page).to_have_attribute("data-status", "paid")


def refused(page: Page, message: str, name: str) -> None:
    expect(page.locator("#error")).to_contain_text(message)
    expect(page.get_by_role("button", name="Open the camera")).to_be_visible()
    check_page(page, name)


@pytest.mark.parametrize("form", ["url", "emv"])
def test_a_poster_with_an_open_amount_is_paid(
    api: ApiFixture, visit: Visit, camera: Path, form: str
) -> None:
    settings = QrSettings(country="US", city="Springfield", category="5812", name="Corner Cafe")
    api.admin.send(
        SetQrSettings(merchant_id=ids.decode("mer", api.merchants[0]), settings=settings)
    )
    code = poster(api, formats=[form], **OPEN)
    page = opened(visit(), api)

    scan(page, camera, code["payloads"][form])
    expect(page.get_by_role("heading", name="Cafe")).to_be_focused()
    expect(page.locator("#limits")).to_have_text("From $1.00 to $50.00")
    check_page(page, f"poster-amount-{form}")
    page.get_by_label("Amount").fill("12.50")
    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_role("button", name="Pay $12.50")).to_be_visible()  # the session's own page
    check_page(page, f"poster-confirm-{form}")
    pays(page, "$12.50")
    check_page(page, f"poster-paid-{form}")


def test_a_poster_with_a_fixed_amount_asks_for_no_amount(
    api: ApiFixture, visit: Visit, camera: Path
) -> None:
    code = poster(api, amount={"minor": 750, "currency": "USD"})
    page = opened(visit(), api)

    scan(page, camera, code["payloads"]["url"])

    pays(page, "$7.50")


def test_a_poster_opened_by_the_phones_own_camera_is_paid(api: ApiFixture, visit: Visit) -> None:
    page = visit().open(poster(api, **OPEN)["payloads"]["url"])
    assert page.url.startswith(f"{api.settings.public_origin}/S/")  # browsers keep the path's case

    page.get_by_label("Wallet token").fill(make_token(api))
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Amount").fill("1")
    page.get_by_role("button", name="Continue").click()

    pays(page, "$1.00")


def test_a_poster_that_was_changed_is_refused(api: ApiFixture, visit: Visit, camera: Path) -> None:
    mine, other = (poster(api, **OPEN)["payloads"]["url"] for _ in range(2))
    swapped = re.sub(r"/S/\w+/", re.search(r"/S/\w+/", other)[0], mine)  # type: ignore[index]
    page = opened(visit(), api)

    scan(page, camera, swapped)

    refused(page, "This code was changed after it was made. Do not pay", "poster-changed")


def test_a_poster_signed_by_a_stranger_is_refused(
    api: ApiFixture, visit: Visit, camera: Path
) -> None:
    text = poster(api, **OPEN)["payloads"]["url"]
    head, key, signature = text.rsplit("/", 2)
    page = opened(visit(), api)

    scan(page, camera, f"{head}/{key[::-1]}/{signature}")

    refused(page, "not made by this payment service", "poster-stranger")


def test_a_withdrawn_poster_is_refused(api: ApiFixture, visit: Visit, camera: Path) -> None:
    code = poster(api, **OPEN)
    assert api.call("merchant", "DELETE", f"/v1/static-codes/{code['id']}").status_code == 200
    page = opened(visit(), api)

    scan(page, camera, code["payloads"]["url"])

    refused(page, "The merchant has withdrawn this code.", "poster-withdrawn")


def test_the_page_of_a_changed_address_names_nobody(api: ApiFixture, visit: Visit) -> None:
    text = poster(api, **OPEN)["payloads"]["url"]
    page = visit().open(text[:-4] + "AAAA")
    assert "Cafe" not in page.content()

    page.get_by_label("Wallet token").fill(make_token(api))
    page.get_by_role("button", name="Continue").click()

    refused(page, "Do not pay with it, and tell the merchant.", "poster-address-changed")
    assert "Cafe" not in page.content()
