"""One text of every kind of payment code."""

from __future__ import annotations

import hmac
from uuid import UUID

from domain.qr import dynamic_url, epc, paynow, pix, promptpay, static_code
from domain.qr.emv_code import EmvCode, Template
from domain.qr.epc import EpcCode
from domain.qr.paynow import PayNowCode
from domain.qr.pix import PixCode
from domain.qr.promptpay import PromptPayCode

PUBLIC = "https://pay.example"
ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
EMV = EmvCode(
    accounts={"26": Template("example.pay", {"01": "42"})}, currency="USD", country="US",
    name="Corner Cafe", city="Springfield", amount_minor=12_345, additional={"05": "SN129803"},
)  # fmt: skip


def sign(text: bytes) -> bytes:
    """64 bytes in place of a signature."""
    return hmac.digest(b"k", text, "sha512")


TEXTS = {
    "dynamic address": dynamic_url.build(PUBLIC, ID),
    "dynamic address on this machine": dynamic_url.build("http://127.0.0.1:8080", ID),
    "signed address": static_code.address(PUBLIC, ID, "K1", sign),
    "signed EMVCo": static_code.emv(EMV, ID, "K1", sign),
    "EMVCo of a specification": (
        "00020101021229300012D156000000000510A93FO3230Q31280012D15600000001030812345678520441115802"
        "CN5914BEST TRANSPORT6007BEIJING64200002ZH0104最佳运输0202北京540523.7253031565502016233"
        "030412340603***0708A60086670902ME91320016A0112233449988770708123456786304A13A"
    ),
    "Pix": pix.build(PixCode(key="user@example.com", name="Cafe", city="BRASILIA")),
    "PromptPay": promptpay.build(
        PromptPayCode(kind=promptpay.ProxyKind.MOBILE, proxy=promptpay.mobile("0801234567"))
    ),
    "PayNow": paynow.build(
        PayNowCode(kind=paynow.ProxyKind.COMPANY, proxy="201403121W", name="Kopi")
    ),
    "EPC": epc.build(
        EpcCode(name="Müller", iban="DE33100205000001194700", amount_minor=2_000)
    ),
}  # fmt: skip
