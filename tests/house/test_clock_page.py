"""The page about the test clock and stories: its program and its list, as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from infrastructure.cli import program
from tests.support.api_fixture import served_api

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "test-with-a-clock.md"
SECONDS_MAX = 60


def block(language: str) -> str:
    """The code of the page in a language."""
    [code] = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return str(code)


def test_the_list_of_stories_is_that_of_the_program() -> None:
    listed = CliRunner().invoke(program, ["trigger", "--list"])

    assert block("text") == listed.output


@pytest.mark.postgres
def test_the_program_prints_what_the_page_says(database_url: str) -> None:
    with served_api(database_url) as api:
        environ = {
            **os.environ,
            "QRLEDGER": api.settings.public_origin,
            "MERCHANT_KEY": api.keys["merchant"],
            "OPERATOR_KEY": api.keys["operator"],
        }
        printed = subprocess.run(
            [sys.executable, "-c", block("python")],
            env=environ, capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
        )  # fmt: skip

    assert (printed.stdout, printed.stderr) == ("created\nexpired\n", "")
    assert "It prints `created` and `expired`." in PAGE.read_text()
