"""Recorded refusals in a bundle: judged with their session, whichever file the events go to."""

from __future__ import annotations

from pathlib import Path

import pytest

from infrastructure.bundles import grouping
from infrastructure.bundles.export import export
from infrastructure.bundles.verify import verify
from tests.application.checks.test_refusals import LAWFUL, ledger
from tests.support.bundles import KEY, TRUSTED, MemorySource
from tests.support.damaged_logs import Log, changed, events
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog

__all__ = ["ledger"]  # a fixture


def found(log: Log, ledger: LedgerFixture, path: Path) -> set[str]:
    assert isinstance(ledger.log, MemoryLog)
    source = MemorySource(log, ledger.log.receipts.values())
    export(source, source.head().note(KEY).encode(), path)
    return {one.check for one in verify(path, TRUSTED).findings}


@pytest.mark.parametrize("events_per_file", [1, 3, 1000])
def test_true_refusals_are_proven_and_false_ones_are_found(
    ledger: LedgerFixture, events_per_file: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "GROUP_EVENTS", events_per_file)
    sound, path = events(ledger), tmp_path / "ledger.tar"

    assert found(sound, ledger, path) == set()
    path.unlink()
    assert found(changed("refusal.recorded", session_version=9)(sound), ledger, path) == {LAWFUL}
