"""The JavaScript receiver on the page about webhooks runs as it stands."""

from __future__ import annotations

import shutil

import pytest

from tests.support.webhooks_page import check_receiver, example, running

pytestmark = pytest.mark.e2e


def test_the_javascript_receiver_verifies_answers_and_keeps_order() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    with running(node, "-e", example("javascript")) as (url, process):
        check_receiver(url, process)
