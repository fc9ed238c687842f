"""What the camera read: every text that `POST /v1/scans` accepts is told apart here, and only here.

A static code is trusted only as a `VerifiedCode`, which cannot be made without checking the
signature. So nothing is loaded, and nothing claimed, by a text that somebody else has printed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from typing import Final
from uuid import UUID

from domain.errors import LedgerError
from domain.qr import dynamic_url, static_code
from domain.qr.errors import Cause
from domain.qr.static_code import Verify

SCANNED_CHARS_MAX: Final = 7089
"""What the largest QR symbol holds, in digits (ISO/IEC 18004, table 7)."""
_EMV_START: Final = "000201"
_CAUSES_BY_CODE: Final[Mapping[str, str]] = {
    "not-found": "unknown-id",
    "session-expired": "expired",
    "session-not-payable": "not-payable",
    "session-claimed": "claimed",
    "claims-exhausted": "claims-exhausted",
    "amount-mismatch": "amount-mismatch",
    "amount-outside-limits": "amount-outside-limits",
}
"""Why a valid code is refused, by the code of the refusal."""
CAUSES: Final = (*(cause.value for cause in Cause), *_CAUSES_BY_CODE.values())
"""Every cause that a refused scan is counted by."""


@dataclass(frozen=True, slots=True)
class SessionCode:
    """The code of one payment session."""

    session_id: UUID


@dataclass(frozen=True, slots=True)
class VerifiedCode:
    """A static code that this ledger has signed.

    Raises:
        InvalidSignature: the key is unknown or revoked, or the signature is another text's.
    """

    code: InitVar[static_code.StaticCode]
    verify: InitVar[Verify]
    code_id: UUID = field(init=False)

    def __post_init__(self, code: static_code.StaticCode, verify: Verify) -> None:
        """Check the signature before anything of the code can be used."""
        code.check(verify)
        object.__setattr__(self, "code_id", code.code_id)


def read_payload(payload: str, public_url: str, verify: Verify) -> SessionCode | VerifiedCode:
    """What a scanned text identifies.

    Args:
        payload: the text as it was read. A static code is read exactly as it was printed.
        public_url: the ledger's origin.
        verify: judges the signatures of static codes.

    Raises (checked in this order):
        InvalidQr: the text is too long, cannot be read, or is not one of this ledger's codes.
        InvalidSignature: it is a static code that this ledger has not signed.
    """
    static_address = f"{public_url}/s/".upper()
    if payload.startswith(_EMV_START) or payload.upper().startswith(static_address):
        return VerifiedCode(static_code.parse(payload, public_url), verify)
    return SessionCode(dynamic_url.parse(payload, public_url))


def cause_of(refusal: LedgerError) -> str | None:
    """Why a scanned code is refused, one of `CAUSES`; None if it is not the code's fault."""
    if refusal.facts.get("thing") == "wallet":
        return None
    cause = _CAUSES_BY_CODE.get(refusal.code, refusal.facts.get("cause"))
    return str(cause) if cause in CAUSES else None
