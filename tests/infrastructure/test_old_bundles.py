"""Bundles that earlier releases exported are proven by this one, and those with restrictions too."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from domain.audit import leaf as leaves
from infrastructure.bundles.events import EventReader
from infrastructure.bundles.verify import verify
from tests.application.test_restriction import Story
from tests.support import bundles
from tests.support.bundles import TRUSTED
from tests.support.old_ledgers import FOLDER
from tests.tampering.history import leaves_of

SECOND = FOLDER / "2026-11-22.bundle.tar.gz"
"""With `wallet.captured` of version 2, which does not say who was paid."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.tar"
    path.write_bytes(gzip.decompress(SECOND.read_bytes()))
    return path


def test_a_bundle_with_captures_of_the_second_version_is_proven(old: Path) -> None:
    report = verify(old, TRUSTED)

    assert report.findings == []
    reader = EventReader()
    stored = [leaves.decode(one) for one in leaves_of(bundles.unpack(old), 408)]
    captured = [reader.recorded(one).event for one in stored if one.topic == "wallet.captured"]
    assert {one.schema_version for one in stored if one.topic == "wallet.captured"} == {2}
    assert {vars(one)["source"] for one in captured} == {"available", "held"}
    assert {(vars(one)["merchant_id"], vars(one)["merchant_name"]) for one in captured} == {
        (None, None)
    }


def test_a_bundle_of_a_restricted_session_is_proven_and_whole(tmp_path: Path) -> None:
    story = Story()
    bundles.write(story.log, tmp_path / "ledger.tar")

    report = verify(tmp_path / "ledger.tar", TRUSTED)

    assert report.findings == []
    members = bundles.unpack(tmp_path / "ledger.tar")
    assert b"Jane's coffee" in members["tile/entries/000.p/" + str(story.log.head())]
    rows = members["read_models/sessions.ndjson"]
    assert b'"order_id":""' in rows
    assert b"Jane" not in rows
