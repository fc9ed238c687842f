"""Pictures and posters of static codes: public by id, in the language of the request."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from domain import ids
from domain.static_codes.static_code import StaticCode
from domain.static_codes.terms import Terms
from tests.support.memory_api import MemoryApi, Pairs, http_scope, respond
from tests.support.read_pictures import from_pdf, from_png, from_svg, from_terminal, read
from tests.support.static_codes import CodesFixture

FIXED = Terms(currency="USD", amount_minor=1250)


class Printed:
    """An API with one static code."""

    def __init__(self) -> None:
        self.api = MemoryApi()
        self.codes = CodesFixture(self.api.ledger, self.api.code_keys)
        self.code: StaticCode = self.codes.issue(FIXED, 'Till 3 & "4"')

    def get(
        self, path: str, query: str = "", headers: Pairs = (), code_id: str = ""
    ) -> tuple[int, dict[bytes, bytes], bytes]:
        where = f"/v1/static-codes/{code_id or self.code.public_id}/{path}"

        async def ask() -> list[dict[str, Any]]:
            return await respond(self.api.app, http_scope("GET", where, query, headers))

        start, body = asyncio.run(ask())
        return start["status"], dict(start["headers"]), body["body"]


@pytest.fixture(scope="module")
def printed() -> Printed:
    return Printed()


@pytest.mark.parametrize(
    ("path", "decoded"),
    [
        ("qr.svg", from_svg), ("qr.png", from_png), ("qr.txt", from_terminal),
        ("poster.svg", from_svg), ("poster.pdf", lambda data: from_pdf(data)[0]),
    ],
)  # fmt: skip
def test_every_picture_of_a_code_is_read_as_its_signed_text(
    printed: Printed, path: str, decoded: Any
) -> None:
    status, headers, body = printed.get(path)

    assert status == 200
    assert read(decoded(body)) == printed.code.payloads["url"]
    assert headers[b"cache-control"] == b"public, max-age=60"
    known = printed.get(path, headers=[(b"if-none-match", headers[b"etag"])])
    assert (known[0], known[2]) == (304, b"")


def test_a_poster_says_who_is_paid_how_much_and_where(printed: Printed) -> None:
    _, _, body = printed.get("poster.svg", "size=a4")

    for text in (
        printed.code.merchant_name, 'Till 3 &amp; "4"', "$12.50",
        "Check the name before you pay", "127.0.0.1:8080", "TEST: no money moves", "210mm",
    ):  # fmt: skip
        assert text in body.decode(), text


@pytest.mark.parametrize(
    ("query", "accept", "text"),
    [
        ("lang=pt", b"", "Confira o nome antes de pagar"),
        ("", b"ar", "تحقق من الاسم قبل الدفع"),
        ("lang=en", b"ar", "Check the name before you pay"),
    ],
)
def test_a_poster_is_in_the_language_of_the_request(
    printed: Printed, query: str, accept: bytes, text: str
) -> None:
    headers = [(b"accept-language", accept)] if accept else []

    status, answered, body = printed.get("poster.svg", query, headers)

    assert (status, answered[b"vary"]) == (200, b"Accept-Language")
    assert text in body.decode()
    assert printed.get("poster.pdf", query, headers)[0] == 200


def test_the_pdf_is_a_download(printed: Printed) -> None:
    _, headers, body = printed.get("poster.pdf", "size=a4")

    name = f'attachment; filename="{printed.code.public_id}-a4.pdf"'
    assert headers[b"content-disposition"].decode() == name
    assert headers[b"content-type"] == b"application/pdf"
    assert body.startswith(b"%PDF-")


def test_a_pdf_that_would_have_boxes_is_refused_and_the_svg_is_not() -> None:
    printed = Printed()
    printed.code = printed.codes.issue(FIXED, "收银台")

    status, _, body = printed.get("poster.pdf")

    assert (status, b'"poster-font-missing"' in body, b"U+6536" in body) == (422, True, True)
    assert "收银台" in printed.get("poster.svg")[2].decode()


@pytest.mark.parametrize("path", ["qr.svg", "qr.png", "qr.txt", "poster.svg", "poster.pdf"])
def test_an_unknown_and_a_revoked_code_have_no_pictures(path: str) -> None:
    printed = Printed()
    tag = printed.get(path)[1][b"etag"]
    printed.api.ledger.send(printed.codes.revoke(printed.code))

    assert printed.get(path, code_id=ids.encode("sc", uuid4()))[0] == 404
    for headers in ([], [(b"if-none-match", tag)]):
        assert printed.get(path, headers=headers)[0] == 404


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("qr.svg", "format=url", 200), ("qr.svg", "format=emv", 404), ("qr.svg", "format=pix", 400),
        ("qr.svg", "scale=41", 400), ("qr.svg", "border=3", 400), ("poster.svg", "size=a5", 400),
        ("poster.svg", "scale=8", 400), ("poster.pdf", "format=emv", 404),
    ],
)  # fmt: skip
def test_what_may_be_asked_for_is_bounded(
    printed: Printed, path: str, query: str, status: int
) -> None:
    assert printed.get(path, query)[0] == status
