"""What EMVCo codes say about a merchant: the limits of the specification, and its event."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from domain.errors import InvalidRequest
from domain.merchants.countries import COUNTRIES
from domain.merchants.merchant import Merchant
from domain.merchants.qr_settings import QrSettings
from tests.support.aggregates import fact, given
from tests.support.memory_log import START
from tests.support.static_codes import QR

REGISTERED = fact(Merchant.Registered, START, name="Cafe", return_hosts=[])
LOCAL = replace(QR, language="ZH", local_name="街角咖啡", local_city="春田")
CHANGED = fact(Merchant.QrChanged, START, **asdict(LOCAL))


def test_the_settings_of_a_merchant_are_recorded() -> None:
    scenario = given(REGISTERED).when(lambda merchant: merchant.set_qr(LOCAL, at=START))

    scenario.then(CHANGED)
    assert scenario.aggregate.qr == LOCAL


def test_the_same_settings_record_nothing() -> None:
    given(REGISTERED, CHANGED).when(lambda merchant: merchant.set_qr(LOCAL, at=START)).then()


def test_there_are_the_countries_of_iso_3166() -> None:
    assert len(COUNTRIES) == 249
    assert {"US", "BR", "TH", "SG", "GB"} <= COUNTRIES
    assert not {"UK", "EU", "XX", "AN"} & COUNTRIES


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("country", value) for value in ("", "us", "USA", "XX", "U\u0405", "US ")),
        *(("city", value) for value in ("", " ", "a" * 16, "Zürich", " Berlin", "Bern ", "a\nb")),
        *(
            ("category", value)
            for value in ("", "581", "58120", "58a2", "５８１２", "٥٨١٢", " 581")
        ),
        *(("name", value) for value in ("", "a" * 26, "Café", "\u202eefac", "\x00")),
        *(("postal_code", value) for value in ("1" * 11, "é", " 1")),
        *(("local_name", value) for value in ("街" * 26, "", " 街", "\ud800", "a\x85b")),
        *(("local_city", value) for value in ("街" * 16, "街 ", "a\u2028b")),
        *(("language", value) for value in ("", "zh", "ZHO", "Z1")),
    ],
)
def test_what_a_code_cannot_hold_is_refused_by_name(field: str, value: str) -> None:
    changes: dict[str, Any] = {field: value}

    with pytest.raises(InvalidRequest) as refused:
        replace(LOCAL, **changes).check()

    names = {param["name"] for param in refused.value.facts["invalid_params"]}  # type: ignore[index,union-attr]
    assert names <= {field, "language"}


@pytest.mark.parametrize(
    "settings",
    [
        replace(QR, name="a" * 25, city="b" * 15, postal_code="c" * 10, category="0000"),
        replace(LOCAL, local_name="街" * 25, local_city="街" * 15),
        replace(LOCAL, local_city=""),
        replace(QR, name="~!"),
    ],
)
def test_what_a_code_can_hold_is_accepted(settings: QrSettings) -> None:
    settings.check()
