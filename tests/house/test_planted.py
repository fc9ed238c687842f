"""Planted bugs that no longer find their place plant nothing."""

from __future__ import annotations

import pytest

from tests.planted.bugs import BUGS, ROOT, Bug


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_finds_its_place_exactly_once(bug: Bug) -> None:
    assert (ROOT / bug.file).read_text().count(bug.old) == 1
    assert bug.new != bug.old
    for path in bug.hunters.partition(" -k ")[0].split():
        assert (ROOT / path.partition("::")[0]).exists(), path


def test_every_planted_bug_has_a_name_of_its_own() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS)
