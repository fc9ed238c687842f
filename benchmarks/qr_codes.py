"""Payment codes: texts built and read, and pictures drawn, per second on one core."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypeVar
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.table import Table
from domain.qr import dynamic_url, emv_mpm, epc, paynow, pix, promptpay, static_code
from domain.qr.emv_code import EmvCode, Template
from domain.qr.epc import EpcCode
from domain.qr.paynow import PayNowCode
from domain.qr.pix import PixCode
from domain.qr.promptpay import PromptPayCode
from infrastructure.qr_images import SegnoImages
from infrastructure.qr_keys import key_file, key_set
from infrastructure.qr_keys.file_keys import FileKeys

V = TypeVar("V")
SECONDS: Final = 0.5
PUBLIC: Final = "https://pay.example"
ID: Final = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
EMV: Final = EmvCode(
    accounts={"26": Template("example.pay", {"01": "42"})}, currency="USD", country="US",
    name="Corner Cafe", city="Springfield", amount_minor=12_345, additional={"05": "SN129803"},
)  # fmt: skip
PIX: Final = PixCode(key="123e4567-e12b-12d1-a456-426655440000", name="Cafe", city="BRASILIA")
PROMPTPAY: Final = PromptPayCode(kind=promptpay.ProxyKind.TAX_ID, proxy="1234567890123")
PAYNOW: Final = PayNowCode(kind=paynow.ProxyKind.COMPANY, proxy="201403121W", name="Cafe")
EPC: Final = EpcCode(name="Cafe", iban="DE33100205000001194700", amount_minor=2_000)


def measure_codes(table: Table) -> None:
    """Build and read each format, and draw each kind of picture, again and again."""
    address = static_code.address(PUBLIC, ID, "K1", _sign)
    url = dynamic_url.build(PUBLIC, ID)
    signed = static_code.emv(EMV, ID, "K1", _sign)
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
            lambda: static_code.parse(signed, PUBLIC),
        ),
        "EMVCo": _both(emv_mpm.build, emv_mpm.parse, EMV),
        "Pix": _both(pix.build, pix.parse, PIX),
        "PromptPay": _both(promptpay.build, promptpay.parse, PROMPTPAY),
        "PayNow": _both(paynow.build, paynow.parse, PAYNOW),
        "EPC": _both(epc.build, epc.parse, EPC),
    }
    for name, (build, read) in texts.items():
        table.row(f"{name}: texts built / read per second", f"{_rate(build)} / {_rate(read)}")
    images, number = SegnoImages(), iter(range(10**9))

    def text() -> str:
        return dynamic_url.build(PUBLIC, UUID(int=next(number)))

    kinds: dict[str, Callable[[], object]] = {
        "SVG": lambda: images.svg(text(), scale=8, border=4),
        "PNG": lambda: images.png(text(), scale=8, border=4),
        "terminal": lambda: images.terminal(text(), border=4),
    }
    for name, draw in kinds.items():
        table.row(f"codes drawn per second, {name}, never the same one", _rate(draw))
    measure_keys(table)


def measure_keys(table: Table) -> None:
    """Sign and check with the key file, which is looked at every time."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "qr-keys.json"
        private = Ed25519PrivateKey.from_private_bytes(b"k" * key_set.KEY_BYTES)
        key_file.create_if_absent(path, private, datetime(2026, 1, 1, tzinfo=UTC))
        keys, signed = FileKeys(path), b"HTTPS://PAY.EXAMPLE/S/"
        key_id, signature = keys.current().id, keys.current().sign(signed)
        made = _rate(lambda: keys.current().sign(signed))
        checked = _rate(lambda: keys.verify(key_id, signed, signature))
        table.row("signatures made / checked per second", f"{made} / {checked}")
        table.row("looks at the key file per second", _rate(keys.public_keys))


def _both(
    build: Callable[[V], str], parse: Callable[[str], V], value: V
) -> tuple[Callable[[], object], Callable[[], object]]:
    text = build(value)
    return lambda: build(value), lambda: parse(text)


def _rate(work: Callable[[], object]) -> str:
    """How often something can be done in a second."""
    count, before = 0, time.perf_counter()
    while (took := time.perf_counter() - before) < SECONDS:
        work()
        count += 1
    return f"{count / took:,.0f}"


def _sign(text: bytes) -> bytes:
    """64 bytes in place of a signature, so that only the codec is measured."""
    return hmac.digest(b"k", text, "sha512")
