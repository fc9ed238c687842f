"""The checks in two parts: they are those of `LogChecker`, for every topic that is stored."""

from __future__ import annotations

import pytest

from application.checks.checker import Followers, LogChecker
from application.checks.parts import GroupChecks, WholeChecks
from domain.audit import bundle
from infrastructure.audit import ROW_CHECKED
from tests.support.golden import EVENTS

TOPICS = sorted({type(event).TOPIC for event in EVENTS})


def kinds(*parts: Followers, topic: str) -> list[str]:
    return sorted(type(check).__name__ for part in parts for check in part[topic])


@pytest.mark.parametrize("topic", TOPICS)
def test_both_parts_together_follow_what_the_checker_follows(topic: str) -> None:
    whole, groups = WholeChecks(), GroupChecks({})

    following = kinds(whole._followers, groups._followers, topic=topic)

    assert following == kinds(LogChecker()._followers, topic=topic)


def test_a_bundle_has_every_read_model_that_is_compared_in_the_database() -> None:
    assert set(bundle.READ_MODELS) == set(ROW_CHECKED)
