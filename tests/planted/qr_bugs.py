"""Known bugs of the codecs of payment codes."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

MPM = "domain/qr/emv_mpm.py"
STATIC = "domain/qr/static_code.py"
EMV = "tests/domain/qr/test_emv_mpm.py"
SIGNED = "tests/domain/qr/test_static_code.py"

QR_BUGS: Final = [
    Bug("the checksum of a code is not checked", MPM,
        "    if checksum(text[: last.value_offset]) != last.value:\n", "    if False:\n", EMV),
    Bug("lengths count bytes", "domain/qr/tlv.py",
        'return f"{object_id}{len(value):02}{value}"',
        'return f"{object_id}{len(value.encode()):02}{value}"', EMV),
    Bug("a repeated object is read", "domain/qr/tlv.py",
        "        if object_id in seen:\n", "        if False:\n", EMV),
    Bug("an amount with more decimals than its currency has is cut", "domain/money/decimals.py",
        "    if len(fraction) > exponent:\n", "    if False:\n", EMV),
    Bug("the signature is checked over the text in upper case", STATIC,
        "verify(self.key_id, self.signed.encode(), self.signature)",
        "verify(self.key_id, self.signed.upper().encode(), self.signature)", SIGNED),
    Bug("objects after the signature are accepted", STATIC,
        "    if objects[-2].id != SIGNATURE:\n", "    if False:\n", SIGNED),
    Bug("the host of an address is compared by its beginning", "domain/qr/_address.py",
        "            if lower.startswith(origin, start):\n                return start + len(origin)\n",
        "            if lower.startswith(origin[:-1], start):\n"
        '                return lower.index("/", start + len(origin) - 1) + 1\n',
        "tests/domain/test_values.py"),
    Bug("a signature has two texts", STATIC,
        '    if b32encode(decoded).decode().rstrip("=") != signature:\n', "    if False:\n", SIGNED),
    Bug("the check digits of an account number are not checked", "domain/qr/epc.py",
        "% 97 == 1", "% 97 >= 0", "tests/domain/qr/test_epc.py"),
    Bug("any template of an EMVCo code counts as Pix", "domain/qr/pix.py",
        "isinstance(account, Template) and account.guid.lower() == GUID",
        "isinstance(account, Template)", "tests/domain/qr/test_schemes.py"),
]  # fmt: skip
"""Each one is caught by a test of its codec."""
