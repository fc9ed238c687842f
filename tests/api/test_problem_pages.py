"""The pages to which the `type` of problem documents leads."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest

import api.app  # noqa: F401 - imports every error
from api.pages.problem_texts import FACTS, REASONS, REMEDIES
from api.pages.problems import example, problem_response
from domain.errors import LedgerError
from tests.support.documents import document_services

CONFIG = document_services().config
BROWSER = "text/html,application/xhtml+xml"
CODES = sorted(code for code, one in LedgerError.by_code.items() if "tests." not in one.__module__)


def test_every_code_has_a_remedy_and_nothing_else_has() -> None:
    assert sorted(REMEDIES) == CODES
    assert set(REASONS) <= set(CODES)


def test_every_example_fact_is_needed() -> None:
    needed = {name for code in CODES for name in example(LedgerError.by_code[code])}

    assert set(FACTS) <= needed


@pytest.mark.parametrize("code", CODES)
def test_a_person_reads_cause_remedy_and_example(code: str) -> None:
    error = LedgerError.by_code[code]

    answer = problem_response(CONFIG, code, BROWSER)

    page = unescape(answer.body.decode())
    plain = re.sub(r"</?code>", "`", page)
    assert answer.status_code == 200
    assert answer.media_type.startswith("text/html")
    assert error.title in page
    assert REMEDIES[code] in plain
    [shown] = re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", page, re.DOTALL)
    assert json.loads(shown) == example(error)
    assert len(shown.splitlines()) > len(example(error))
    assert "\ufffd" not in page


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/problem+json"])
def test_a_program_reads_json(accept: str | None) -> None:
    answer = problem_response(CONFIG, "session-claimed", accept)

    facts = json.loads(answer.body)
    assert facts["code"] == "session-claimed"
    assert facts["title"] == "Payment session is claimed by another wallet"
    assert facts["description"] == "Another wallet holds a claim whose lease has not ended."
    assert (facts["status"], facts["transient"]) == (409, True)
    assert facts["example"]["type"].endswith("/problems/session-claimed")
    assert facts["remedy"] == REMEDIES["session-claimed"]


@pytest.mark.parametrize("code", ["none", "x" * 300, "NOT-FOUND", "a\x00b", "../docs", "\u212a"])
@pytest.mark.parametrize("accept", [None, BROWSER])
def test_an_unknown_code_is_not_found(code: str, accept: str | None) -> None:
    answer = problem_response(CONFIG, code, accept)

    assert answer.status_code == 404
    assert answer.media_type.startswith("text/html" if accept else "application/problem+json")
