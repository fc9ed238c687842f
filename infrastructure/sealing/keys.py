"""The keys of the log: in the sealer's file and, their public halves, announced in the log."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from application.command import Command, Outcome
from application.commands.add_log_key import AddLogKey
from application.commands.retire_log_key import RetireLogKey
from application.event_log import EventLog
from domain.audit.note import parse, parse_checkpoint
from domain.audit.vkey import KEY_BYTES
from domain.sealing.errors import LogNotOpened
from domain.sealing.sealed_log import SealedLog
from infrastructure.sealing import key_file
from infrastructure.sealing.home import SealHome
from infrastructure.sealing.key_file import SealKey
from infrastructure.sealing.opening import read_log

Send = Callable[[Command], Outcome]

RETIRED, ENDED, SIGNING, UNANNOUNCED, ELSEWHERE = (
    "retired", "ended", "signing", "not announced", "in no file here",
)  # fmt: skip
"""What is said of a key. The last one signs, but its private half is not in this folder."""


@dataclass(frozen=True, slots=True)
class ListedKey:
    """One key as `seal keys list` shows it."""

    key_id: str
    vkey: str
    state: str
    created_at: datetime | None
    signs_until: datetime | None
    retired_at_size: int | None


class SealKeys:
    """Adds, rotates and retires keys; needs the sealer's folder and a login that may append."""

    def __init__(
        self,
        home: SealHome,
        log: EventLog,
        send: Send,
        *,
        seed: Callable[[], bytes] = lambda: secrets.token_bytes(KEY_BYTES),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._home = home
        self._event_log = log
        self._send = send
        self._seed: Final = seed
        self._now: Final = now

    def ensure(self) -> str:
        """The verifier key that signs now; makes and announces the first one.

        Raises (checked in this order):
            LogNotOpened: the log has no origin.
            SealHomeError: the folder or the key file cannot be used.
        """
        announced = {key.key_id: key.vkey for key in self._log().signing}
        for key in reversed(key_file.read(self._home.key_file)):
            if key.id in announced and key.signs_at(self._now()):
                return announced[key.id]
        return self.rotate()

    def rotate(self) -> str:
        """Let a new key sign beside those that do, for 30 days; returns its verifier key.

        The file is written first: a key that is announced can always sign. If the announcement
        failed, the next call makes up for it and makes no further key.

        Raises (checked in this order):
            LogNotOpened, SealHomeError: see `ensure`.
            LogKeyRefused: see `SealedLog.add_key`.
        """
        log, now = self._log(), self._now()
        self._home.make()
        keys = key_file.read(self._home.key_file)
        waiting = [one for one in keys if one.origin == log.origin and one.id not in log.keys]
        if waiting:
            new = waiting[-1]
        else:
            new = key_file.make_key(log.origin, self._seed(), now)
            key_file.write(self._home.key_file, key_file.rotated(keys, new, now))
        self._send(AddLogKey(key_id=new.id, vkey=str(new.key.verifier)))
        return str(new.key.verifier)

    def retire(self, key_id: str, *, size: int, reason: str) -> None:
        """Retire a key at a size, and delete its private half.

        Raises (checked in this order):
            LogNotOpened, SealHomeError: see `ensure`.
            InvalidRequest, LogKeyRefused: see `SealedLog.retire_key`.
        """
        keys = key_file.read(self._home.key_file)
        self._send(RetireLogKey(key_id=key_id, size=size, reason=reason))
        left = [one for one in keys if one.id != key_id]
        if len(left) < len(keys):
            key_file.write(self._home.key_file, left)

    def sealed_size(self) -> int:
        """The size of the last head that was signed with this folder, 0 if there is none."""
        note = self._home.notes(self._log().origin).last()
        return parse_checkpoint(parse(note.encode()).text).size if note else 0

    def listed(self) -> list[ListedKey]:
        """Every key of the present origin, oldest first."""
        log = self._log()
        held = {one.id: one for one in key_file.read(self._home.key_file)}
        keys = [
            self._listed(key.key_id, key.vkey, held.get(key.key_id), key.retired_at_size)
            for key in log.keys.values()
        ]
        waiting = [
            ListedKey(one.id, str(one.key.verifier), UNANNOUNCED, one.created_at, None, None)
            for one in held.values()
            if one.origin == log.origin and one.id not in log.keys
        ]
        return [*keys, *waiting]

    def _listed(self, key_id: str, vkey: str, held: SealKey | None, size: int | None) -> ListedKey:
        created_at, until = (held.created_at, held.signs_until) if held else (None, None)
        if size is not None:
            state = RETIRED
        elif held is None:
            state = ELSEWHERE
        else:
            state = SIGNING if held.signs_at(self._now()) else ENDED
        return ListedKey(key_id, vkey, state, created_at, until, size)

    def _log(self) -> SealedLog:
        log = read_log(self._event_log)
        if log is None:
            raise LogNotOpened
        return log
