"""Hostile addresses: whatever reads them another way, they never lead to a code of this ledger."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit
from uuid import UUID

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import LedgerError
from domain.qr import dynamic_url, static_code
from domain.qr.errors import InvalidQr

PUBLIC = "https://pay.example"
ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
OURS = dynamic_url.build(PUBLIC, ID)
SUFFIX = OURS[-26:].lower()
STATIC = static_code.address(PUBLIC, ID, "K1", lambda text: hmac.digest(b"k", text, "sha512"))
SIGNED = STATIC.partition("/S/")[2]

FOREIGN = [
    ("https://evil.example/{}", "foreign-host", 8),
    ("https://evil.example:443/{}", "foreign-host", 8),
    ("https:///{}", "not-a-url", 8),
    ("https://:443/{}", "not-a-url", 8),
    ("https://pay.example:444/{}", "foreign-host", 19),
    ("https://pay.example:80/{}", "foreign-host", 19),
    ("https://pay.example:/{}", "foreign-host", 19),
    ("https://pay.example:0443/{}", "foreign-host", 19),
    ("https://pay.example:443:443/{}", "foreign-host", 19),
    ("https://pay.example:99999999999999999999/{}", "foreign-host", 19),
    ("https://pay.example:４４３/{}", "foreign-host", 19),
    ("https://127.0.0.1/{}", "foreign-host", 8),
    ("https://2130706433/{}", "foreign-host", 8),
    ("https://0x7f.1/{}", "foreign-host", 8),
    ("https://[::1]/{}", "foreign-host", 8),
    ("https://[::1]:443/{}", "foreign-host", 8),
    ("https://[::1/{}", "foreign-host", 8),
    ("https://[::ffff:127.0.0.1%25pay]/{}", "foreign-host", 8),
    ("https://example/{}", "foreign-host", 8),
    ("https://pay/{}", "foreign-host", 8),
    ("https://pay.exampl/{}", "foreign-host", 8),
    ("https://ay.example/{}", "foreign-host", 8),
    ("https://.example/{}", "foreign-host", 8),
]
ALIKE = [
    "pay.example.", "pay.example..", "pay.example.evil.example", "pay.example-evil.example",
    "evilpay.example", "evil.pay.example", "pay.example%2f.evil.example", "pay.example%00.evil",
    "pay.examp1e", "PAY.EXAMPIE", "xn--py-8ka.example", "pay.xn--exmple-cua", "pay.example.xn--p1ai",
    "pаy.example", "раy.example", "pay.exampⅼe", "ｐａｙ.example", "pay．example", "pay。example",
    "pay｡example", "pay.exаmple", "pay.e\u0445ample", "pa\u0443.example", "pay.exam\u0440le",
    "pay.example\u3002", "pay\u2024example", "pay.ex\u00adample", "pay.ex\u200bample",
    "pay.example\u2044q\u2044", "pay.example\uff0fq\uff0f", "pay.example\u202e", "ｐay.example:443",
    "pay.example\uff20evil.example", "p\u0101y.example", "pa\u0301y.example", "пей.example",
]  # fmt: skip
USERS = [
    "pay.example@evil.example", "pay.example:443@evil.example", "pay.example:secret@evil.example",
    "user@pay.example", "user:secret@pay.example", "@pay.example", ":@pay.example",
    "pay.example@pay.example", "a@b@pay.example", "pay.example%2fq@evil.example",
]  # fmt: skip
SCHEMES = [
    "http://pay.example/{}", "HTTP://PAY.EXAMPLE/{}", "ftp://pay.example/{}", "javascript:alert(1)//{}",
    "javascript://pay.example/%0aalert(1)/{}", "data:text/html,https://pay.example/{}",
    "intent://pay.example/{}#Intent;scheme=https;end", "upi://pay?pa=a@b&url=https://pay.example/{}",
    "httpss://pay.example/{}", "xhttps://pay.example/{}", "https+x://pay.example/{}", "file:///{}",
    "view-source:https://pay.example/{}", "blob:https://pay.example/{}", "wss://pay.example/{}",
    "bitcoin:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "mailto:pay@pay.example", "pay.example:443/{}",
]  # fmt: skip
NO_URLS = [
    ("", 0), ("   ", 0), ("hello", 0), ("{}", 0), ("/{}", 0), ("//pay.example/{}", 0),
    ("pay.example/{}", 0), ("://pay.example/{}", 0), ("\u017fhttps://pay.example/{}", 0),
    ("http\u017f://pay.example/{}", 0), ("ｈttps://pay.example/{}", 0), ("https：//pay.example/{}", 0),
    ("https;//pay.example/{}", 0), ("https%3A//pay.example/{}", 0), ("1https://pay.example/{}", 0),
    ("https ://pay.example/{}", 0), ("\ufeffhttps://pay.example/{}", 0),
    ("\u00a0https://pay.example/{}", 0), ("https:pay.example/{}", 6), ("https:/pay.example/{}", 6),
    ("https:／／pay.example/{}", 6), ("https:\\\\pay.example/{}", 6), ("https:/\\pay.example/{}", 7),
    ("https://pay.example\\@evil.example/{}", 19), ("https://evil.example\\@pay.example/{}", 20),
    ("https://pay.example\\{}", 19), ("https:?//pay.example/{}", 6), ("https://?pay.example/{}", 8),
    ("https://#pay.example/{}", 8), ("https:////pay.example/{}", 8),
]  # fmt: skip
CONTROLS = [
    "\x00",
    "\x01",
    "\t",
    "\n",
    "\r",
    "\x1b",
    "\x1f",
    "\x7f",
    "\x85",
    "\u2028",
    "\ud800",
    "\udfff",
]
PATHS = [
    "", "/", "?{}", "#{}", "/{}/", "/{}?", "/{}?x=1", "/{}#", "/{}#x", "/{};x", "/{}%20", "/{}%00", "//{}",
    "/./{}", "/../{}", "/x/../{}", "/{}/..", "/%2e%2e/{}", "/;/{}", "/ {}", "/@evil.example/{}",
    "/{}.html", "/{}\u0301", "/{}\u202e", "/{}\u212a", "/é/{}", "/%71/{}", "/%2F{}", "/{}\\", "/\\{}",
]  # fmt: skip


def refused(text: str, *, static: bool = False) -> tuple[object, object]:
    """The cause and the offset."""
    with pytest.raises(InvalidQr) as found:
        static_code.parse(text, PUBLIC) if static else dynamic_url.parse(text, PUBLIC)
    facts = found.value.facts
    assert facts.keys() == {"cause", "reason", "offset"}
    return facts["cause"], facts["offset"]


BOTH = pytest.mark.parametrize(
    ("static", "path"), [(False, f"q/{SUFFIX}"), (True, f"S/{SIGNED}")], ids=["dynamic", "static"]
)


@BOTH
@pytest.mark.parametrize(("text", "cause", "offset"), FOREIGN)
def test_another_host_or_port_is_refused(
    static: bool, path: str, text: str, cause: str, offset: int
) -> None:
    assert refused(text.format(path), static=static) == (cause, offset)


@BOTH
@pytest.mark.parametrize("host", ALIKE)
def test_a_host_that_looks_like_ours_is_named_as_such(static: bool, path: str, host: str) -> None:
    assert refused(f"https://{host}/{path}", static=static) == ("look-alike-host", 8)


@BOTH
@pytest.mark.parametrize("authority", USERS)
def test_user_information_is_refused(static: bool, path: str, authority: str) -> None:
    assert refused(f"https://{authority}/{path}", static=static) == ("user-information", 8)


@BOTH
@pytest.mark.parametrize("text", SCHEMES)
def test_another_scheme_is_refused(static: bool, path: str, text: str) -> None:
    assert refused(text.format(path), static=static) == ("foreign-scheme", 0)


@BOTH
@pytest.mark.parametrize(("text", "offset"), NO_URLS)
def test_what_programs_read_in_different_ways_is_no_url(
    static: bool, path: str, text: str, offset: int
) -> None:
    assert refused(text.format(path), static=static) == ("not-a-url", offset)


@BOTH
@pytest.mark.parametrize("char", CONTROLS)
def test_control_characters_are_refused_wherever_they_are(
    static: bool, path: str, char: str
) -> None:
    for at in (2, 6, 8, 12, 19, 21, 30):
        ours = f"{PUBLIC}/{path}"
        text = ours[:at] + char + ours[at:]

        assert refused(text, static=static) == ("unacceptable-text", at)


@BOTH
@pytest.mark.parametrize("path_of", PATHS)
def test_only_the_exact_path_is_a_code(static: bool, path: str, path_of: str) -> None:
    text = PUBLIC.upper() + path_of.replace("{}", path)

    with pytest.raises(LedgerError) as found:
        static_code.parse(text, PUBLIC) if static else dynamic_url.parse(text, PUBLIC)

    allowed = {"other-address", "not-a-url"} | ({"after-signature"} if static else set())
    assert found.value.facts["cause"] in allowed
    assert isinstance(found.value.facts["offset"], int)
    assert 8 <= found.value.facts["offset"] <= len(text)


def test_white_space_that_cameras_add_is_ignored_around_a_dynamic_address_only() -> None:
    for before, after in ((" ", ""), ("", "\n"), ("\t\r\n ", " \r\n\t"), ("", " " * 400)):
        assert dynamic_url.parse(before + OURS + after, PUBLIC) == ID
    for space in ("\u00a0", "\u2003", "\u3000", "\x0b", "\x0c", "\x1c", "\x85", "\ufeff", "\u200b"):
        with pytest.raises(InvalidQr):
            dynamic_url.parse(space + OURS, PUBLIC)
        with pytest.raises(InvalidQr):
            dynamic_url.parse(OURS + space, PUBLIC)
    for text in (" " + STATIC, STATIC + "\n", STATIC + " "):
        with pytest.raises(LedgerError):
            static_code.parse(text, PUBLIC)


def test_offsets_count_the_white_space_before_the_address() -> None:
    assert refused(f"\r\n https://evil.example/q/{SUFFIX}") == ("foreign-host", 11)
    assert refused(f" {PUBLIC}/p/{SUFFIX}") == ("other-address", 21)
    assert refused(f"  https://pay.ex\tample/q/{SUFFIX}") == ("unacceptable-text", 16)


@pytest.mark.parametrize("length", [511, 512, 513, 600, 5_000])
def test_a_text_past_the_limit_is_too_long(length: int) -> None:
    expected = ("too-long", 512) if length > 512 else ("other-address", 20)
    text = f"{PUBLIC}/q/".ljust(length, "0")

    assert refused(text) == expected
    assert refused(text, static=True) == expected


def test_white_space_counts_towards_the_limit() -> None:
    space = " " * (512 - len(OURS))

    assert dynamic_url.parse(space + OURS, PUBLIC) == dynamic_url.parse(OURS + space, PUBLIC) == ID
    assert refused(space + " " + OURS) == refused(OURS + space + "\n") == ("too-long", 512)


@pytest.mark.parametrize(
    ("public_url", "accepted", "not_accepted"),
    [
        ("https://pay.example", ["https://pay.example:443"], ["https://pay.example:80"]),
        ("https://pay.example:443", ["https://pay.example"], ["https://pay.example:4433"]),
        ("https://pay.example:8443", [], ["https://pay.example", "https://pay.example:443"]),
        ("http://127.0.0.1:8080", [], ["http://127.0.0.1", "https://127.0.0.1:8080"]),
        ("http://127.0.0.1", ["http://127.0.0.1:80"], ["http://127.0.0.1:443", "http://127.1"]),
        ("http://[::1]:8080", [], ["http://[::1]", "http://[0:0::1]:8080", "http://[::1:8080"]),
        ("http://[::1]", ["http://[::1]:80"], ["http://[::1]:8", "http://::1"]),
        ("https://xn--bcher-kva.example", [], ["https://bücher.example", "https://xn--bcher.example"]),
    ],
)  # fmt: skip
def test_the_port_of_the_scheme_may_be_written_or_left_out(
    public_url: str, accepted: list[str], not_accepted: list[str]
) -> None:
    for origin in (public_url, public_url.upper(), *accepted):
        assert dynamic_url.parse(f"{origin}/q/{SUFFIX}", public_url) == ID
    for origin in not_accepted:
        with pytest.raises(InvalidQr):
            dynamic_url.parse(f"{origin}/q/{SUFFIX}", public_url)


@pytest.mark.parametrize(
    "change", [str.lower, str.title, lambda text: text.replace("HTTPS", "https")]
)
def test_a_static_address_in_other_letters_is_ours_but_not_the_one_that_was_signed(
    change: object,
) -> None:
    assert callable(change)

    assert refused(change(STATIC), static=True) == ("other-address", 20)


PIECES = st.sampled_from(
    ["https", "HTTPS", "http", "://", ":", "/", "//", "\\", "@", "pay.example", "PAY.EXAMPLE", "evil.example",
     ".", ":443", ":80", "[", "]", "?", "#", "q/", "Q/", "ps_", SUFFIX, SUFFIX.upper(), " ", "\t", "\n", "%2F",
     "\u212a", "\u3002", "а", ";", "..", "u:p"]
)  # fmt: skip


@given(
    st.lists(PIECES, max_size=12).map("".join)
    | st.lists(PIECES, max_size=4).map(
        lambda found: "".join(["https://pay.example", *found, "/q/", SUFFIX])
    )
)
def test_what_is_accepted_is_ours_to_two_other_readers_of_urls(text: str) -> None:
    try:
        dynamic_url.parse.__wrapped__(text, PUBLIC)
    except InvalidQr:
        return
    plain = text.strip(" \t\r\n")
    parts, other = urlsplit(plain), httpx2.URL(plain)

    assert (parts.scheme, parts.hostname, parts.port or 443) == ("https", "pay.example", 443)
    assert (parts.username, parts.password, parts.query, parts.fragment) == (None, None, "", "")
    assert (other.scheme, other.host, other.port or 443) == ("https", "pay.example", 443)
    assert (other.userinfo, other.query, other.fragment) == (b"", b"", "")
    assert parts.path == other.path


@given(st.text(max_size=30))
def test_no_text_before_or_after_our_address_is_ignored(extra: str) -> None:
    for text in (extra + OURS, OURS + extra):
        if text.strip(" \t\r\n") != OURS:
            with pytest.raises(InvalidQr):
                dynamic_url.parse(text, PUBLIC)
