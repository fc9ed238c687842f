"""Makes the collecting of cosignatures from the file that QRLEDGER_WITNESS_POLICY names."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from application.witnessing.cosigning import Cosigning
from domain.audit import policy as policies
from domain.audit.errors import EvidenceError
from domain.audit.policy import NONE, POLICY_BYTES_MAX, Policy
from domain.audit.vkey import VerifierKey
from infrastructure.witnessing.http_witnesses import BadWitnessUrl, HttpWitnesses


class BadWitnessPolicy(Exception):
    """The policy cannot be used; the message names the file and says why."""


def read_policy(path: Path) -> Policy:
    """The policy of a file.

    Raises:
        BadWitnessPolicy: it cannot be read, is no policy, or its quorum cannot be met: too few of
            its witnesses have an address.
    """
    try:
        with path.open("rb") as file:
            found = policies.parse(file.read(POLICY_BYTES_MAX + 1))
    except (OSError, ValueError) as error:
        reason = error if isinstance(error, EvidenceError) else "it cannot be read"
        raise _bad(path, str(reason)) from None
    if not _reachable(found, found.quorum):
        raise _bad(path, f"too few witnesses of the quorum {found.quorum} have an address")
    return found


@contextmanager
def collecting(path: Path, logs: Sequence[VerifierKey]) -> Iterator[Cosigning]:
    """Collects cosignatures for heads of a log, within the context.

    Args:
        path: the policy; its `log` lines are for others, and do not count here.
        logs: the keys that sign the heads.

    Raises:
        BadWitnessPolicy: see `read_policy`; or an address is neither https nor this machine.
    """
    policy = replace(read_policy(path), logs=list(logs))
    try:
        witnesses = HttpWitnesses(policy)
    except BadWitnessUrl as error:
        raise _bad(path, str(error)) from None
    try:
        yield Cosigning(policy, witnesses, time.monotonic)
    finally:
        witnesses.close()


def _reachable(policy: Policy, name: str) -> bool:
    if name == NONE:
        return True
    if name in policy.witnesses:
        return policy.witnesses[name] in policy.urls
    group = policy.groups[name]
    return sum(_reachable(policy, one) for one in group.members) >= group.threshold


def _bad(path: Path, reason: str) -> BadWitnessPolicy:
    return BadWitnessPolicy(f"the policy {path} (QRLEDGER_WITNESS_POLICY) cannot be used: {reason}")
