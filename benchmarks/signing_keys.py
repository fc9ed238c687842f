"""Signing keys: signatures made and checked per second, with the key file looked at every time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.qr_codes import rate
from benchmarks.table import Table
from infrastructure.qr_keys import key_file, key_set
from infrastructure.qr_keys.file_keys import FileKeys


def measure_keys(table: Table) -> None:
    """Sign and check with the key file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "qr-keys.json"
        private = Ed25519PrivateKey.from_private_bytes(b"k" * key_set.KEY_BYTES)
        key_file.create_if_absent(path, private, datetime(2026, 1, 1, tzinfo=UTC))
        keys, signed = FileKeys(path), b"HTTPS://PAY.EXAMPLE/S/"
        key_id, signature = keys.current().id, keys.current().sign(signed)
        made = rate(lambda: keys.current().sign(signed))
        checked = rate(lambda: keys.verify(key_id, signed, signature))
        table.row("signatures made / checked per second", f"{made} / {checked}")
        table.row("looks at the key file per second", rate(keys.public_keys))
