"""A merchant makes a static code."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.ports.code_keys import SigningKey
from domain.merchants.merchant import Merchant
from domain.static_codes.static_code import StaticCode
from domain.static_codes.terms import Terms
from domain.static_codes.texts import Format, make_texts


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueStaticCode(Command):
    """Make a code and sign its texts, which are stored and never made again."""

    code_id: UUID
    merchant_id: UUID
    terms: Terms
    label: str
    formats: tuple[Format, ...]
    public_url: str
    key: SigningKey

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The merchant; the code does not exist yet."""
        return (self.merchant_id,)

    @property
    def writes(self) -> tuple[UUID, ...]:
        """The code; the merchant is only read."""
        return (self.code_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Make the code. The same key signs the same texts alike however often this runs.

        Raises (checked in this order):
            NotFound: there is no such merchant.
            QrSettingsMissing: an EMVCo code is asked for, and the merchant has no settings for it.
            InvalidRequest: the label is too long or not acceptable text.
        """
        merchant = loaded.get(Merchant, self.merchant_id, "merchant")
        texts = make_texts(
            self.formats,
            code_id=self.code_id,
            merchant=merchant,
            terms=self.terms,
            label=self.label,
            public_url=self.public_url,
            key_id=self.key.id,
            sign=self.key.sign,
        )
        code = StaticCode.issue(
            code_id=self.code_id,
            merchant_id=merchant.public_id,
            merchant_name=merchant.name,
            terms=self.terms,
            label=self.label,
            key_id=self.key.id,
            payloads=texts,
            at=loaded.now,
        )
        return Decision(code, [code])
