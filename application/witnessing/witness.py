"""A witness: cosigns a head of a log only if it continues the head that it cosigned last.

Whoever demands its cosignature cannot be shown two histories, nor one that was set back. The check,
the keeping of the new head and the signature are one step: no other request comes between, and
nothing is signed that is not kept. A witness that is killed between them has kept a head that
nobody has a cosignature of; the log asks again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Final

from application.ports.witness_memory import WitnessMemory
from domain.audit import submission as submissions
from domain.audit.errors import HeadConflict, InvalidProof, OtherLog
from domain.audit.merkle import EMPTY_ROOT, verify_consistency
from domain.audit.note import Checkpoint, Note, Signature
from domain.audit.submission import Submission
from domain.audit.vkey import SigningKey, VerifierKey

_log = logging.getLogger(__name__)


class Witness:
    """Cosigns the heads of the logs that it knows. Thread-safe."""

    def __init__(
        self,
        key: SigningKey,
        logs: Sequence[VerifierKey],
        memory: WitnessMemory,
        now: Callable[[], int],
    ) -> None:
        """Be a witness.

        Args:
            key: the witness's own, of the type `cosignature/v1`.
            logs: the keys of the logs that it knows; a log has one or more under its origin.
            memory: the heads that were cosigned.
            now: seconds since 1970.
        """
        self._key: Final = key
        self._logs: Final = logs
        self._memory: Final = memory
        self._now: Final = now
        self._lock: Final = Lock()

    def add_checkpoint(self, data: bytes) -> str:
        """The signature line for the checkpoint of a request (C2SP tlog-witness).

        Raises (checked in this order):
            MalformedSubmission, MalformedNote, MalformedCheckpoint: see `submission.parse`.
            OtherLog: the witness does not know the log.
            BadSignature, UnknownSigner: no key of the log has signed.
            MemoryUnavailable: see the port; nothing is signed.
            HeadConflict: another size was cosigned last, or another root of the same size.
            InvalidProof: the proof does not lead from the last head to this one.
        """
        request = submissions.parse(data)
        checkpoint = request.checkpoint
        keys = [key for key in self._logs if key.name == checkpoint.origin]
        if not keys:
            raise OtherLog(reason="this witness does not know the log of the checkpoint")
        request.note.verify(keys)
        with self._lock:
            head = self._memory.head(checkpoint.origin)
            self._check(request, checkpoint, head or Checkpoint(checkpoint.origin, 0, EMPTY_ROOT))
            self._memory.keep(request.note)
            return self._cosign(request.note)

    def _check(self, request: Submission, new: Checkpoint, head: Checkpoint) -> None:
        if new.size == head.size and new.root != head.root:
            _log.error("the log %s has signed two roots of size %d", new.origin, new.size)
            self._memory.keep_fork(request.note)
            raise HeadConflict(
                size=head.size, reason=f"another root of size {head.size} was cosigned"
            )
        if request.old_size != head.size:
            raise HeadConflict(
                size=head.size, reason=f"the head that was cosigned last has size {head.size}"
            )
        if request.old_size:
            verify_consistency(head.size, new.size, request.proof, head.root, new.root)
        elif request.proof:
            raise InvalidProof(reason="the proof from the empty tree is empty")

    def _cosign(self, note: Note) -> str:
        key = self._key.verifier
        signature = self._key.sign(note.text, time=self._now())
        return Signature(key.name, key.key_id, signature).line
