"""Hostile texts: changes of known ones, and texts by the grammar of each format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from domain.qr import tlv
from domain.qr.crc import checksum
from domain.qr.errors import InvalidQr
from tests.fuzz import vectors

CHARS_MAX: Final = 1_200
"""Past the limit of every format."""
CHANGES_MAX: Final = 4
SPAN_CHARS_MAX: Final = 40
NASTY: Final = (
    "\x00", "\t", "\n", "\r\n", "\x1b", "\x7f", "\x85", "\u00a0", "\u2028", "\u202e", "\u200b",
    "\ufeff", "\ud800", "\udfff", "\U0001f600", "é", "e\u0301", "\u212a", "\u017f", "\u0131",
    "\u3002", "\uff0f", "\uff10", "\u0660", "²", "а", "ё", "街", "%00", "%2F", "%40", "\\", "//",
    "..", ";", "@", ":", "?", "#", "+", "-", " ", "'", '"', "<", "&", "99", "00", "-1", "1e9",
)  # fmt: skip
"""Control characters, other scripts, look-alikes, other digits, and what separates parts."""
_CHARS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz .:/-_*+"
_HOSTS: Final = (
    "pay.example", "PAY.EXAMPLE", "pay.example.", "pay.example.evil.example", "evil.example",
    "evil-pay.example", "xn--py-8ka.example", "pаy.example", "pay。example", "pay.examp1e", "[::1]",
    "[::ffff:1.2.3.4]", "127.1", "0x7f000001", "", "pay%2Eexample", "pay.example%00.evil.example",
)  # fmt: skip
_SCHEMES: Final = (
    "https", "HTTPS", "http", "javascript", "data", "upi", "intent", "ws", "", "https ", "\uff48ttps",
)  # fmt: skip
_SEPARATORS: Final = ("://", "://", "://", ":", ":/", ":///", ":\\\\", "：//", "//", "%3A//")
_USERS: Final = (
    "",
    "",
    "",
    "user@",
    "user:secret@",
    "pay.example@",
    "pay.example:443@",
    "@",
    "%40",
)
_PORTS: Final = ("", "", ":443", ":0443", ":444", ":80", ":", ":99999", ":٤٤٣", ":443:443", ":-1")
_PATHS: Final = (
    "/q/",
    "/Q/",
    "/q/ps_",
    "/s/",
    "/S/",
    "//q/",
    "/q//",
    "/q/../q/",
    "/q;x/",
    "/%71/",
    "",
)
_ENDS: Final = ("", "", "/", "?", "#", "?x=1", "#x", " ", "\n", "%20", ";x")
_IDS: Final = ("01", "02", "26", "29", "52", "53", "54", "55", "56", "57", "58", "59", "60", "61",
               "62", "64", "65", "80", "85", "86", "99")  # fmt: skip
_VALUES: Final = {
    "01": ("11", "12", "13"), "52": ("0000", "5411", "٠٠٠٠"), "54": ("1", "1.5", "0.001", "1e3", "-1"),
    "53": ("840", "986", "764", "702", "392", "999", "191"), "55": ("01", "02", "03", "04"),
    "56": ("1.00", "0"), "57": ("5", "100.5"), "58": ("US", "BR", "TH", "SG", "br", "U1"),
    "59": ("Cafe", "", "Café", "x" * 26), "60": ("City", "x" * 16), "61": ("10115",),
    "26": ("0014br.gov.bcb.pix0101k", "0009SG.PAYNOW01010020199030110408" + "20261231"),
    "29": ("0016A000000677010111011300668012345", "0016A00000067701011102131234567890123"),
    "62": ("0503***", "0101a", "0525" + "x" * 25, "0903AME", "5004" + "0000"),
    "64": ("0002ZH0102街角", "0002ZH0102e\u0301"), "80": ("0014br.gov.bcb.pix2501u",),
    "85": ("0004QRLI01261H455VB4PEX5VSKNK084SN02QX0202K1",), "86": ("0004QRLS0101x",),
}  # fmt: skip


def text(random: Random, seeds: Sequence[str], grammar: Callable[[Random], str]) -> str:
    """The next text: most are changes of one that is read, so that they get past the first check."""
    made = grammar(random) if random.random() < 0.25 else random.choice(seeds)
    if random.random() < 0.02:
        made = random.choice(vectors.OTHERS)
    for _ in range(random.choices((0, 1, 2, CHANGES_MAX), (1, 6, 4, 2))[0]):
        made = _rearranged(random, made) if random.random() < 0.75 else _changed(random, made)
    if made.startswith("000201") and random.random() < 0.7:
        made = sealed(made)
    return made[:CHARS_MAX]


def sealed(code: str) -> str:
    """The text with a right checksum, as anybody can compute it."""
    body = code[:-8] if code[-8:-4] == "6304" else code
    try:
        return f"{body}6304{checksum(body + '6304')}"
    except UnicodeEncodeError:
        return code


def _changed(random: Random, before: str) -> str:
    at, end = sorted(random.choices(range(len(before) + 1), k=2))
    end = min(end, at + SPAN_CHARS_MAX)
    match random.randrange(10):
        case 0 | 1:
            return before[:at] + random.choice(NASTY) + before[at:]
        case 2:
            return before[:at] + random.choice(NASTY) + before[at + 1 :]
        case 3 | 4:
            return before[:at] + random.choice(_CHARS) + before[at + 1 :]
        case 5:
            return before[:at] + before[end:]
        case 6:
            return before[:end] + before[at:end] * random.choice((1, 1, 2, 40)) + before[end:]
        case 7:
            return before[:at] + before[at:end].swapcase() + before[end:]
        case 8:
            return before[:at]
        case _:
            return before[:at] + before[end:] + before[at:end]


def _rearranged(random: Random, before: str) -> str:
    """A code with an object or line changed, replaced, left out, moved or doubled."""
    if not before.startswith("000201"):
        end = "\n" if "\n" in before else "/"
        parts = before.split(end)
        at = random.randrange(len(parts))
        parts[at : at + 1] = _replaced(random, parts[at], parts[at])
        return end.join(parts)
    try:
        found = tlv.parse(before[:-8])[1:]
    except InvalidQr:
        return before
    at = random.randrange(len(found) or 1)
    new = random.choice(_IDS)
    values = [(one.id, one.value) for one in found] or [(new, "x")]
    object_id, value = values[at]
    objects = [f"{one}{len(text):02}{text}" for one, text in values]
    if random.random() < 0.7:
        other = _changed(random, value)[:99]
    else:
        object_id, other = new, random.choice(_VALUES.get(new, ("x", value)))
    objects[at : at + 1] = _replaced(random, objects[at], f"{object_id}{len(other):02}{other}")
    return "000201" + "".join(objects) + before[-8:]


def _replaced(random: Random, part: str, other: str) -> list[str]:
    """What stands in place of a part."""
    match random.randrange(30):
        case 0:
            return []
        case 1:
            return [part, part]
        case 2:
            return [part, other]
        case 3:
            return [other, part]
        case _:
            return [_changed(random, part) if part == other else other]


def url(random: Random) -> str:
    """A URL, each part of it ordinary or not."""
    suffix = "".join(
        random.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=random.choice((25, 26, 26, 27)))
    )
    signed = f"/K{random.randrange(4)}/" + "A" * random.choice((0, 102, 103, 103, 104))
    parts = (_SCHEMES[:2] * 3 + _SCHEMES, _SEPARATORS, _USERS, _HOSTS[:2] * 9 + _HOSTS, _PORTS, _PATHS,
             (suffix, suffix.lower()), ("", "", signed), _ENDS)  # fmt: skip
    return "".join(map(random.choice, parts))


def objects(random: Random) -> str:
    """An EMVCo code; most objects are valid, in any order, some are there twice or nested."""
    needed = ("26", "29", "52", "53", "58", "59", "60")
    others = random.sample(_IDS, random.randrange(len(_IDS) // 3))
    ids = list(dict.fromkeys((*needed, *others)))
    random.shuffle(ids)
    return sealed(
        "000201" + "".join(_object(random, one, 0) for one in ids if random.random() < 0.95)
    )


def _object(random: Random, object_id: str, depth: int) -> str:
    value = random.choice(_VALUES.get(object_id, ("x", "0001a", "0001a0101b")))
    if random.random() < 0.1 and depth < 6:
        value = "".join(_object(random, one, depth + 1) for one in random.sample(_IDS, 2))
    length = (
        f"{len(value):02}"
        if random.random() < 0.98
        else random.choice(("00", "99", "²²", " 1", "+1"))
    )
    return f"{object_id}{length}{value}"


def lines(random: Random) -> str:
    """The lines of an EPC code, most of them valid."""
    choices = (
        ("BCD",) * 9 + ("BCX",), ("001", "002", "002", "003", "٠٠١"), ("1", "2", "8", "9", "¹"),
        ("SCT",) * 9 + ("INST",), ("BPOTBEB1", "BPOTBEB1XXX", "", "bad"), ("Ann", "é", "", "x" * 71),
        ("BE72000000001616", "DE33100205000001194700", "BE72000000001617", ""),
        ("EUR1", "EUR1.5", "EUR0.01", "EUR999999999.99", "", "EUR0", "EUR-1", "EUR1.234", "USD1"),
        ("", "CHAR", "char"), ("", "", "RF18539007547034"), ("", "t", "街", "x" * 141), ("", "info"),
    )  # fmt: skip
    count = random.choice((12, 12, 11, 8, 7, 13))
    made = [*map(random.choice, choices), "more"][:count]
    return random.choice(("\n", "\n", "\r\n", "\r")).join(made)


GRAMMARS: Final[dict[str, Callable[[Random], str]]] = {
    "dynamic_url": url, "static address": url, "epc": lines,
}  # fmt: skip
"""By parser; all others read EMVCo codes."""
