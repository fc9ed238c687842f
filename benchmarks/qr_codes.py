"""Payment codes: texts built and read, and pictures drawn, per second on one core."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import Final, Literal, TypeVar
from uuid import UUID

from application.ports.pictures import CodePicture, Poster
from benchmarks.table import Table
from domain.qr import dynamic_url, emv_mpm, epc, paynow, pix, promptpay, static_code
from domain.qr.emv_code import EmvCode, Template
from domain.qr.epc import EpcCode
from domain.qr.paynow import PayNowCode
from domain.qr.pix import PixCode
from domain.qr.promptpay import PromptPayCode, ProxyKind
from infrastructure.pictures.drawing import LocalPictures

V = TypeVar("V")
SECONDS: Final = 0.5
PictureKind = Literal["svg", "png", "txt"]
PICTURE_KINDS: Final[tuple[PictureKind, ...]] = ("svg", "png", "txt")
PUBLIC: Final = "https://pay.example"
ID: Final = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
EMV: Final = EmvCode(
    accounts={"26": Template("example.pay", {"01": "42"})}, currency="USD", country="US",
    name="Corner Cafe", city="Springfield", amount_minor=12_345, additional={"05": "SN129803"},
)  # fmt: skip
PIX: Final = PixCode(key="123e4567-e12b-12d1-a456-426655440000", name="Cafe", city="BRASILIA")
PROMPTPAY: Final = PromptPayCode(kind=ProxyKind.MOBILE, proxy=promptpay.mobile("0801234567"))
PAYNOW: Final = PayNowCode(kind=paynow.ProxyKind.COMPANY, proxy="201403121W", name="Cafe")
PICTURES: Final = LocalPictures()
EPC: Final = EpcCode(name="Cafe", iban="DE33100205000001194700", amount_minor=2_000)


def measure_codes(table: Table) -> None:
    """Build and read each format, and draw each kind of picture, again and again."""
    address = static_code.address(PUBLIC, ID, "K1", _sign)
    url = dynamic_url.build(PUBLIC, ID)
    emv = static_code.emv(EMV, ID, "K1", _sign)
    texts: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "address": (
            lambda: dynamic_url.build(PUBLIC, ID),
            lambda: dynamic_url.parse.__wrapped__(url, PUBLIC),
        ),
        "signed address": (
            lambda: static_code.address(PUBLIC, ID, "K1", _sign),
            lambda: static_code.parse(address, PUBLIC),
        ),
        "signed EMVCo": (
            lambda: static_code.emv(EMV, ID, "K1", _sign),
            lambda: static_code.parse(emv, PUBLIC),
        ),
        "EMVCo": _both(emv_mpm.build, emv_mpm.parse, EMV),
        "Pix": _both(pix.build, pix.parse, PIX),
        "PromptPay": _both(promptpay.build, promptpay.parse, PROMPTPAY),
        "PayNow": _both(paynow.build, paynow.parse, PAYNOW),
        "EPC": _both(epc.build, epc.parse, EPC),
    }
    for name, (build, read) in texts.items():
        table.row(f"{name}: texts built / read per second", f"{rate(build)} / {rate(read)}")
    _measure_drawing(table)


def _measure_drawing(table: Table) -> None:
    """Draw pictures, never the same one twice."""
    numbers = count()
    payloads: dict[str, Callable[[UUID], str]] = {
        "dynamic address": lambda one: dynamic_url.build(PUBLIC, one),
        "signed address": lambda one: static_code.address(PUBLIC, one, "K1", _sign),
        "signed EMVCo": lambda one: static_code.emv(EMV, one, "K1", _sign),
    }
    for name, payload in payloads.items():
        rates = [rate(partial(_draw_next, kind, payload, numbers)) for kind in PICTURE_KINDS]
        table.row(f"codes drawn per second, {name}, SVG / PNG / terminal", " / ".join(rates))
    address = payloads["signed address"](ID)
    posters = [_poster("svg", address), _poster("pdf", address)]
    rates = [rate(partial(PICTURES.draw, poster)) for poster in posters]
    table.row("posters drawn per second, SVG / PDF", " / ".join(rates))


def _draw_next(kind: PictureKind, payload: Callable[[UUID], str], numbers: Iterator[int]) -> bytes:
    text = payload(UUID(int=next(numbers)))
    return PICTURES.draw(CodePicture(kind=kind, text=text, scale=8, border=4))


def _poster(kind: Literal["svg", "pdf"], text: str) -> Poster:
    return Poster(
        kind=kind, size="a6", text=text, payee="Corner Cafe", label="Till 3", amount="",
        notice="Check the name before you pay", host="pay.example", test="",
    )  # fmt: skip


def _both(
    build: Callable[[V], str], parse: Callable[[str], V], value: V
) -> tuple[Callable[[], object], Callable[[], object]]:
    text = build(value)
    return lambda: build(value), lambda: parse(text)


def rate(work: Callable[[], object]) -> str:
    """How often something can be done in a second."""
    count, before = 0, time.perf_counter()
    while (took := time.perf_counter() - before) < SECONDS:
        work()
        count += 1
    return f"{count / took:,.0f}"


def _sign(text: bytes) -> bytes:
    """64 bytes in place of a signature, so that only the codec is measured."""
    return hmac.digest(b"k", text, "sha512")
