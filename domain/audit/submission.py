"""The request `add-checkpoint` to a witness (C2SP tlog-witness), written and read strictly.

old <size of the head that the witness cosigned last>
<base64 of a hash>, of the consistency proof (RFC 6962, 2.1.2)
(empty line)
<the signed checkpoint>
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from domain.audit import note as notes
from domain.audit.errors import MalformedSubmission
from domain.audit.merkle import HASH_BYTES
from domain.audit.note import NOTE_BYTES_MAX, Checkpoint, Note
from domain.audit.vkey import decode_base64

HASHES_MAX: Final = 63
SUBMISSION_BYTES_MAX: Final = NOTE_BYTES_MAX + 4096
"""63 hashes of 45 characters and the longest note."""
_OLD: Final = re.compile(r"old (0|[1-9][0-9]{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Submission:
    """A checkpoint for a witness, and the proof that it continues an older one."""

    old_size: int
    proof: Sequence[bytes]
    note: Note

    def encode(self) -> bytes:
        """The bytes of the request."""
        hashes = "".join(f"{b64encode(one).decode()}\n" for one in self.proof)
        return f"old {self.old_size}\n{hashes}\n".encode() + self.note.encode()

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint, whose signatures the caller verifies.

        Raises:
            MalformedCheckpoint: the text of the note is none.
        """
        return notes.parse_checkpoint(self.note.text)


def parse(data: bytes) -> Submission:
    """The request of its bytes.

    Raises (checked in this order):
        MalformedSubmission: too long; no line `old` with a size; a line after it that is no hash;
            more than 63 of them.
        MalformedNote: what follows the empty line is no signed note.
        MalformedCheckpoint: the text of the note is no checkpoint.
        MalformedSubmission: the old size is larger than the checkpoint's.
    """
    if len(data) > SUBMISSION_BYTES_MAX:
        raise MalformedSubmission(reason=f"a request has at most {SUBMISSION_BYTES_MAX} bytes")
    head, separator, rest = data.partition(b"\n\n")
    if not separator:
        raise MalformedSubmission(
            reason="a request is a line `old`, hashes, an empty line and a checkpoint"
        )
    first, *lines = head.decode(errors="replace").split("\n")
    old = _OLD.fullmatch(first)
    if old is None:
        raise MalformedSubmission(reason="the first line of a request is `old` and a size")
    if len(lines) > HASHES_MAX:
        raise MalformedSubmission(reason=f"a proof has at most {HASHES_MAX} hashes")
    submission = Submission(int(old[1]), [_hash(line) for line in lines], notes.parse(rest))
    if submission.old_size > submission.checkpoint.size:
        raise MalformedSubmission(reason="the old size is larger than the checkpoint's")
    return submission


def _hash(line: str) -> bytes:
    try:
        found = decode_base64(line)
    except ValueError:
        found = b""
    if len(found) != HASH_BYTES:
        raise MalformedSubmission(reason=f"a line of the proof is not base64 of {HASH_BYTES} bytes")
    return found
