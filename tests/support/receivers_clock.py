"""The clock of the independent verifier, which reads the machine's: it is the receiver's in tests."""

from __future__ import annotations

import pytest
import standardwebhooks.webhooks as library

from tests.support.webhook_fixture import WALL_CLOCK


def receivers_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the verifier take `WALL_CLOCK` for the present."""

    class Clock(library.datetime):  # type: ignore[name-defined,misc]
        @classmethod
        def now(cls, tz: object = None) -> object:
            return WALL_CLOCK

    monkeypatch.setattr(library, "datetime", Clock)
