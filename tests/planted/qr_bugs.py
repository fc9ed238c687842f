"""Known bugs of the codecs of payment codes."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

MPM = "domain/qr/emv_mpm.py"
STATIC = "domain/qr/static_code.py"
EMV = "tests/domain/qr/test_emv_mpm.py"
ADDRESSES, HOSTILE = "tests/domain/qr/test_addresses.py", "tests/domain/qr/test_hostile_texts.py"
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
    Bug("an address is put in lower case before it is known to be ASCII", "domain/qr/_address.py",
        "    if text.isascii():", "    if text:", ADDRESSES),
    Bug("any Unicode white space around an address is ignored", "domain/qr/dynamic_url.py",
        "payload.rstrip(_address.WHITE_SPACE)", "payload.rstrip()", ADDRESSES),
    Bug("an offset does not count the white space before an address", "domain/qr/_address.py",
        "                return start + len(origin)\n", "                return len(origin)\n",
        ADDRESSES),
    Bug("any key id of an EMVCo code goes to the key store", STATIC,
        '    if not KEY_ID.fullmatch(names.objects["02"]):\n', "    if False:\n", HOSTILE),
    Bug("letters after the signature of an address are called a bad signature", STATIC,
        "    if len(signature) > SIGNATURE_CHARS:\n", "    if False:\n", ADDRESSES),
    Bug("a payee of PayNow has digits of any script", "domain/qr/paynow.py",
        r'"\+[0-9]{7,15}"', r'"\+\d{7,15}"', HOSTILE),
    Bug("a transaction id of Pix is not checked", "domain/qr/pix.py",
        "    if not _is_txid(txid):\n", "    if False:\n", f"{HOSTILE} tests/fuzz"),
    Bug("an account number has any length", "domain/qr/epc.py",
        " or len(text) != _IBAN_CHARS.get(text[:2], len(text))", "", "tests/domain/qr/test_epc.py"),
    Bug("text is normalised before its signature is checked", STATIC,
        '    return StaticCode(code_id, names.objects["02"], text[:offset], decoded, offset)',
        '    import unicodedata\n    signed = unicodedata.normalize("NFC", text[:offset])\n'
        '    return StaticCode(code_id, names.objects["02"], signed, decoded, offset)', HOSTILE),
]  # fmt: skip
"""Each one is caught by a test of its codec."""
