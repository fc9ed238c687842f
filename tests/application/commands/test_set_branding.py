"""SetBranding: the operator sets the logo and the colour that payers see."""

from __future__ import annotations

from dataclasses import replace

from application.commands.set_branding import SetBranding
from domain.merchants.branding import Branding
from domain.merchants.logo import Logo
from domain.merchants.merchant import Merchant
from tests.support.given import HOLDERS, MERCHANT_ID, NOBODY, event, given, refused

LOGO = Logo(sha256="a" * 64, media_type="image/webp", width=144, height=48)
SET = SetBranding(merchant_id=MERCHANT_ID, branding=Branding(logo=LOGO, accent="#0b6b3f"))


def test_logo_and_colour_are_recorded() -> None:
    changed = event(
        Merchant.BrandingChanged,
        MERCHANT_ID,
        logo_sha256="a" * 64,
        logo_media_type="image/webp",
        logo_width=144,
        logo_height=48,
        accent="#0b6b3f",
    )

    given(*HOLDERS).when(SET).then(changed)


def test_the_same_again_records_nothing() -> None:
    given(*HOLDERS, SET).when(SET).then()


def test_a_colour_in_words_is_refused() -> None:
    given(*HOLDERS).when(replace(SET, branding=Branding(accent="red"))).then_invalid("accent")


def test_an_unknown_merchant_is_not_found() -> None:
    given(*HOLDERS).when(replace(SET, merchant_id=NOBODY)).then(
        refused("not-found", thing="merchant")
    )
