"""Published texts of each format, and texts that are no payment codes."""

from __future__ import annotations

from datetime import date
from typing import Final

from domain.qr import paynow
from domain.qr.paynow import PayNowCode, ProxyKind
from tests.domain.qr import test_emv_mpm, test_epc, test_schemes

EMV: Final = (test_emv_mpm.SAMPLE,)
PIX: Final = (test_schemes.PIX_STATIC, test_schemes.PIX_DYNAMIC)
PROMPTPAY: Final = (test_schemes.PROMPTPAY,)
PAYNOW: Final = (
    paynow.build(
        PayNowCode(
            kind=ProxyKind.COMPANY, proxy="201403121W", name="ACME PTE LTD", amount_minor=1050,
            amount_editable=False, expires_on=date(2026, 12, 31), reference="INV 7",
        )
    ),
)  # fmt: skip
EPC: Final = (test_epc.RED_CROSS, test_epc.WIKIMEDIA)
OTHERS: Final = (
    "eyJhbGciOiJFZDI1NTE5Iiwia2lkIjoiSzEifQ.eyJwYXllZSI6IkNhZmUifQ.c2lnbmF0dXJl",
    "WIFI:T:WPA;S:Cafe;P:secret;;", "BEGIN:VCARD\nVERSION:3.0\nFN:Ann\nEND:VCARD",
    "upi://pay?pa=cafe@bank&pn=Cafe&am=5", "bitcoin:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa?amount=1",
    "mailto:ann@example.org", "tel:+4912345", "javascript:alert(1)", "data:text/html,x",
    "intent://pay.example/q/#Intent;scheme=https;end", "4006381333931", "]C1010401234567890128",
)  # fmt: skip
