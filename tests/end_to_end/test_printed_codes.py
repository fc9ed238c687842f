"""Pictures and posters as a browser shows and prints them, read by an independent reader."""

from __future__ import annotations

import io
from itertools import count

import pytest
from PIL import Image

from tests.end_to_end.browsing import TILL, Visit, screenshot
from tests.support.api_fixture import ApiFixture
from tests.support.read_pictures import read

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]
ORDERS = count(1)


@pytest.mark.parametrize("kind", ["svg", "png"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_picture_opened_by_itself_is_read(
    api: ApiFixture, visit: Visit, kind: str, scheme: str
) -> None:
    amount = {"minor": 1000, "currency": "USD"}
    body = {"order_id": f"picture-{next(ORDERS)}", "amount": amount}
    qr = api.call("merchant", "POST", "/v1/payment-sessions", body).json()["qr"]

    page = visit(viewport=TILL, color_scheme=scheme).open(f"{qr[f'{kind}_url']}?scale=10")

    assert read(screenshot(page, f"picture-{kind}-{scheme}")) == qr["payload"]


@pytest.mark.parametrize("size", ["a6", "a4"])
@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_poster_is_read_as_the_browser_draws_it(
    api: ApiFixture, visit: Visit, size: str, language: str
) -> None:
    body = {"currency": "USD", "label": "Till 3", "formats": ["url"]}
    code = api.call("merchant", "POST", "/v1/static-codes", body).json()
    path = f"/v1/static-codes/{code['id']}/poster.svg?size={size}&lang={language}"

    page = visit(viewport={"width": 1000, "height": 1400}).open(api.settings.public_origin + path)

    assert read(screenshot(page, f"poster-{size}-{language}")) == code["payloads"]["url"]


def test_a_poster_without_a_browsers_page_is_the_same_picture(api: ApiFixture) -> None:
    body = {"currency": "USD", "label": "Till 3", "formats": ["url"]}
    code = api.call("merchant", "POST", "/v1/static-codes", body).json()

    png = api.client.get(f"/v1/static-codes/{code['id']}/qr.png?scale=4").content

    assert read(Image.open(io.BytesIO(png))) == code["payloads"]["url"]
