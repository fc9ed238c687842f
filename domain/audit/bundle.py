"""The bundle that `audit export` writes and `audit verify` reads: its members and its manifest.

An uncompressed tar (ustar, ordinary files only) with these members, each at most once:

    format                      `qrledger-bundle 1` and a newline
    tile/entries/<N>[.p/<W>]    the leaves of the events, 256 in each full bundle
    tile/0/<N>[.p/<W>]          the hashes of these leaves
    commands.ndjson             the receipts of the commands, one JSON object a line
    read_models/<name>.ndjson   the rows of the read models, each at its own position
    checkpoint                  the signed note whose size covers all events of the bundle
    manifest.json               what the bundle claims to contain
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from domain.audit.errors import MalformedBundle, NewerFormat
from domain.audit.merkle import SIZE_MAX
from domain.audit.note import NOTE_BYTES_MAX
from domain.audit.tiles import BUNDLE_BYTES_MAX, TILE_BYTES

FORMAT: Final = 1
FORMAT_MEMBER: Final = "format"
CHECKPOINT: Final = "checkpoint"
COMMANDS: Final = "commands.ndjson"
MANIFEST: Final = "manifest.json"
READ_MODELS: Final = (
    "sessions", "wallet_payments", "balances", "payouts", "refunds", "attempts", "static_codes",
    "journal",
)  # fmt: skip
"""The read models of a bundle. Each has rows that follow from the events alone."""
MANIFEST_BYTES_MAX: Final = 64 * 1024
LINE_BYTES_MAX: Final = 1024 * 1024
"""Of a row of a read model or a receipt."""
_FORMAT_BYTES_MAX: Final = 64
_FORMAT: Final = re.compile(rb"qrledger-bundle ([1-9][0-9]{0,5})\n")
_MODEL: Final = re.compile(r"read_models/([a-z_]{1,40})\.ndjson", re.ASCII)
_ROWS_MAX: Final = 10**15


@dataclass(frozen=True, slots=True)
class ModelPart:
    """What the manifest says of the dump of a read model."""

    position: int
    """The last event that its rows take in."""
    rows: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle claims to contain. It is not signed, and proves nothing by itself."""

    size: int
    """Of the checkpoint's tree."""
    first: int
    last: int
    """The positions of the events in the bundle; 1 and `size` unless it is a part."""
    commands: int
    read_models: Mapping[str, ModelPart]

    @property
    def is_whole(self) -> bool:
        """Whether the bundle has every event from the first to the checkpoint's last."""
        return self.first == 1 and self.last == self.size

    def encode(self) -> bytes:
        """The bytes of `manifest.json`."""
        models = {
            name: {"position": part.position, "rows": part.rows}
            for name, part in sorted(self.read_models.items())
        }
        document = {
            "format": FORMAT,
            "size": self.size,
            "first": self.first,
            "last": self.last,
            "commands": self.commands,
            "read_models": models,
        }
        return (json.dumps(document, indent=2) + "\n").encode()


def parse_manifest(data: bytes) -> Manifest:
    """The manifest of its bytes.

    Raises:
        MalformedBundle: no JSON object of exactly the members that `Manifest.encode` writes.
    """
    try:
        document = json.loads(data)
        models = {
            name: ModelPart(*_numbers(part, "position", "rows"))
            for name, part in document.pop("read_models").items()
        }
        form, size, first, last, commands = _numbers(
            document, "format", "size", "first", "last", "commands"
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MalformedBundle(reason="manifest.json is not a manifest of this format") from error
    if form != FORMAT:
        raise MalformedBundle(reason=f"manifest.json is of format {form}, the bundle of {FORMAT}")
    return Manifest(size, first, last, commands, models)


def check_format(data: bytes) -> None:
    """Check the content of `format`.

    Raises:
        NewerFormat: a later program has written the bundle.
        MalformedBundle: it is no bundle.
    """
    found = _FORMAT.fullmatch(data)
    if found is None:
        raise MalformedBundle(reason="the member `format` does not say `qrledger-bundle 1`")
    if int(found[1]) != FORMAT:
        raise NewerFormat(reason=f"the bundle has format {int(found[1])}; this program reads 1")


def model_member(name: str) -> str:
    """The member with the rows of a read model."""
    return f"read_models/{name}.ndjson"


def bytes_max(name: str) -> int | None:
    """The most bytes of a member; None: as many as there are, read line by line.

    Raises:
        MalformedBundle: no bundle of this format has such a member.
    """
    fixed = {
        FORMAT_MEMBER: _FORMAT_BYTES_MAX,
        CHECKPOINT: NOTE_BYTES_MAX,
        MANIFEST: MANIFEST_BYTES_MAX,
        COMMANDS: None,
    }
    if name in fixed:
        return fixed[name]
    if name.startswith("tile/entries/"):
        return BUNDLE_BYTES_MAX
    if name.startswith("tile/0/"):
        return TILE_BYTES
    found = _MODEL.fullmatch(name)
    if found is None or found[1] not in READ_MODELS:
        raise MalformedBundle(reason=f"a bundle has no member {name!r:.120}")
    return None


def _numbers(document: Any, *names: str) -> list[int]:
    """The members of an object that has exactly these, all of them whole numbers from 0."""
    values = [document[name] for name in names]
    if set(document) != set(names) or not all(type(one) is int for one in values):
        raise ValueError(names)
    if not all(0 <= one <= SIZE_MAX and one <= _ROWS_MAX for one in values):
        raise ValueError(names)
    return values
