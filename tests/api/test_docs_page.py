"""The page `/docs`: every operation by noun, with fields, example requests and answers."""

from __future__ import annotations

import ast
import json
import re
import shlex

import pytest

from api.app import operations
from api.http import openapi
from api.http.openapi_tags import TAGS
from api.http.operation import Operation
from api.pages.docs import docs_page
from api.pages.docs_samples import Request, samples
from tests.support.documents import document_services

OPERATIONS = operations(document_services())
DOCUMENT = openapi.document(OPERATIONS, version="1", public_url="https://pay.example")
PAGE = docs_page(OPERATIONS, DOCUMENT, version="1").body.decode()


def test_every_operation_has_a_deep_link_in_the_list() -> None:
    anchors = set(re.findall(r'id="([^"]+)"', PAGE))

    for operation in OPERATIONS:
        assert operation.name in anchors
        assert f'<a href="#{operation.name}"><b class="method' in PAGE
    assert {tag.lower().replace(" ", "-") for tag in TAGS} <= anchors
    assert set(re.findall(r'href="#([^"]+)"', PAGE)) <= anchors


def test_an_operation_shows_fields_samples_and_an_answer() -> None:
    section = PAGE.split('<section id="createPaymentSession"')[1].split("</section>")[0]

    assert "amount.minor" in section
    assert "The amount in the currency&#39;s smallest unit." in section
    for language in ("curl", "Python", "JavaScript", "Answer 201"):
        assert f"<summary>{language}</summary>" in section
    assert "https://pay.example/v1/payment-sessions" in section
    assert 'href="/problems/order-open"' in section


HOSTILE = Request(
    "POST", "https://pay.example/v1/x?y='z", {"A": "it's \"b\""}, {"a": "it's", "b": True, "c": None}
)  # fmt: skip


def test_samples_say_what_they_mean_in_every_language() -> None:
    curl, python, javascript = [sample.code for sample in samples(HOSTILE)]

    words = shlex.split(curl.replace("\\\n", ""))
    assert words[:4] == ["curl", "-X", "POST", HOSTILE.url]
    assert words[words.index("-H") + 1] == 'A: it\'s "b"'
    assert json.loads(words[words.index("-d") + 1]) == HOSTILE.body
    [call] = [node for node in ast.walk(ast.parse(python)) if isinstance(node, ast.Call)][:1]
    assert {one.arg: ast.literal_eval(one.value) for one in call.keywords} == {
        "headers": HOSTILE.headers,
        "json": HOSTILE.body,
    }
    body = javascript.split("JSON.stringify(")[1].rsplit(")\n}", 1)[0]
    assert json.loads(body) == HOSTILE.body


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_no_sample_has_a_placeholder_of_a_path(operation: Operation) -> None:
    section = PAGE.split(f'<section id="{operation.name}"')[1].split("</section>")[0]
    code = section.split('<div class="code">')[1]

    assert not re.search(r"/\{\w+\}", code)


def test_examples_keep_their_lines() -> None:
    section = PAGE.split('<section id="createPaymentSession"')[1].split("</section>")[0]

    assert "&#39;https://pay.example/v1/payment-sessions&#39; \\\n  -H &#39;" in section
    assert "\n  &#34;object&#34;: &#34;payment_session&#34;,\n" in section
    assert "\ufffd" not in PAGE
