"""A merchant's logo and colour as the server writes them: addresses, headers, contrast."""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
from importlib import resources
from typing import Any

import pytest

from api.pages import accents, static_files
from api.pages.accents import SURFACES, colour_rules, ink, shown_in
from application.commands.set_branding import SetBranding
from application.ports.logos import LogoFile
from domain import ids
from domain.merchants.branding import Branding, contrast
from domain.merchants.logo import read_logo
from tests.api.test_checkout_page import HTML, Screen
from tests.support.logos import picture
from tests.support.memory_api import MemoryApi, http_scope, respond

DATA = picture("WEBP")
SHA256 = hashlib.sha256(DATA).hexdigest()
COLOURS = ["#000000", "#ffffff", "#0b6b3f", "#c8102e", "#ffe000", "#777777", "#5fd29a", "#1d5fd1"]


def get(api: MemoryApi, path: str) -> tuple[int, dict[str, str], bytes]:
    async def answer() -> list[dict[str, Any]]:
        async with api.running():
            return await respond(api.app, http_scope("GET", path, "", []), b"")

    start, *more = asyncio.run(answer())
    headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return start["status"], headers, b"".join(one.get("body", b"") for one in more)


def branded(screen: Screen, accent: str = "#c8102e") -> None:
    api = screen.api
    api.logos.keep(SHA256, LogoFile("image/webp", DATA))
    branding = Branding(logo=read_logo(DATA), accent=accent)
    merchant_id = ids.decode("mer", api.ledger.merchant)
    api.ledger.send(SetBranding(merchant_id=merchant_id, branding=branding))


def test_both_pages_of_payers_show_logo_and_colour() -> None:
    screen = Screen()
    wallet_path = f"/q/{screen.name[3:]}"
    plain = [screen.page(), screen.call(path=wallet_path, headers=HTML)[1]]

    branded(screen)

    for before, page in zip(
        plain, [screen.page(), screen.call(path=wallet_path, headers=HTML)[1]], strict=True
    ):
        assert "/logos/" not in before
        assert "c8102e" not in before
        assert f'<img class="logo" src="/logos/{SHA256}" alt="" width="144" height="48">' in page
        assert re.search(r"/(checkout|wallet)-c8102e\.css\" integrity=\"sha384-", page)
        assert "style=" not in page


def test_a_logo_is_served_under_its_digest_for_ever() -> None:
    screen = Screen()
    branded(screen)

    status, headers, body = get(screen.api, f"/logos/{SHA256}")

    assert (status, body) == (200, DATA)
    assert headers["content-type"] == "image/webp"
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "name", ["0" * 64, SHA256.upper(), SHA256[:-1], f"{SHA256}0", "%00", "٠" * 64, "logo.png"]
)
def test_other_addresses_have_no_logo(name: str) -> None:
    screen = Screen()
    branded(screen)

    status, headers, _ = get(screen.api, f"/logos/{name}")

    assert status == 404
    assert headers["content-type"] == "application/problem+json"


def test_a_style_sheet_in_a_colour_is_made_from_its_name() -> None:
    screen = Screen()

    status, headers, body = get(screen.api, static_files.asset("checkout-1d5fd1.css"))

    assert status == 200
    assert headers["content-type"].startswith("text/css")
    assert "immutable" in headers["cache-control"]
    assert body.startswith(static_files.static_file("checkout.css") or b"?")
    assert b"--accent: #1d5fd1; --accent-ink: #ffffff;" in body


@pytest.mark.parametrize(
    "name", ["checkout-.css", "checkout-1D5FD1.css", "checkout-fff.css", "checkout-1d5fd1.css.css",
             "checkout-1d5fd1", "pages-1d5fd1.css", "-1d5fd1.css", "checkout-1d5fd1};*{.css", "checkout-٠٠٠٠٠٠.css"],
)  # fmt: skip
def test_other_names_are_no_colours(name: str) -> None:
    assert static_files.static_file(name) is None


@pytest.mark.parametrize("colour", [*COLOURS, *(f"#{random.Random(n).randrange(2**24):06x}" for n in range(40))])  # fmt: skip
def test_every_colour_can_be_seen_where_it_is_used_and_read_on(colour: str) -> None:
    sheet = colour_rules(colour).decode()

    schemes = re.findall(r"prefers-color-scheme: (\w+)\) { :root { --accent: (#\w+); --accent-ink: (#\w+)", sheet)  # fmt: skip
    assert schemes
    for scheme, used, words in schemes:
        assert (used, words) == (colour, ink(colour))
        assert contrast(words, used) >= accents.TEXT_CONTRAST_MIN == 4_500
        for surface in SURFACES[scheme]:
            assert contrast(used, surface) >= accents.GRAPHICS_CONTRAST_MIN == 3_000


def test_a_colour_is_left_out_where_it_cannot_be_seen() -> None:
    assert [shown_in(scheme, "#0b6b3f") for scheme in SURFACES] == [True, False]
    assert [shown_in(scheme, "#ffe000") for scheme in SURFACES] == [False, True]
    assert [shown_in(scheme, "#d4442e") for scheme in SURFACES] == [True, True]


def test_the_surfaces_are_those_of_the_style_sheet() -> None:
    text = (resources.files("api") / "static" / "pages.css").read_text()

    found = re.findall(r"--(ground|paper): (#\w{6})", text)

    pairs = [(found[1][1], found[0][1]), (found[3][1], found[2][1])]
    assert pairs == [SURFACES["light"], SURFACES["dark"]]
