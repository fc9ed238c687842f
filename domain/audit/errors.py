"""What can be wrong with evidence. One class per cause, each with a stable code.

They are no refusals of the ledger: whoever checks evidence decides what an error means.
"""

from __future__ import annotations

from typing import ClassVar


class EvidenceError(ValueError):
    """The base of all of them."""

    code: ClassVar[str]

    def __init__(self, *, reason: str) -> None:
        super().__init__(reason)


class MalformedLeaf(EvidenceError):
    """The bytes are no leaf of this log, or a member does not fit into a leaf."""

    code = "malformed-leaf"


class MalformedTile(EvidenceError):
    """The path of a tile, a tile or an entry bundle is not as tlog-tiles prescribes."""

    code = "malformed-tile"


class MalformedKey(EvidenceError):
    """A text or file is no key, or one of an algorithm that is not used here."""

    code = "malformed-key"


class MalformedNote(EvidenceError):
    """The bytes are no signed note."""

    code = "malformed-note"


class MalformedCheckpoint(EvidenceError):
    """The text of a note is no checkpoint: exactly an origin, a size and a root."""

    code = "malformed-checkpoint"


class MalformedReceipt(EvidenceError):
    """The bytes are no `.tlog-proof`."""

    code = "malformed-receipt"


class MalformedPolicy(EvidenceError):
    """The bytes are no tlog-policy; the message names the line."""

    code = "malformed-policy"


class MalformedSubmission(EvidenceError):
    """The bytes are no request to a witness, or its old size is larger than its checkpoint's."""

    code = "malformed-submission"


class HeadConflict(EvidenceError):
    """The witness has cosigned another head than the one that a request starts from."""

    code = "head-conflict"

    def __init__(self, *, size: int, reason: str) -> None:
        super().__init__(reason=reason)
        self.size = size
        """Of the head that the witness cosigned last."""


class OtherLog(EvidenceError):
    """The checkpoint has the origin of another log."""

    code = "other-log"


class UnknownSigner(EvidenceError):
    """No key that is trusted has signed."""

    code = "unknown-signer"


class BadSignature(EvidenceError):
    """A line carries the name and id of a known key, but not its signature."""

    code = "bad-signature"


class QuorumMissing(EvidenceError):
    """Too few of the witnesses that the policy demands have cosigned."""

    code = "quorum-missing"


class InvalidProof(EvidenceError):
    """A proof has another length than the sizes demand, or leads to another root."""

    code = "invalid-proof"


class MalformedBundle(EvidenceError):
    """The file is no bundle, is cut off, or has a member that a bundle may not have."""

    code = "malformed-bundle"


class NewerFormat(EvidenceError):
    """A later program has written the bundle."""

    code = "newer-format"
