"""A log with two histories, its key, and witnesses that are asked without a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from api.witness import WitnessApplication
from application.ports.witnesses import NoAnswer, WitnessAnswer
from application.witnessing.witness import Witness
from domain.audit import policy as policies
from domain.audit.merkle import consistency_proof, hash_leaf, nodes_of, root_at
from domain.audit.note import Checkpoint, Note
from domain.audit.policy import Policy
from domain.audit.submission import Submission
from domain.audit.vkey import KeyType, SigningKey, VerifierKey
from infrastructure.witnessing.memory import FileMemory

ORIGIN = "pay.example/test/log"
LOG = SigningKey.of(ORIGIN, KeyType.NOTE, bytes([1] * 32))
NEW_LOG = SigningKey.of(ORIGIN, KeyType.NOTE, bytes([2] * 32))
OTHER_LOG = SigningKey.of("other.example/log", KeyType.NOTE, bytes([3] * 32))
KEYS = [SigningKey.of(f"w{n}.example", KeyType.COSIGNATURE, bytes([7, n] * 16)) for n in range(3)]
KEY = KEYS[0]
NOW = 1_795_000_000


class Clock:
    """Elapsed seconds, as a test says."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class History:
    """A log of 300 leaves, which are others from a size on."""

    def __init__(self, forked_at: int | None = None, *, origin: str = ORIGIN) -> None:
        leaves = [
            hash_leaf(f"{'b' if forked_at is not None and n >= forked_at else 'a'}{n}".encode())
            for n in range(300)
        ]
        self._nodes = nodes_of(leaves)
        self._origin = origin

    def head(self, size: int) -> Checkpoint:
        return Checkpoint(self._origin, size, root_at(size, self._nodes))

    def note(self, size: int, *keys: SigningKey) -> Note:
        return self.head(size).note(*(keys or (LOG,)))

    def proof(self, old: int, size: int) -> list[bytes]:
        return consistency_proof(old, size, self._nodes) if old else []

    def prove(self, size: int) -> Callable[[int], Sequence[bytes]]:
        return lambda old: self.proof(old, size)

    def request(self, old: int, size: int, *keys: SigningKey) -> bytes:
        return Submission(old, self.proof(old, size), self.note(size, *keys)).encode()


def make_witness(
    folder: Path, key: SigningKey = KEY, logs: Sequence[SigningKey] = (LOG, OTHER_LOG)
) -> Witness:
    folder.mkdir(exist_ok=True)
    return Witness(key, [one.verifier for one in logs], FileMemory(folder), lambda: NOW)


def policy_of(quorum: str = "all", urls: Sequence[str] = ("https://w.example",) * 3) -> Policy:
    """A policy of this log with as many witnesses as addresses; `quorum` is their threshold."""
    names = [f"w{n}" for n in range(len(urls))]
    lines = [
        f"log {LOG.verifier}",
        *(f"witness {n} {k.verifier} {u}" for n, k, u in zip(names, KEYS, urls, strict=False)),
        f"group g {quorum} {' '.join(names)}",
        "quorum g",
        "",
    ]
    return policies.parse("\n".join(lines).encode())


class LocalWitnesses:
    """`application.ports.witnesses.Witnesses` that calls witnesses of this process."""

    def __init__(self, witnesses: Mapping[VerifierKey, Witness]) -> None:
        self.applications = {
            key: WitnessApplication(one.add_checkpoint) for key, one in witnesses.items()
        }
        self.away: set[VerifierKey] = set()
        self.rounds: list[set[VerifierKey]] = []

    def ask(
        self, requests: Mapping[VerifierKey, bytes]
    ) -> Mapping[VerifierKey, WitnessAnswer | NoAnswer]:
        self.rounds.append(set(requests))
        return {key: self._ask(key, body) for key, body in requests.items()}

    def _ask(self, key: VerifierKey, body: bytes) -> WitnessAnswer | NoAnswer:
        if key in self.away:
            return NoAnswer("ConnectError")
        status, _, answer = self.applications[key]._answer(body)
        return WitnessAnswer(status.value, answer)
