"""The Python receiver on the page about webhooks runs as it stands."""

from __future__ import annotations

import sys

from tests.support.webhooks_page import PAGE, check_receiver, example, running

LINES_MAX = 19


def test_the_python_receiver_verifies_answers_and_keeps_order() -> None:
    with running(sys.executable, "-c", example("python")) as (url, process):
        check_receiver(url, process)


def test_the_receivers_are_short() -> None:
    for language in ("python", "javascript"):
        lines = [line for line in example(language).splitlines() if line.strip()]
        assert len(lines) <= LINES_MAX


def test_the_page_names_the_schedule() -> None:
    assert "30 min, 2, 5, 10, 14, 20 and 24 hours" in PAGE.read_text()
