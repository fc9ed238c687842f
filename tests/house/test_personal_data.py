"""Free text: every member and column that can hold it is in one table, and on the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from domain.personal_data import (
    CLOSED,
    CLOSED_NAMES,
    FREE_TEXT,
    KEPT,
    KEPT_EVENTS,
    WITH_SESSION,
    WITH_WALLET,
    blanked,
    blanked_actor,
    restricted,
)
from infrastructure.event_store.mapper import _fields
from infrastructure.event_store.registry import EVENTS
from projections import _free_text as columns
from projections._read_model import all_models
from tests.support import golden

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "personal-data.md"
LATER = {
    "log.opened", "log.key_added", "log.key_retired", "log.restarted", "refusal.recorded",
}  # fmt: skip
"""Topics of the contract that a program without sealing, or without refusals, does not know."""
TEXT = re.compile(r"\b(\w+) (?:text|jsonb|bytea)\b")
"""Columns that can hold text, in the definition of a table."""


def texts(event: type[Any]) -> set[str]:
    """The members of an event that are texts, or have texts in them."""
    return {name for name, kind in _fields(event).items() if re.search(r"\b(str|Any)\b", str(kind))}


@pytest.mark.parametrize("topic", EVENTS)
def test_every_text_of_an_event_is_free_or_closed(topic: str) -> None:
    free, closed = FREE_TEXT.get(topic, {}).keys(), CLOSED.get(topic, {}).keys()

    unknown = texts(EVENTS[topic]) - free - closed - CLOSED_NAMES

    assert not unknown, f"domain/personal_data.py does not say who writes {sorted(unknown)}"
    assert not free & closed
    assert free | closed <= texts(EVENTS[topic])


def test_erasure_says_of_every_free_text_what_becomes_of_it() -> None:
    ends = [WITH_SESSION, WITH_WALLET, KEPT_EVENTS.keys()]
    only_kept = {topic for topic, free in FREE_TEXT.items() if free.keys() <= KEPT.keys()}

    assert sorted([*only_kept, *(topic for end in ends for topic in end)]) == sorted(FREE_TEXT)
    assert KEPT.keys() <= {name for free in FREE_TEXT.values() for name in free}


@pytest.mark.parametrize("event", golden.EVENTS, ids=lambda event: type(event).TOPIC)
def test_what_is_restricted_is_the_free_text_that_is_not_kept(event: Any) -> None:
    topic = type(event).TOPIC
    before = {name: value for name, value in vars(event).items() if name != "timestamp"}

    after = restricted(topic, before)

    assert after.keys() == before.keys()
    for name, value in after.items():
        if name in FREE_TEXT.get(topic, {}) and name not in KEPT and topic not in KEPT_EVENTS:
            assert not value
        else:
            assert value == before[name]


def test_a_name_is_closed_everywhere_or_nowhere() -> None:
    free = {name for members in FREE_TEXT.values() for name in members}

    assert not free & CLOSED_NAMES
    assert {name for members in CLOSED.values() for name in members} <= free


def test_the_tables_name_no_event_or_member_that_does_not_exist() -> None:
    assert (FREE_TEXT.keys() | CLOSED.keys()) <= EVENTS.keys() | LATER
    if EVENTS.keys() >= LATER:
        assert {name for event in EVENTS.values() for name in texts(event)} >= CLOSED_NAMES


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model.name)
def test_every_text_of_a_read_model_is_free_or_closed(model: Any) -> None:
    found = set(TEXT.findall(model.tables))
    free = columns.FREE_TEXT.get(model.name, {})

    unknown = found - free.keys() - columns.CLOSED_NAMES

    assert not unknown, f"projections/_free_text.py does not say what {sorted(unknown)} are"
    assert free.keys() <= found
    members = {name for event in model.follows for name in FREE_TEXT.get(event.TOPIC, {})}
    assert set(free.values()) <= members


def test_a_column_is_closed_everywhere_or_nowhere() -> None:
    free = {name for found in columns.FREE_TEXT.values() for name in found}

    assert not free & columns.CLOSED_NAMES
    assert columns.FREE_TEXT.keys() <= {model.name for model in all_models()}
    used = {name for model in all_models() for name in TEXT.findall(model.tables)}
    assert used >= columns.CLOSED_NAMES


@pytest.mark.parametrize("event", golden.EVENTS, ids=lambda event: type(event).TOPIC)
def test_what_is_blanked_is_the_free_text_and_nothing_else(event: Any) -> None:
    topic = type(event).TOPIC
    before = {name: value for name, value in vars(event).items() if name != "timestamp"}

    after = blanked(topic, before)

    assert after.keys() == before.keys()
    for name, value in after.items():
        if name in FREE_TEXT.get(topic, {}):
            assert not value
        else:
            assert value == before[name]


@pytest.mark.parametrize(
    ("actor", "without"),
    [
        ("cli:anna", "cli:"), ("cli:a:b", "cli:"), ("cli:", "cli:"), ("webhooks", "webhooks"),
        ("key_01h455vb4pex5vsknk084sn02q", "key_01h455vb4pex5vsknk084sn02q"), ("", ""),
    ],
)  # fmt: skip
def test_actors_lose_the_name_of_a_person_only(actor: str, without: str) -> None:
    assert blanked_actor(actor) == without


def test_the_page_says_what_erasure_leaves() -> None:
    _, _, erasure = PAGE.read_text().partition("\n## Erasure of a session or a wallet\n")
    _, _, stays = erasure.partition("\nThese stay")

    assert all(f"`{name}`" in stays for name in [*KEPT, *KEPT_EVENTS])
    assert not [topic for topic in WITH_SESSION | WITH_WALLET if f"`{topic}`" in stays]


def test_the_page_lists_every_member_and_who_writes_it() -> None:
    page = PAGE.read_text()

    for topic, members in FREE_TEXT.items():
        for name, writer in members.items():
            lines = [line for line in page.splitlines() if f"`{name}`" in line and writer in line]
            assert any(f"`{topic}`" in line for line in lines), f"{topic}.{name} by {writer}"
    for model, free in columns.FREE_TEXT.items():
        for name in free:
            assert f"`{model}.{name}`" in page
