"""Logs of earlier programs: what seed 3 of the simulation recorded with the program of each day."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from functools import partial
from uuid import UUID

from application.event_log import Event, Receipt, Recorded
from infrastructure.event_store.mapper import LedgerMapper
from tests.support.bundles import MemorySource
from tests.support.old_ledgers import FOLDER

NAMES = sorted(path.name.partition(".")[0] for path in FOLDER.glob("*.history.gz"))
ANY_FINGERPRINT = b"unknown"
"""A bundle says nothing of fingerprints."""


def decode(mapper: LedgerMapper, one: Recorded) -> Event:
    return mapper.decode(one.stream_id, one.version, one.topic, one.state)


def source(name: str) -> MemorySource:
    """A log with the receipts of its commands, as an export reads them."""
    found = json.loads(gzip.decompress((FOLDER / f"{name}.history.gz").read_bytes()))
    decoder = partial(decode, LedgerMapper())
    events = [
        Recorded(
            position=one["position"],
            stream_id=UUID(one["stream_id"]),
            version=one["version"],
            topic=one["topic"],
            state=one["state"].encode(),
            recorded_at=datetime.fromisoformat(one["recorded_at"]),
            event_id=UUID(one["event_id"]),
            command_id=UUID(one["command_id"]),
            actor=one["actor"],
            trace_id="",
            schema_version=one["schema_version"],
            decode=decoder,
        )
        for one in found["events"]
    ]
    receipts = [
        Receipt(
            command_id=UUID(one["command_id"]),
            fingerprint=ANY_FINGERPRINT,
            first_position=one["first_position"],
            last_position=one["last_position"],
            recorded_at=datetime.fromisoformat(one["recorded_at"]),
            subject=None,
            version=0,
            refusal=None,
        )
        for one in found["receipts"]
    ]
    return MemorySource(events, receipts)
