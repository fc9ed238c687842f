"""Receipts (`.tlog-proof`, C2SP tlog-proof v1): one leaf, its proof and the checkpoint.

c2sp.org/tlog-proof@v1
extra <base64 of the leaf>
index <position - 1>
<base64 of a hash>, from the leaf's sibling up
(empty line)
<the signed checkpoint>
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from domain.audit import leaf, note
from domain.audit.errors import MalformedReceipt
from domain.audit.leaf import Leaf
from domain.audit.merkle import HASH_BYTES, SIZE_MAX, hash_leaf, verify_inclusion
from domain.audit.note import Checkpoint, Note
from domain.audit.vkey import decode_base64

HEADER: Final = "c2sp.org/tlog-proof@v1"
RECEIPT_BYTES_MAX: Final = 256 * 1024
HASHES_MAX: Final = 63
_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt says; nothing of it is proven before `verify` has returned."""

    leaf_bytes: bytes
    index: int
    proof: Sequence[bytes]
    note: Note

    def encode(self) -> bytes:
        """The bytes of the file; `parse` reads exactly these."""
        lines = [
            HEADER,
            f"extra {b64encode(self.leaf_bytes).decode()}",
            f"index {self.index}",
            *(b64encode(one).decode() for one in self.proof),
            "",
            "",
        ]
        return "\n".join(lines).encode() + self.note.encode()

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint, whose signatures the caller verifies.

        Raises:
            MalformedCheckpoint: the text of the note is none.
        """
        return note.parse_checkpoint(self.note.text)

    def verify(self) -> Leaf:
        """The leaf, after its place in the checkpoint's tree has been proven.

        Raises (checked in this order):
            MalformedCheckpoint: the text of the note is no checkpoint.
            InvalidProof: the proof does not lead from the leaf to the checkpoint's root.
            MalformedLeaf: the bytes are no leaf.
            MalformedReceipt: the leaf has another position than the index says.
        """
        head = self.checkpoint
        verify_inclusion(self.index, head.size, hash_leaf(self.leaf_bytes), self.proof, head.root)
        found = leaf.decode(self.leaf_bytes)
        if found.position != self.index + 1:
            raise MalformedReceipt(
                reason=f"the leaf of index {self.index} has the position {found.position}"
            )
        return found


def parse(data: bytes) -> Receipt:
    """The receipt of its bytes.

    Raises (checked in this order):
        MalformedReceipt: too long, not UTF-8, other lines than those of a receipt in their order,
            or a number or base64 that is not canonical.
        MalformedNote: the checkpoint in it is no signed note.
    """
    if len(data) > RECEIPT_BYTES_MAX:
        raise MalformedReceipt(reason=f"a receipt has at most {RECEIPT_BYTES_MAX} bytes")
    head, separator, rest = data.partition(b"\n\n")
    try:
        lines = head.decode().split("\n")
    except UnicodeDecodeError as error:
        raise MalformedReceipt(reason="the receipt is not UTF-8") from error
    if not separator or lines[0] != HEADER:
        raise MalformedReceipt(reason=f"a receipt begins with the line {HEADER}")
    if len(lines) < 3 or not lines[1].startswith("extra "):  # noqa: PLR2004 - header, extra, index
        raise MalformedReceipt(reason="the second line of a receipt is `extra` and its leaf")
    index = _INDEX.fullmatch(lines[2])
    if index is None or int(index[1]) > SIZE_MAX:
        raise MalformedReceipt(reason="the third line of a receipt is `index` and a number")
    try:
        leaf_bytes = decode_base64(lines[1].removeprefix("extra "))
        proof = [decode_base64(line) for line in lines[3:]]
    except ValueError as error:
        raise MalformedReceipt(reason="the leaf or a hash of the receipt is no base64") from error
    if len(proof) > HASHES_MAX or any(len(one) != HASH_BYTES for one in proof):
        raise MalformedReceipt(
            reason=f"a receipt has at most {HASHES_MAX} hashes of {HASH_BYTES} bytes"
        )
    return Receipt(leaf_bytes, int(index[1]), proof, note.parse(rest))
