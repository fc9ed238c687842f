"""Collects the cosignatures that a policy demands before a head is published.

A witness is asked for a cosignature with the proof from the head that it cosigned last. Which one
that is it says itself (409), so nothing is kept here. A witness that is away or disagrees only
leaves its cosignature out: whether the others are enough is the policy's rule.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from typing import Final

from application.ports.witnesses import NoAnswer, WitnessAnswer, Witnesses
from domain.audit import note as notes
from domain.audit.errors import EvidenceError
from domain.audit.note import Note, Signature
from domain.audit.policy import Policy
from domain.audit.submission import Submission
from domain.audit.vkey import VerifierKey

ROUNDS_MAX: Final = 3
"""One to learn the size, one to be cosigned, one if another process was faster."""
AWAY_SECONDS: Final = 10
"""How long a witness that did not answer is left out."""
COSIGN_AGAIN_SECONDS: Final = 3600
"""After which an unchanged head is cosigned again, so that its time is not old."""
REASON_CHARS_MAX: Final = 200
_OK: Final = 200
_CONFLICT: Final = 409
_NOT_CONTINUED: Final = 422
_SIZE: Final = re.compile(rb"(0|[1-9][0-9]{0,18})\n")

Prove = Callable[[int], Sequence[bytes]]
"""The consistency proof from the head of a smaller, positive size to the one to be cosigned."""

_log = logging.getLogger(__name__)


class Cosigning:
    """Has heads of one log cosigned by the witnesses of a policy. For one thread."""

    def __init__(self, policy: Policy, witnesses: Witnesses, now: Callable[[], float]) -> None:
        """Prepare; nobody is asked yet.

        Args:
            policy: the log's keys, the witnesses with their addresses, and the quorum.
            witnesses: asks them.
            now: elapsed seconds, by a clock that never goes back.
        """
        self._policy: Final = policy
        self._witnesses: Final = witnesses
        self._now: Final = now
        self._sizes: Final[dict[VerifierKey, int]] = {}
        """Of the head that each witness cosigned last, as far as it is known."""
        self._away_until: Final[dict[VerifierKey, float]] = {}
        self._problems: dict[VerifierKey, str] = {}
        self._endorsed_at: float | None = None

    @property
    def problems(self) -> dict[str, str]:
        """By the name of its key: why a witness has not cosigned when it was asked last."""
        return {key.name: reason for key, reason in self._problems.items()}

    def is_due(self) -> bool:
        """Whether the head that met the policy last is to be cosigned again, though unchanged."""
        at = self._endorsed_at
        return at is None or self._now() - at >= COSIGN_AGAIN_SECONDS

    def endorse(self, note: Note, prove: Prove) -> Note:
        """The note of a head with every cosignature that is to be had now; it meets the policy.

        Raises:
            MalformedCheckpoint, OtherLog, BadSignature, UnknownSigner: see `Policy.check`.
            QuorumMissing: too few witnesses have cosigned; try again with the newest head.
        """
        size = notes.parse_checkpoint(note.text).size
        asked = [
            key
            for key in self._policy.witnesses.values()
            if key in self._policy.urls and self._now() >= self._away_until.get(key, 0)
        ]
        cosigned = note
        for _ in range(ROUNDS_MAX):
            if not asked:
                break
            answers = self._witnesses.ask(
                {key: self._request(key, size, note, prove) for key in asked}
            )
            asked = []
            for key, answer in answers.items():
                try:
                    signature = self._read(key, answer, note, size)
                except _AskAgain:
                    asked.append(key)
                except _NotCosigned as error:
                    self._has_problem(key, str(error)[:REASON_CHARS_MAX])
                else:
                    cosigned = _with(cosigned, signature)
                    self._has_no_problem(key, size)
        for key in asked:
            self._has_problem(key, "its size changes while it is asked")
        self._policy.check(cosigned)
        self._endorsed_at = self._now()
        return cosigned

    def _request(self, key: VerifierKey, size: int, note: Note, prove: Prove) -> bytes:
        old = self._old_size(key, size)
        return Submission(old, prove(old) if 0 < old < size else (), note).encode()

    def _old_size(self, key: VerifierKey, size: int) -> int:
        """Where the proof begins; 0 asks for the size that the witness has."""
        known = self._sizes.get(key, 0)
        return known if known <= size else 0

    def _read(
        self, key: VerifierKey, answer: WitnessAnswer | NoAnswer, note: Note, size: int
    ) -> Signature:
        """The cosignature in an answer.

        Raises:
            _AskAgain: the witness has another size than was thought, and it can be served.
            _NotCosigned: anything else.
        """
        if isinstance(answer, NoAnswer):
            self._away_until[key] = self._now() + AWAY_SECONDS
            raise _NotCosigned(reason=f"no answer: {answer.reason}")
        if answer.status == _CONFLICT and (found := _SIZE.fullmatch(answer.body)):
            self._check_conflict(key, int(found[1]), size)
        if answer.status == _NOT_CONTINUED:
            raise _NotCosigned(
                reason=f"the head of size {size} does not continue the one of size "
                f"{self._old_size(key, size)} that it has cosigned: the log is forked"
            )
        if answer.status != _OK:
            raise _NotCosigned(reason=f"it answered {answer.status}")
        try:
            lines = notes.parse_lines(answer.body.decode(errors="replace"))
            own = [one for one in lines if (one.name, one.key_id) == (key.name, key.key_id)]
            if len(own) == 1:
                key.verify(note.text, own[0].signature)
                return own[0]
        except EvidenceError as error:
            raise _NotCosigned(reason=f"its answer is not a cosignature: {error}") from None
        raise _NotCosigned(reason="its answer is not a cosignature by its key")

    def _check_conflict(self, key: VerifierKey, has: int, size: int) -> None:
        if has > size:
            raise _NotCosigned(
                reason=f"it has cosigned size {has} of this log, but the head is of size {size}: "
                "the log was set back, or somebody else signs with its key"
            )
        if has == size == self._old_size(key, size):
            raise _NotCosigned(
                reason=f"it has cosigned another head of size {size}: the log is forked"
            )
        self._sizes[key] = has
        raise _AskAgain

    def _has_problem(self, key: VerifierKey, reason: str) -> None:
        if self._problems.get(key) != reason:
            _log.error("the witness %s has not cosigned: %s", key.name, reason)
        self._problems[key] = reason

    def _has_no_problem(self, key: VerifierKey, size: int) -> None:
        if self._problems.pop(key, None) is not None:
            _log.warning("the witness %s has cosigned again", key.name)
        self._sizes[key] = size


class _AskAgain(Exception):
    """The witness has said which size it has."""


class _NotCosigned(Exception):
    """There is no cosignature; the text says why."""

    def __init__(self, *, reason: str) -> None:
        super().__init__(reason)


def _with(note: Note, signature: Signature) -> Note:
    """The note with a cosignature; an older one of the same key is replaced."""
    name = signature[:2]
    return Note(note.text, (*(one for one in note.signatures if one[:2] != name), signature))
