"""Which logs and how many witnesses must have signed a checkpoint (C2SP tlog-policy).

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <name>...
    quorum <name>|none

Names are opaque bytes; here they are text in Latin-1, which keeps every byte.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from domain.audit import note as notes
from domain.audit import vkey
from domain.audit.errors import (
    MalformedKey,
    MalformedPolicy,
    OtherLog,
    QuorumMissing,
    UnknownSigner,
)
from domain.audit.note import Checkpoint, Note
from domain.audit.vkey import KeyType, VerifierKey

POLICY_BYTES_MAX: Final = 256 * 1024
LOGS_MAX = WITNESSES_MAX = GROUPS_MAX = 64
NONE: Final = "none"
_SPACE: Final = re.compile("[ \t]+")
_NUMBER: Final = re.compile("[1-9][0-9]{0,3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Group:
    """At least `threshold` of the members must have cosigned."""

    threshold: int
    members: Sequence[str]


@dataclass(frozen=True, slots=True)
class Endorsed:
    """A checkpoint that meets a policy, the log keys that signed it, and the witnesses' times."""

    checkpoint: Checkpoint
    logs: Sequence[VerifierKey]
    witnesses: Mapping[VerifierKey, int]


@dataclass(slots=True)
class Policy:
    """What `parse` has read. `urls` has the address of a log or witness by its key."""

    logs: list[VerifierKey] = field(default_factory=list)
    witnesses: dict[str, VerifierKey] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    quorum: str = NONE
    urls: dict[VerifierKey, str] = field(default_factory=dict)

    def check(self, note: Note) -> Endorsed:
        """The checkpoint of a note that meets the policy.

        Raises (checked in this order):
            MalformedCheckpoint: the text of the note is none.
            OtherLog: no log of the policy has its origin.
            BadSignature: a line with the name and id of a known key is not its signature.
            UnknownSigner: no key of the log has signed.
            QuorumMissing: too few witnesses have cosigned.
        """
        checkpoint = notes.parse_checkpoint(note.text)
        keys = [key for key in self.logs if key.name == checkpoint.origin]
        if not keys:
            raise OtherLog(
                reason=f"the checkpoint is of the log {checkpoint.origin}, which is not trusted"
            )
        signers = note.verify((*keys, *self.witnesses.values()))
        logs = [key for key in keys if key in signers]
        if not logs:
            raise UnknownSigner(reason="no trusted key of the log has signed the checkpoint")
        times = {key: at for key, at in signers.items() if at is not None}
        if not self._met(self.quorum, times):
            have = f"{len(times)} of {len(self.witnesses)} witnesses have cosigned"
            raise QuorumMissing(reason=f"{have}, which does not meet the quorum {self.quorum}")
        return Endorsed(checkpoint, logs, times)

    def _met(self, name: str, times: Mapping[VerifierKey, int]) -> bool:
        if name == NONE:
            return True
        if name in self.witnesses:
            return self.witnesses[name] in times
        group = self.groups[name]
        return sum(self._met(one, times) for one in group.members) >= group.threshold


def of_keys(*keys: VerifierKey) -> Policy:
    """A policy that trusts these log keys and needs no witness."""
    return Policy(logs=list(keys))


def encode(policy: Policy) -> bytes:
    """The bytes of a policy: logs, witnesses, groups, quorum; `parse` reads them."""
    lines = [["log", str(key), *_url(policy, key)] for key in policy.logs]
    lines += [
        ["witness", name, str(key), *_url(policy, key)] for name, key in policy.witnesses.items()
    ]
    for name, group in policy.groups.items():
        lines.append(["group", name, str(group.threshold), *group.members])
    lines.append(["quorum", policy.quorum])
    return "".join(f"{' '.join(words)}\n" for words in lines).encode("latin-1")


def _url(policy: Policy, key: VerifierKey) -> list[str]:
    return [policy.urls[key]] if key in policy.urls else []


