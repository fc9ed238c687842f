"""Acceptable text: one definition, and every event holds no other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import text
from domain.aggregate import _new_event
from domain.errors import InvalidRequest
from tests.support.any_text import UNACCEPTABLE, acceptable
from tests.support.golden import EVENTS


def test_the_definition_holds_for_every_code_point() -> None:
    refused = {code for code in range(0x110000) if not text.is_acceptable(chr(code))}

    controls = {*range(0x20), *range(0x7F, 0xA0)}
    assert refused == controls | {0x2028, 0x2029} | set(range(0xD800, 0xE000))


@given(st.text(st.characters()), st.sampled_from(UNACCEPTABLE), st.text(st.characters()))
def test_one_unacceptable_character_anywhere_is_enough(before: str, bad: str, after: str) -> None:
    assert not text.is_acceptable(before + bad + after)
    with pytest.raises(InvalidRequest) as refusal:
        text.check("name", {"a": ["x", before + bad + after]})
    assert refusal.value.facts["invalid_params"][0]["name"] == "name.a[1]"  # type: ignore[index]


@given(acceptable(0, 50))
def test_acceptable_text_is_unchanged(value: str) -> None:
    text.check("name", {value: [value, {value: value}]})
    assert text.is_acceptable(value)
    assert text.replace_unacceptable(value) == value


@given(st.text(st.characters(), max_size=50))
def test_replaced_text_is_acceptable_and_has_the_same_length(value: str) -> None:
    assert text.is_acceptable(text.replace_unacceptable(value))
    assert len(text.replace_unacceptable(value)) == len(value)


def test_a_refusal_names_the_place_and_the_character_and_never_the_text() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        text.check("metadata", {"note": "private\x00"})

    assert refusal.value.facts["invalid_params"] == [
        {"name": "metadata.note", "reason": "may not contain the character U+0000"}
    ]
    assert "private" not in str(refusal.value)


def places(event: Any) -> list[tuple[str, Any]]:
    """Every field of an event that holds text, with a function that puts text there."""
    found: list[tuple[str, Any]] = []
    for name, value in vars(event).items():
        match value:
            case str():
                found.append((name, lambda bad: bad))
            case dict():
                found += [(name, lambda bad: {bad: "x"}), (name, lambda bad: {"x": bad})]
            case list():
                found.append((name, lambda bad: ["x", bad]))
    return found


CASES = [
    pytest.param(event, name, put, id=f"{type(event).__qualname__}-{name}-{number}")
    for event in EVENTS
    for number, (name, put) in enumerate(places(event))
]


@pytest.mark.parametrize(("event", "name", "put"), CASES)
def test_no_event_can_have_unacceptable_text_in_any_field(event: Any, name: str, put: Any) -> None:
    for bad in UNACCEPTABLE:
        with pytest.raises(InvalidRequest) as refusal:
            _new_event(type(event), {**vars(event), name: put(f"a{bad}b")})
        named = refusal.value.facts["invalid_params"][0]["name"]  # type: ignore[index]
        assert str(named).startswith(name)

    assert _new_event(type(event), {**vars(event), name: put("é✓ ok")})


@given(st.text(st.characters(), max_size=20))
def test_lone_surrogates_in_json_are_replaced_and_other_json_is_unchanged(value: str) -> None:
    raw = json.dumps({value: value}).encode()

    [(key, repaired)] = json.loads(text.replace_lone_surrogates(raw)).items()

    assert key == repaired
    assert repaired.encode("utf-8", "strict").decode() == repaired
    if "\ufffd" not in repaired:
        assert text.replace_lone_surrogates(raw) == raw
