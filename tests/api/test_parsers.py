"""Every parser of external input accepts or refuses any text, without unexpected errors."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from threading import Event, Thread
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.http.messages import SINGLE, HttpRequest
from api.http.parsing import (
    KEY_CHARS_MAX,
    MoneyBody,
    decode_body,
    parse_idempotency_key,
    read_query,
)
from api.live import admission, server
from api.live.config import LiveConfig
from api.tokens import BadToken, Tokens, Use
from api.v1.lists import read_cursor, write_cursor
from api.v1.payment_sessions import CreateSessionBody, PayBody
from api.v1.scans import ScanBody
from api.v1.session_queries import SessionsQuery
from domain import ids
from domain.errors import InvalidRequest
from domain.money.money import AMOUNT_MINOR_MAX
from domain.text import is_acceptable
from tests.support.live_fixture import memory_merchants
from tests.support.memory_log import START, MemoryLog

TOKENS = Tokens(b"s" * 32)
ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
anything = (
    st.text(st.characters(), max_size=300)  # controls and lone surrogates too
    | st.binary(max_size=300).map(lambda b: b.decode("latin-1"))
    | st.text(st.characters(categories=["Nd", "Nl", "No"]), min_size=1, max_size=30)
)
OTHER_DIGITS = [str.maketrans("0123456789", "".join(chr(zero + n) for n in range(10)))
                for zero in (0xFF10, 0x0660, 0x0966, 0x1D7CE)]  # fmt: skip
"""Full-width, Arabic-Indic, Devanagari and mathematical digits, which `int` accepts."""
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=8,
)


texts_in_json = st.builds(
    lambda texts, ascii_only: json.dumps(texts, ensure_ascii=ascii_only).encode(
        "utf-8", "surrogatepass"
    ),
    st.dictionaries(st.text(st.characters(), max_size=20), st.text(st.characters(), max_size=20)),
    st.booleans(),
)


def request(query: bytes = b"", headers: tuple[tuple[bytes, bytes], ...] = ()) -> HttpRequest:
    scope: Any = {
        "method": "POST", "path": "/", "query_string": query, "headers": headers,
        "path_params": {},
    }  # fmt: skip
    return HttpRequest(scope, None)  # type: ignore[arg-type]


JSON = ((b"content-type", b"application/json"),)


@given(anything)
def test_any_text_is_a_valid_cursor_or_refused(text: str) -> None:
    with suppress(InvalidRequest):
        assert write_cursor(TOKENS, read_cursor(TOKENS, text) or 0) == text.rstrip("=")


@given(st.integers(0, 2**62), st.integers(0, 100))
def test_a_cursor_is_read_back_and_a_modified_one_is_refused(position: int, place: int) -> None:
    cursor = write_cursor(TOKENS, position)
    raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    raw[place % len(raw)] ^= 1

    assert read_cursor(TOKENS, cursor) == position
    with pytest.raises(InvalidRequest):
        read_cursor(TOKENS, base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("="))


@given(anything)
def test_any_text_is_a_valid_idempotency_key_or_refused(text: str) -> None:
    try:
        key = parse_idempotency_key(text)
    except InvalidRequest:
        return
    assert 1 <= len(key) <= KEY_CHARS_MAX
    assert key.isascii()
    assert key.isprintable()


@given(anything, st.sampled_from(Use))
def test_no_random_text_is_a_session_token(text: str, use: Use) -> None:
    with pytest.raises(BadToken):
        TOKENS.check_session(use, text, ID, START)


@given(anything)
def test_no_random_text_is_a_page_token(text: str) -> None:
    with pytest.raises(BadToken):
        TOKENS.check_page(text)


@given(st.sampled_from(OTHER_DIGITS), st.sampled_from(Use))
def test_tokens_and_numbers_in_digits_of_another_script_are_refused(other: Any, use: Use) -> None:
    for token in (TOKENS.for_session(use, ID, START), TOKENS.for_page(ID, ID, START)[0]):
        with pytest.raises(BadToken):
            TOKENS.check_session(use, token.translate(other), ID, START)
        with pytest.raises(BadToken):
            TOKENS.check_page(token.translate(other))
    for place, limit in enumerate(("20", "1", "100")):
        query = f"limit={quote(limit.translate(other))}".encode()
        with pytest.raises(InvalidRequest):
            read_query(request(query), SessionsQuery)
        path = f"/live?session={ids.encode('ps', ID)}&token=x&after={place}"
        with pytest.raises(ValueError, match="after"):
            admission.parameters(
                path.replace(f"after={place}", f"after={quote(limit.translate(other))}")
            )


@given(anything)
def test_any_live_url_is_parsed_or_refused(text: str) -> None:
    coded = quote(text, errors="surrogatepass")
    for path in (text, f"/live?{text}", f"/live?session={coded}&token=x&after={coded}"):
        try:
            session, _, after, _ = admission.parameters(path)
        except ValueError:
            continue
        assert isinstance(session, UUID)
        assert after is None or after >= 0


@given(st.binary(max_size=400))
def test_any_query_is_parsed_or_refused(raw: bytes) -> None:
    with suppress(InvalidRequest):
        assert isinstance(read_query(request(raw), SessionsQuery), SessionsQuery)


@pytest.mark.parametrize("kind", [CreateSessionBody, ScanBody, PayBody, MoneyBody])
@given(raw=st.binary(max_size=400) | json_values.map(msgspec.json.encode) | texts_in_json)
def test_any_body_is_parsed_or_refused(raw: bytes, kind: type[Any]) -> None:
    with suppress(InvalidRequest):
        assert isinstance(decode_body(request(headers=JSON), raw, kind), kind)


@given(
    texts=st.lists(st.text(st.characters(), max_size=30), min_size=4, max_size=4),
    escaped=st.booleans(),
)
def test_a_parsed_body_contains_only_acceptable_text(texts: list[str], escaped: bool) -> None:
    order, description, key, value = texts
    body = {
        "order_id": f"A{order}", "description": description, "metadata": {f"k{key}": value},
        "amount": {"minor": 1, "currency": "USD"},
    }  # fmt: skip
    raw = json.dumps(body, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    try:
        read = decode_body(request(headers=JSON), raw, CreateSessionBody)
    except InvalidRequest:
        found = json.loads(raw)["metadata"] | {"o": f"A{order}", "d": description}
        assert not all(map(is_acceptable, [*found, *found.values()]))
        return
    assert read.metadata == {f"k{key}": value}
    for text in (read.order_id, read.description, *read.metadata, *read.metadata.values()):
        assert is_acceptable(text)


@given(minor=json_values, currency=json_values)
def test_a_parsed_amount_is_an_integer_in_a_currency_in_use(minor: Any, currency: Any) -> None:
    raw = msgspec.json.encode({"minor": minor, "currency": currency})
    try:
        amount = decode_body(request(headers=JSON), raw, MoneyBody).to_money()
    except InvalidRequest:
        return
    assert type(amount.minor) is int
    assert 1 <= amount.minor <= AMOUNT_MINOR_MAX
    assert amount.currency == currency


@given(st.lists(st.tuples(st.binary(max_size=40), st.binary(max_size=80)), max_size=5))
def test_any_headers_can_be_parsed(headers: list[tuple[bytes, bytes]]) -> None:
    read = request(headers=tuple(headers))

    names = {name for name, _ in headers}
    assert all(isinstance(read.header(name), str) for name in names)
    assert not read.repeated or len(names) < len(headers)


SINGLE_NAMES = sorted(SINGLE)


@given(
    st.sampled_from(SINGLE_NAMES),
    st.lists(st.binary(max_size=20), min_size=1, max_size=3),
    st.lists(st.tuples(st.sampled_from([b"accept", b"x-a"]), st.binary(max_size=9)), max_size=4),
)
def test_a_repeated_single_value_header_is_named(
    name: bytes, values: list[bytes], others: list[tuple[bytes, bytes]]
) -> None:
    sent = [(name, value) for value in values]
    read = request(headers=(*sent[:1], *others, *sent[1:]))

    assert read.repeated.lower() == (name.decode() if len(values) > 1 else "")


@pytest.fixture(scope="module")
def live_port() -> Iterator[int]:
    config = LiveConfig(
        host="127.0.0.1",
        port=0,
        origins=(),
        per_address=0,
        total=0,
        trusted_proxies=(),
        livemode=False,
    )
    log = MemoryLog()
    notifier = server.Notifier(
        config, log=log, tokens=TOKENS, merchants=memory_merchants(log, TOKENS)
    )
    ready, over = Event(), Event()

    async def serve() -> None:
        await notifier.open()
        ready.set()
        await asyncio.to_thread(over.wait)
        await notifier.close()

    thread = Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield notifier.port
    over.set()
    thread.join(20)


HANDSHAKE = (
    b"GET /live?session=x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@settings(max_examples=60)
@given(st.booleans(), st.binary(max_size=300))
def test_no_bytes_on_a_socket_crash_the_notifier(live_port: int, shaken: bool, raw: bytes) -> None:
    with socket.create_connection(("127.0.0.1", live_port), timeout=5) as link:
        link.sendall(HANDSHAKE + raw if shaken else raw)
        link.shutdown(socket.SHUT_WR)
        while link.recv(4096):
            pass

    with socket.create_connection(("127.0.0.1", live_port), timeout=5) as link:
        link.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 200 " in link.recv(4096)
