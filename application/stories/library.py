"""Every story, by the type of event that it leads to: whatever a webhook can tell of."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from application.stories.attempts import ATTEMPT_STORIES
from application.stories.payouts import PAYOUT_STORIES
from application.stories.sessions import SESSION_STORIES
from application.stories.stage import Story

STORIES: Final[Mapping[str, Story]] = MappingProxyType(
    dict(sorted({**SESSION_STORIES, **ATTEMPT_STORIES, **PAYOUT_STORIES}.items()))
)
NEAR_MAX: Final = 3
_NEAR_CHARS_MAX: Final = 80


def near(name: str) -> list[str]:
    """The types whose names are most like a name, at most three.

    The last part alone counts as well: `settled`, `charge.settled`.
    """
    text = name[:_NEAR_CHARS_MAX].lower()
    by_word = [one for one in STORIES if one.partition(".")[2] == text.rpartition(".")[2]]
    alike = get_close_matches(text, list(STORIES), n=NEAR_MAX, cutoff=0.6)
    return list(dict.fromkeys([*alike, *by_word]))[:NEAR_MAX]
