"""Delivers the log, page by page, to the live socket."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from application.event_log import Recorded
from infrastructure.event_store.follower import Follower
from infrastructure.workers.supervisor import Loop, Progress


def deliver_pages(follower: Follower, deliver: Callable[[Sequence[Recorded]], None]) -> Loop:
    """A loop that delivers every page; a page that could not be delivered is delivered again."""

    def loop(on_progress: Progress) -> None:
        for page in follower.pages():
            try:
                deliver(page)
            except Exception:
                follower.position -= len(page)  # positions are gapless: this is the page's start
                raise
            on_progress()

    return loop
