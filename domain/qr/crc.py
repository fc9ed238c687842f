"""The checksum of EMVCo's QR codes: CRC-16/CCITT-FALSE over UTF-8 (EMVCo MPM 1.1, section 4.7.3).

It finds reading errors. It proves nothing about who made a code: anybody can compute it.
"""

from __future__ import annotations

from binascii import crc_hqx
from typing import Final

CHARS: Final = 4
_INITIAL: Final = 0xFFFF


def checksum(text: str) -> str:
    """Four upper-case hexadecimal digits, such as `29B1` for `123456789`.

    Raises:
        UnicodeEncodeError: the text has lone surrogates.
    """
    return f"{crc_hqx(text.encode(), _INITIAL):04X}"
