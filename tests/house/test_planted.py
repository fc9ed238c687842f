"""Every planted bug applies: it replaces text that occurs exactly once."""

from __future__ import annotations

import pytest

from tests.planted.bug import ROOT, Bug
from tests.planted.bugs import BUGS


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_replaces_text_that_occurs_exactly_once(bug: Bug) -> None:
    assert (ROOT / bug.file).read_text().count(bug.old) == 1
    assert bug.new != bug.old
    for path in bug.hunters.partition(" -k ")[0].split():
        assert (ROOT / path.partition("::")[0]).exists(), path


def test_names_of_planted_bugs_are_unique() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS)
