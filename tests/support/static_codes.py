"""Static codes for tests: issued by a ledger's bus, and scanned as a wallet app's request would."""

from __future__ import annotations

from uuid import UUID

from application.commands.issue_static_code import IssueStaticCode
from application.commands.revoke_static_code import RevokeStaticCode
from application.commands.scan_static_code import ScanStaticCode
from application.ports.code_keys import CodeKeys
from application.scanning import VerifiedCode, read_payload
from domain.merchants.qr_settings import QrSettings
from domain.money.money import Money
from domain.static_codes.static_code import StaticCode
from domain.static_codes.terms import Terms
from domain.static_codes.texts import Format
from tests.support.ledger_fixture import LEASE_SECONDS, PUBLIC_URL, LedgerFixture
from tests.support.memory_keys import MemoryKeys

QR = QrSettings(country="US", city="Springfield", category="5812", name="Corner Cafe")
OPEN_TERMS = Terms(currency="USD", min_minor=100, max_minor=5000)


class CodesFixture:
    """The codes of a ledger's merchant."""

    def __init__(self, ledger: LedgerFixture, keys: CodeKeys | None = None) -> None:
        self.ledger = ledger
        self.keys = keys or MemoryKeys()

    def issue(self, terms: Terms = OPEN_TERMS, label: str = "Till 3") -> StaticCode:
        """A new code, as an address."""
        command = IssueStaticCode(
            code_id=self.ledger.new_id(),
            merchant_id=self.ledger.merchant_id,
            terms=terms,
            label=label,
            formats=(Format.URL,),
            public_url=PUBLIC_URL,
            key=self.keys.current(),
        )
        code: StaticCode = self.ledger.send(command).subject
        return code

    def revoke(self, code: StaticCode) -> RevokeStaticCode:
        return RevokeStaticCode(code_id=code.id, merchant_id=self.ledger.merchant)

    def verified(self, code: StaticCode) -> VerifiedCode:
        """The code as it is read from its print."""
        read = read_payload(code.payloads["url"], PUBLIC_URL, self.keys.verify)
        assert isinstance(read, VerifiedCode)
        return read

    def scan(self, code: StaticCode, wallet_id: UUID, minor: int | None = None) -> ScanStaticCode:
        return ScanStaticCode(
            code=self.verified(code),
            wallet_id=wallet_id,
            wallet_app_id=self.ledger.app,
            amount=None if minor is None else Money(minor, code.terms.currency),
            session_id=self.ledger.new_id(),
            claim_id=self.ledger.new_id(),
            lease_seconds=LEASE_SECONDS,
        )
