"""The Python receiver on the page about webhooks runs as it stands."""

from __future__ import annotations

import json
import re
import sys

from domain.merchants.webhook_endpoint import TYPES
from tests.support.documents import REFERENCE
from tests.support.webhook_examples import bodies
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


def test_the_reference_page_has_what_the_code_sends() -> None:
    page = (REFERENCE / "webhooks.md").read_text()
    examples = [json.loads(one) for one in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]

    made = bodies()

    assert made.keys() == TYPES
    assert {one["type"]: one for one in examples} == {
        topic: body
        for topic, body in made.items()
        if topic.partition(".")[0] in {"attempt", "dispute", "refund", "payout"}
        or topic == "payment_session.paid"
    }
    assert all(f"`{topic}`" in page for topic in TYPES)
