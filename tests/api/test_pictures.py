"""Pictures over HTTP: caching by content, limits of size, and a bounded queue."""

from __future__ import annotations

import asyncio
from threading import Event
from typing import Any
from uuid import uuid4

import pytest

from api.pictures import WAITING_MAX, PictureCache, etag
from application.errors import NotFound, Overloaded
from application.ports.pictures import CodePicture, Drawing, Poster
from domain import ids
from domain.qr import dynamic_url
from tests.support.memory_api import MemoryApi, Pairs, http_scope, respond
from tests.support.read_pictures import from_png, read

CODE = CodePicture(kind="svg", text="A1", scale=8, border=4)
POSTER = Poster(
    kind="pdf", size="a6", text="A1", payee="Cafe", label="", amount="", notice="Check", host="x",
    test="",
)  # fmt: skip


async def there() -> None:
    """The check of what exists."""


class RecordedPictures:
    """The port of pictures: counts what is drawn, and waits until it may go on."""

    def __init__(self, size: int = 10) -> None:
        self.drawn: list[Drawing] = []
        self.allowed = Event()
        self.size = size

    def draw(self, drawing: Drawing) -> bytes:
        """See `Pictures`."""
        self.allowed.wait()
        self.drawn.append(drawing)
        return b"x" * self.size


def numbered(number: int) -> CodePicture:
    return CodePicture(kind="svg", text=f"A{number}", scale=8, border=4)


@pytest.fixture(scope="module")
def api() -> MemoryApi:
    return MemoryApi()


def get(api: MemoryApi, path: str, query: str = "", headers: Pairs = ()) -> tuple[int, Any, bytes]:
    async def ask() -> list[dict[str, Any]]:
        return await respond(api.app, http_scope("GET", path, query, headers))

    start, body = asyncio.run(ask())
    return start["status"], dict(start["headers"]), body["body"]


def path_of(api: MemoryApi, kind: str) -> str:
    return f"/v1/payment-sessions/{api.session_id}/qr.{kind}"


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("svg", b"image/svg+xml"), ("png", b"image/png"), ("txt", b"text/plain")],
)
def test_a_picture_is_cached_by_its_content(api: MemoryApi, kind: str, media_type: bytes) -> None:
    status, headers, body = get(api, path_of(api, kind))

    assert (status, headers[b"content-type"]) == (200, media_type)
    assert headers[b"cache-control"] == b"public, max-age=86400, immutable"
    assert headers[b"content-security-policy"].endswith(b"sandbox")
    known = headers[b"etag"]
    for tags in (known, b"W/" + known, b'"x", ' + known, b"*"):
        again, same, nothing = get(api, path_of(api, kind), headers=[(b"if-none-match", tags)])
        assert (again, same[b"etag"], nothing) == (304, known, b"")
    assert get(api, path_of(api, kind), headers=[(b"if-none-match", b'"x"')])[2] == body


def test_the_picture_of_a_session_leads_to_it(api: MemoryApi) -> None:
    _, _, body = get(api, path_of(api, "png"), "scale=4&border=5")

    session_id = ids.decode("ps", api.session_id)
    assert read(from_png(body)) == dynamic_url.build("http://127.0.0.1:8080", session_id)


@pytest.mark.parametrize(
    "query", ["scale=0", "scale=41", "border=3", "border=17", "scale=1e1", "x=1"]
)
def test_sizes_out_of_bounds_are_refused(api: MemoryApi, query: str) -> None:
    assert get(api, path_of(api, "svg"), query)[0] == 400


def test_the_picture_of_an_unknown_session_is_not_found(api: MemoryApi) -> None:
    unknown = f"/v1/payment-sessions/{ids.encode('ps', uuid4())}/qr.svg"

    for headers in ((), [(b"if-none-match", b"*")]):
        assert get(api, unknown, headers=headers)[0] == 404


def test_a_tag_names_everything_that_the_picture_depends_on() -> None:
    others: list[Drawing] = [
        CodePicture(kind="png", text="A1", scale=8, border=4),
        CodePicture(kind="svg", text="A2", scale=8, border=4),
        CodePicture(kind="svg", text="A1", scale=9, border=4),
        CodePicture(kind="svg", text="A1", scale=8, border=5),
        POSTER,
        Poster(**{**_fields(POSTER), "kind": "svg"}),
        Poster(**{**_fields(POSTER), "size": "a4"}),
        *(
            Poster(**{**_fields(POSTER), name: "y"})
            for name in ("text", "payee", "label", "amount", "notice", "host", "test", "language")
        ),
    ]

    tags = [etag(drawing) for drawing in (CODE, *others)]

    assert len({*tags}) == len(tags)
    assert etag(CodePicture(kind="svg", text="A1", scale=8, border=4)) == etag(CODE)


def _fields(poster: Poster) -> dict[str, Any]:
    return {name: getattr(poster, name) for name in poster.__struct_fields__}


def test_the_same_picture_is_drawn_once_for_everybody_who_waits_for_it() -> None:
    pictures = RecordedPictures()
    cache = PictureCache(pictures)

    async def ask() -> list[bytes]:
        asked = [asyncio.create_task(cache.get(CODE, there)) for _ in range(200)]
        await asyncio.sleep(0)
        pictures.allowed.set()
        return [*await asyncio.gather(*asked), await cache.get(CODE, there)]

    bodies = asyncio.run(ask())

    assert len(bodies) == 201
    assert pictures.drawn == [CODE]


def test_one_picture_more_than_may_wait_is_refused_and_the_others_are_drawn() -> None:
    pictures = RecordedPictures()
    cache = PictureCache(pictures)

    async def ask() -> list[bytes]:
        asked = [asyncio.create_task(cache.get(numbered(n), there)) for n in range(WAITING_MAX)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded) as refused:
            await cache.get(numbered(WAITING_MAX), there)
        assert refused.value.transient
        pictures.allowed.set()
        bodies = await asyncio.gather(*asked)
        return [*bodies, await cache.get(numbered(WAITING_MAX), there)]

    assert len(asyncio.run(ask())) == len(pictures.drawn) == WAITING_MAX + 1


def test_what_does_not_exist_is_not_drawn_and_not_kept() -> None:
    pictures = RecordedPictures()
    pictures.allowed.set()
    cache = PictureCache(pictures)

    async def missing() -> None:
        raise NotFound(thing="payment session")

    async def ask() -> None:
        for _ in range(WAITING_MAX + 1):
            with pytest.raises(NotFound):
                await cache.get(CODE, missing)
        assert pictures.drawn == []
        await cache.get(CODE, there)

    asyncio.run(ask())

    assert pictures.drawn == [CODE]


def test_pictures_are_kept_up_to_a_number_of_bytes_the_last_used_longest() -> None:
    pictures = RecordedPictures(size=40)
    pictures.allowed.set()
    cache = PictureCache(pictures, bytes_max=100)

    async def ask(*numbers: int) -> None:
        for number in numbers:
            await cache.get(numbered(number), there)

    asyncio.run(ask(1, 2, 1, 3, 1, 2))

    assert pictures.drawn == [numbered(n) for n in (1, 2, 3, 2)]


def test_a_caller_who_leaves_does_not_take_the_picture_from_the_others() -> None:
    pictures = RecordedPictures()
    cache = PictureCache(pictures)

    async def ask() -> bytes:
        first, second = (asyncio.create_task(cache.get(CODE, there)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        pictures.allowed.set()
        return await second

    assert asyncio.run(ask()) == b"x" * 10
