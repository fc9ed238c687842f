"""C2SP signed notes and checkpoints, read strictly: nothing that is not signed for is accepted.

<origin>
<size>
<base64 of the root>

— <key name> <base64 of key id and signature>
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from domain.audit.errors import (
    BadSignature,
    MalformedCheckpoint,
    MalformedKey,
    MalformedNote,
    UnknownSigner,
)
from domain.audit.merkle import HASH_BYTES, SIZE_MAX
from domain.audit.vkey import SigningKey, VerifierKey, check_name, decode_base64

NOTE_BYTES_MAX: Final = 64 * 1024
SIGNATURES_MAX: Final = 64
_DASH: Final = "\u2014 "
_KEY_ID_BYTES: Final = 4
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_LINES: Final = 3


class Signature(NamedTuple):
    """One signature line."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def line(self) -> str:
        """The line with its newline."""
        return f"{_DASH}{self.name} {b64encode(self.key_id + self.signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends with a newline, and its signatures."""

    text: str
    signatures: Sequence[Signature]

    def encode(self) -> bytes:
        """The bytes of the note; `parse` reads exactly these."""
        return (self.text + "\n" + "".join(one.line for one in self.signatures)).encode()

    def signed_by(self, key: SigningKey, *, time: int | None = None) -> Note:
        """The note with one more signature; an older one of the same key is replaced."""
        name, key_id = key.verifier.name, key.verifier.key_id
        others = [one for one in self.signatures if (one.name, one.key_id) != (name, key_id)]
        return Note(self.text, (*others, Signature(name, key_id, key.sign(self.text, time=time))))

    def verify(self, keys: Iterable[VerifierKey]) -> dict[VerifierKey, int | None]:
        """The keys that have signed, each with the time of a witness. Other lines are ignored.

        Raises (checked in this order):
            BadSignature: a line with the name and id of one of the keys is not its signature,
                or there are two of them.
            UnknownSigner: none of the keys has signed.
        """
        known = {(key.name, key.key_id): key for key in keys}
        signers: dict[VerifierKey, int | None] = {}
        for one in self.signatures:
            key = known.get((one.name, one.key_id))
            if key is None:
                continue
            if key in signers:
                raise BadSignature(reason=f"{key.name} has signed twice with one key")
            signers[key] = key.verify(self.text, one.signature)
        if not signers:
            raise UnknownSigner(reason="no trusted key has signed the note")
        return signers


def parse(data: bytes) -> Note:
    """The note of its bytes.

    Raises (checked in this order):
        MalformedNote: too long; not UTF-8; a control character, such as the carriage return; no
            text or no signatures; a line after the text that is no signature; too many of them.
    """
    if len(data) > NOTE_BYTES_MAX:
        raise MalformedNote(reason=f"a note has at most {NOTE_BYTES_MAX} bytes")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise MalformedNote(reason="the note is not UTF-8") from error
    if any(ord(one) < 0x20 and one != "\n" for one in whole):  # noqa: PLR2004 - C2SP's limit
        raise MalformedNote(
            reason="the note contains a control character, such as a carriage return"
        )
    end = whole.rfind("\n\n") + 1
    if end <= 1 or not whole.endswith("\n"):
        raise MalformedNote(reason="the note is not a text, an empty line and signature lines")
    lines = whole[end + 1 :].split("\n")[:-1]
    if not lines or len(lines) > SIGNATURES_MAX:
        raise MalformedNote(reason=f"a note has 1 to {SIGNATURES_MAX} signature lines")
    return Note(whole[:end], tuple(_signature(line) for line in lines))


def parse_lines(lines: str) -> tuple[Signature, ...]:
    """Signature lines without a text, as a witness answers with them.

    Raises:
        MalformedNote: no lines, too many, or one that is no signature.
    """
    return tuple(parse(b"-\n\n" + lines.encode(errors="replace")).signatures)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log at a size: what its owner signs and witnesses cosign."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text of the note. Extension lines are neither written nor read."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    def note(self, *keys: SigningKey) -> Note:
        """The checkpoint, signed by keys of the log."""
        note = Note(self.text, ())
        for key in keys:
            note = note.signed_by(key)
        return note


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint of a note's text.

    Raises:
        MalformedCheckpoint: not exactly three lines; an origin that is no key name; a size that
            is no decimal number below 2^63; a root that is no base64 of 32 bytes.
    """
    lines = text.split("\n")
    if len(lines) != _LINES + 1 or lines[-1]:
        raise MalformedCheckpoint(
            reason="a checkpoint has exactly three lines: origin, size and root"
        )
    origin, size, root = lines[:_LINES]
    try:
        check_name(origin)
        decoded = decode_base64(root)
    except MalformedKey as error:
        raise MalformedCheckpoint(
            reason="the origin of a checkpoint has the form of a name"
        ) from error
    except ValueError as error:
        raise MalformedCheckpoint(reason="the root of a checkpoint is base64") from error
    if not _SIZE.fullmatch(size) or int(size) > SIZE_MAX:
        raise MalformedCheckpoint(
            reason="the size of a checkpoint is a number without leading zeros"
        )
    if len(decoded) != HASH_BYTES:
        raise MalformedCheckpoint(reason=f"the root of a checkpoint has {HASH_BYTES} bytes")
    return Checkpoint(origin, int(size), decoded)


def _signature(line: str) -> Signature:
    name, separator, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not separator:
        raise MalformedNote(reason="a line after the text is no signature line")
    try:
        check_name(name)
        data = decode_base64(encoded)
    except ValueError as error:
        raise MalformedNote(reason="a signature line has no valid name or no base64") from error
    if len(data) <= _KEY_ID_BYTES:
        raise MalformedNote(reason="a signature line has a key id and a signature")
    return Signature(name, data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:])