def parse(data: bytes) -> Policy:
    """The policy of its bytes.

    Raises:
        MalformedPolicy: too long; a byte, line, name, key or number that the format does not
            allow; too many logs, witnesses or groups; no quorum or two. Names the line.
    """
    if len(data) > POLICY_BYTES_MAX:
        raise MalformedPolicy(reason=f"a policy has at most {POLICY_BYTES_MAX} bytes")
    reader = _Reader()
    lines = data.decode("latin-1").split("\n")
    if lines[-1]:
        raise MalformedPolicy(reason="the last line of a policy ends with a newline")
    for number, line in enumerate(lines, 1):
        if any(one < " " != one != "\t" or one == "\x7f" for one in line):
            raise MalformedPolicy(reason=f"line {number}: a control character")
        words = _SPACE.split(line.strip(" \t"))
        if not words[0] or words[0].startswith("#"):
            continue
        try:
            reader.read(words)
        except (MalformedKey, MalformedPolicy) as error:
            raise MalformedPolicy(reason=f"line {number}: {error}") from error
    if not reader.quorums:
        raise MalformedPolicy(reason="a policy has a quorum line, such as `quorum none`")
    return reader.policy


class _Reader:
    """Takes in one line after the other."""

    def __init__(self) -> None:
        self.policy = Policy()
        self.quorums = 0
        self._members: set[str] = set()

    def read(self, words: Sequence[str]) -> None:
        match words:
            case ["log", key, *rest]:
                self._log(key, rest)
            case ["witness", name, key, *rest]:
                self._witness(name, key, rest)
            case ["group", name, threshold, *members] if members:
                self._group(name, threshold, members)
            case ["quorum", name]:
                self._quorum(name)
            case _:
                raise MalformedPolicy(reason=f"no line of a policy: {words[0]!r:.40}")

    def _log(self, text: str, rest: Sequence[str]) -> None:
        key = self._key(text, KeyType.NOTE, rest)
        if any(key.public == one.public for one in self.policy.logs):
            raise MalformedPolicy(reason="two logs have the same key")
        self.policy.logs.append(key)
        self._limit(len(self.policy.logs), LOGS_MAX)

    def _witness(self, name: str, text: str, rest: Sequence[str]) -> None:
        key = self._key(text, KeyType.COSIGNATURE, rest)
        self._check_new(name)
        if any(key.public == one.public for one in self.policy.witnesses.values()):
            raise MalformedPolicy(reason="two witnesses have the same key")
        self.policy.witnesses[name] = key
        self._limit(len(self.policy.witnesses), WITNESSES_MAX)

    def _group(self, name: str, threshold: str, members: Sequence[str]) -> None:
        self._check_new(name)
        for member in members:
            self._check_defined(member)
            if member in self._members:
                raise MalformedPolicy(reason="a name is a member twice")
            self._members.add(member)
        count = {"any": 1, "all": len(members)}.get(threshold)
        if count is None:
            count = int(threshold) if _NUMBER.fullmatch(threshold) else 0
        if not 1 <= count <= len(members):
            raise MalformedPolicy(
                reason="the threshold of a group is `all`, `any` or 1 to its members"
            )
        self.policy.groups[name] = Group(count, tuple(members))
        self._limit(len(self.policy.groups), GROUPS_MAX)

    def _quorum(self, name: str) -> None:
        self.quorums += 1
        if self.quorums > 1:
            raise MalformedPolicy(reason="a second quorum line")
        if name != NONE:
            self._check_defined(name)
        self.policy.quorum = name

    def _key(self, text: str, kind: KeyType, rest: Sequence[str]) -> VerifierKey:
        key = vkey.parse(text.encode("latin-1").decode(errors="replace"))
        if key.type is not kind:
            raise MalformedPolicy(
                reason="a log has a key of the type 1, a witness one of the type 4"
            )
        if len(rest) > 1:
            raise MalformedPolicy(reason="words after the address")
        if rest:
            self.policy.urls[key] = rest[0]
        return key

    def _check_new(self, name: str) -> None:
        if name == NONE or name in self.policy.witnesses or name in self.policy.groups:
            raise MalformedPolicy(reason="a name is defined twice, or is `none`")

    def _check_defined(self, name: str) -> None:
        if name not in self.policy.witnesses and name not in self.policy.groups:
            raise MalformedPolicy(reason="a name is used that no line above has defined")

    @staticmethod
    def _limit(count: int, maximum: int) -> None:
        if count > maximum:
            raise MalformedPolicy(reason=f"more than {maximum} of a kind")
