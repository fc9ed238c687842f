"""The verifier's page and the checkpoint's sheet: who gets them, what they allow, what they show."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator

import pytest

from api.pages.checkpoints import CODE_BYTES_MAX, in_a_code
from api.pages.texts import languages
from api.pages.verifier import MODULES, script, verifier_page
from api.pages.verifier_texts import verifier_texts
from domain import ids
from domain.audit import errors, note
from domain.audit.note import Checkpoint, Note, Signature
from domain.audit.vkey import KeyType, SigningKey
from domain.money.currencies import CURRENCIES
from tests.planted.bug import ROOT
from tests.support.memory_client import MemoryClient, memory_client
from tests.support.sealing import KEY, ORIGIN

BROWSER = {"accept": "text/html"}


@pytest.fixture
def client() -> Iterator[MemoryClient]:
    with memory_client() as client:
        yield client


def test_the_verifier_is_one_file_that_loads_nothing_and_runs_one_script(
    client: MemoryClient,
) -> None:
    reply = client.call("", "GET", "/verify", headers=BROWSER)

    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    [inline] = re.findall(r'<script type="module">(.*?)</script>', reply.body, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    policy = reply.headers["content-security-policy"]
    [written] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', reply.body)
    assert f"script-src 'sha256-{digest}';" in policy
    assert policy == f"{html.unescape(written)}; frame-ancestors 'none'"
    for directive in (
        "default-src 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
        "form-action 'none'",
    ):
        assert directive in policy
    assert not any(word in policy for word in ("unsafe", "'self'", "http", "*"))
    assert not re.search(
        r'(?:src|srcset|action)="|url\(|@import|import\(|fetch\(|XMLHttpRequest|WebSocket|innerHTML|eval\(',
        re.sub(r"/\*.*?\*/", "", reply.body, flags=re.DOTALL).replace("script-src", ""),
    )
    assert len(reply.body) < 100_000


def test_the_script_is_the_same_in_every_language_and_made_of_all_modules() -> None:
    pages = [verifier_page(one, "https://pay.example") for one in languages().values()]

    assert len({page.partition('<script type="module">')[2] for page in pages}) == 1
    assert len(set(pages)) == len(pages)
    assert sorted(MODULES) == sorted(path.name for path in (ROOT / "api/verifier").glob("*.js"))
    assert "import {" not in script()
    for name in MODULES:
        used = re.findall(
            r'^import .* from "\./(.*)";$', (ROOT / "api/verifier" / name).read_text(), re.MULTILINE
        )
        assert all(MODULES.index(one) < MODULES.index(name) for one in used), name


def test_every_cause_of_a_refusal_has_a_text() -> None:
    texts = verifier_texts(languages()["en"])["reasons"]
    codes = {
        one.code for one in vars(errors).values() if isinstance(one, type) and hasattr(one, "code")
    }

    elsewhere = {"malformed-tile", "malformed-submission", "head-conflict"}
    assert codes - elsewhere <= set(texts)


def test_the_script_knows_the_prefixes_of_the_program() -> None:
    source = script()

    for topic, prefix in ids.SUBJECT_PREFIXES.items():
        assert f'["{topic}", "{prefix}"]' in source
    assert max(one.exponent for one in CURRENCIES.values()) <= 4


def test_the_data_of_the_page_cannot_end_its_block(client: MemoryClient) -> None:
    body = client.call("", "GET", "/verify", query="lang=pt-BR", headers=BROWSER).body
    [block] = re.findall(
        r'<script type="application/json" id="data">(.*?)</script>', body, re.DOTALL
    )

    assert "<" not in block
    assert json.loads(block)["texts"]["verdicts"]["proven"] == "Provado"


def test_the_sheet_of_a_checkpoint_has_the_note_as_text_as_a_code_and_as_a_file(
    client: MemoryClient,
) -> None:
    head = client.api.sealed.seal()
    served = client.call("", "GET", "/v1/log/checkpoint").body

    sheet = client.call("", "GET", "/checkpoint", headers=BROWSER)

    assert sheet.status == 200
    text = html.unescape(sheet.body)
    [shown] = re.findall(r"<pre[^>]*>(.*?)</pre>", text, re.DOTALL)
    assert shown == served
    [file] = re.findall(r'href="data:text/plain;charset=utf-8;base64,([^"]*)"', text)
    assert base64.b64decode(file).decode() == served
    [code] = re.findall(r'src="data:image/svg\+xml;base64,([^"]*)"', text)
    assert base64.b64decode(code).startswith(b"<svg")
    assert f'download="checkpoint-{head.size}.note"' in text
    for fact in (ORIGIN, f">{head.size}<", base64.b64encode(head.root).decode()):
        assert fact in text
    assert note.parse_checkpoint(note.parse(shown.encode()).text) == head


def test_while_nothing_is_sealed_the_sheet_says_so(client: MemoryClient) -> None:
    page = client.call("", "GET", "/checkpoint", headers=BROWSER)
    program = client.call("", "GET", "/checkpoint", headers={"accept": "application/json"})

    assert page.status == 503
    assert "has not sealed anything yet" in page.body
    assert (program.status, program.body["code"]) == (503, "not-sealed")


def test_a_note_too_long_for_a_code_is_shortened_by_its_witnesses_or_left_out() -> None:
    checkpoint = Checkpoint(ORIGIN, 10**6, bytes(32))
    witnessed = checkpoint.note(KEY)
    for number in range(6):
        witness = SigningKey.of(
            f"witness.example/{number}", KeyType.COSIGNATURE, bytes([number]) * 32
        )
        witnessed = witnessed.signed_by(witness, time=1_790_000_000)
    many = Note(checkpoint.text, [Signature(ORIGIN, bytes([n]) * 4, bytes(64)) for n in range(20)])

    assert in_a_code(checkpoint.note(KEY), ORIGIN) == (checkpoint.note(KEY).encode().decode(), 0)
    assert in_a_code(witnessed, ORIGIN) == (checkpoint.note(KEY).encode().decode(), 6)
    assert in_a_code(many, ORIGIN) == ("", 20)
    assert len(witnessed.encode()) > CODE_BYTES_MAX
