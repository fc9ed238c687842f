"""A merchant revokes a static code."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.errors import NotFound
from domain.static_codes.static_code import StaticCode


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeStaticCode(Command):
    """Revoke a code: it opens no session any more. Those that are open can still be paid."""

    code_id: UUID
    merchant_id: str

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The code."""
        return (self.code_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Revoke the code; nothing if it is revoked.

        Raises:
            NotFound: the merchant has no such code.
        """
        code = loaded.get(StaticCode, self.code_id, "static code")
        if code.merchant_id != self.merchant_id:
            raise NotFound(thing="static code")
        code.revoke(at=loaded.now)
        return Decision(code, [code])
