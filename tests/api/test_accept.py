"""Which media type a caller gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.accept import RANGES_MAX, preferred

HTML, JSON, JOSE = "text/html", "application/json", "application/jose"
OFFERED = (JOSE, HTML, JSON)


@pytest.mark.parametrize(
    ("accept", "answer"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("image/png", JSON),
        (JSON, JSON),
        (HTML, HTML),
        (JOSE, JOSE),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", HTML),
        ("text/*", HTML),
        (f"{JOSE}, */*", JOSE),
        (f"*/*, {JOSE}", JOSE),
        (f"{JSON}, */*", JSON),
        (f"{JOSE}, {JSON}", JOSE),
        (f"{JSON}, {JOSE}", JOSE),
        (f"{HTML}, {JSON}", HTML),
        (f"{JOSE};q=0.5, {JSON}", JSON),
        (f"{JOSE};q=0.5, */*;q=0.1", JOSE),
        (f"{JOSE};q=0.5, */*;q=0.6", JSON),
        (f"{JOSE};q=0.001, {JSON};q=0", JOSE),
        (f"{JOSE};q=0", JSON),
        (f"{JOSE};q=0, */*", JSON),
        (f"{HTML};q=0, {JSON}", JSON),
        (f"{HTML};q=0.9, {JSON};q=0.900", HTML),
        (f"{HTML};q=0.899, {JSON};q=0.9", JSON),
        ("APPLICATION/JOSE", JOSE),
        (" application/jose ; q=1.000 ; x=y", JOSE),
        ("application/jose;profile=a;q=0.1, application/json;q=0.2", JSON),
        ("application/jose;q=2, application/json;q=0.1", JSON),
        ("application/jose;q=-1", JSON),
        ("application/jose;q=0.0001", JSON),
        ("application/jose;q=\u0661", JSON),
        ("application/jose;q=", JSON),
        ("application/josee", JSON),
        ("xapplication/jose", JSON),
        ("application/jose text/html", JSON),
        (",,;;,=,*,/,;q=1, application/jose", JOSE),
        ("application/jose;q=0, application/jose", JOSE),
        (", " * RANGES_MAX + "application/jose", JSON),
    ],
)
def test_the_caller_gets_what_it_names_else_json(accept: str | None, answer: str) -> None:
    assert preferred(accept, OFFERED) == answer


@given(st.text(max_size=200) | st.text("aplicton/jsehm*;q=., 01", max_size=200))
def test_any_header_has_an_answer(accept: str) -> None:
    assert preferred(accept, OFFERED) in OFFERED
