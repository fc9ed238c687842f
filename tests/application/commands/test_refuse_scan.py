"""RefuseScan: a text that is no code of this ledger loads nothing and records nothing."""

from __future__ import annotations

from application.commands.refuse_scan import RefuseScan
from domain.qr.errors import Cause, InvalidQr
from tests.support.given import HOLDERS, given, refused


def test_the_refusal_is_the_readers() -> None:
    command = RefuseScan(refusal=InvalidQr(cause=Cause.CHECKSUM, reason="x", offset=4))

    given(*HOLDERS).when(command).then(
        refused("invalid-qr", cause="checksum", reason="x", offset=4)
    )
    assert command.streams == ()
