"""The sealing process: one sealer at a time, made anew after every failure that may pass."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Final

import psycopg

from application.errors import LogUnavailable
from application.sealing.errors import SealHalted
from application.sealing.sealer import PAGE_EVENTS, Sealer, without_witnesses
from application.witnessing.cosigning import Cosigning
from domain.audit import note as notes
from domain.audit import vkey
from domain.audit.errors import EvidenceError, QuorumMissing
from domain.sealing.sealed_log import SealedLog
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres import migrate as migrations
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole, connect
from infrastructure.postgres.failures import is_transient
from infrastructure.postgres.migrate import DatabaseNotReady
from infrastructure.sealing import key_file
from infrastructure.sealing.home import SealHome, SealHomeError
from infrastructure.sealing.opening import read_log
from infrastructure.sealing.store import PostgresSealStore
from infrastructure.witnessing.collecting import collecting, read_policy

CHECKPOINT_SECONDS: Final = 1.0
"""While there is news; less often costs evidence, more often costs rows."""
POLL_SECONDS: Final = 0.25
STANDBY_SECONDS: Final = 1.0
"""How often a sealer that is not the one asks whether it may be."""
RETRY_SECONDS_MIN: Final = 0.5
RETRY_SECONDS_MAX: Final = 15.0
ALARM_SECONDS: Final = 60
"""After which events that are not sealed are an alarm."""

_log = logging.getLogger(__name__)


class SealProcess:
    """Seals the log of a database until it is stopped."""

    def __init__(
        self,
        url: str,
        home: SealHome,
        stopped: Event,
        *,
        policy: Path | None = None,
        on_open: Callable[[], None] = lambda: None,
        on_sealed: Callable[[int], None] = lambda _size: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Prepare to seal; nothing is opened yet.

        Args:
            url: the database, with the sealer's login.
            home: the sealer's folder.
            stopped: ends the process.
            policy: the witnesses that must have cosigned what is published; None for none.
            on_open: called when sealing goes on from the last note, again after each failure.
            on_sealed: called with the size of each published head.
            now: this machine's time, for the end of a rotated key.
        """
        self._url = url
        self._home = home
        self._stopped = stopped
        self._policy = policy
        self._on_open = on_open
        self._on_sealed = on_sealed
        self._now = now
        self._alarm = Alarm()
        self._size = 0

    def run(self) -> None:
        """Seal until stopped. What may pass is tried again; everything else ends the process.

        Raises (checked in this order):
            SealHomeError: the folder, the key file or the notes cannot be used.
            BadWitnessPolicy: the policy cannot be used.
            DatabaseNotReady: not migrated, no origin, or a login that could write the log.
            NotesMissing: checkpoints were published that are not in the notes.
            SealHalted: the log is not the one that was sealed; the halt stays.
        """
        with self._home.locked():
            self.check()
            pause = RETRY_SECONDS_MIN
            while not self._stopped.is_set():
                try:
                    self._seal_once()
                    pause = RETRY_SECONDS_MIN
                except (psycopg.Error, LogUnavailable, SealHomeError) as error:
                    if not is_transient(error.__cause__ or error):
                        raise
                    if not self._stopped.is_set():
                        _log.warning("sealing: %s; trying again", type(error).__name__)
                    self._alarm.waiting(self._size, monotonic())
                    self._stopped.wait(pause)
                    pause = min(2 * pause, RETRY_SECONDS_MAX)
                except SealHalted as halt:
                    _log.critical("sealing has halted: %s", halt)
                    self._home.halt(str(halt))
                    raise

    def check(self) -> None:
        """Refuse to start where sealing would prove nothing.

        Raises (checked in this order):
            SealHalted: it has halted before, and nobody has lifted the halt.
            SealHomeError: the key file is open to others or cannot be read.
            BadWitnessPolicy: the policy cannot be used.
        """
        if reason := self._home.halted():
            text = f"{reason}; it stays halted until `qrledger seal restart`"
            raise SealHalted(reason=text)
        key_file.read(self._home.key_file)
        if self._policy is not None:
            read_policy(self._policy)

    def _seal_once(self) -> None:
        """Seal with one connection, until something changes that needs a new sealer."""
        with connect(self._url, DatabaseRole.SEALER) as connection:
            migrations.check_sealer(connection)
            store = PostgresSealStore(connection)
            while not store.lock():
                if self._stopped.wait(STANDBY_SECONDS):
                    return
            log = read_origin(self._url)
            keys = key_file.read(self._home.key_file)
            announced = {key.key_id for key in log.signing}
            key_file.signing(log.origin, keys, announced, self._now())
            with self._cosigning(log) as cosigning:
                sealer = Sealer(
                    store,
                    self._home.notes(log.origin),
                    lambda head: key_file.sign(head, keys, announced, self._now()),
                    origin=log.origin,
                    endorse=cosigning.endorse if cosigning else without_witnesses,
                )
                sealer.open()
                self._on_open()
                self._follow(sealer, cosigning)

    @contextmanager
    def _cosigning(self, log: SealedLog) -> Iterator[Cosigning | None]:
        """The witnesses of the policy; None if no policy is set."""
        if self._policy is None:
            yield None
            return
        with collecting(self._policy, [vkey.parse(key.vkey) for key in log.signing]) as found:
            yield found

    def _seal(self, sealer: Sealer) -> None:
        try:
            self._sealed(sealer.seal().size)
        except QuorumMissing:  # each witness's reason is logged where it is asked
            self._alarm.waiting(self._size, monotonic())

    def _sealed(self, size: int) -> None:
        self._size = size
        self._alarm.done(size)
        self._on_sealed(size)

    def _follow(self, sealer: Sealer, cosigning: Cosigning | None) -> None:
        sealed_at = monotonic() - CHECKPOINT_SECONDS
        self._size = sealer.sealed
        while not self._stopped.is_set():
            count = sealer.read()
            due = sealer.has_news or (cosigning is not None and cosigning.is_due())
            if due and monotonic() - sealed_at >= CHECKPOINT_SECONDS:
                sealed_at = monotonic()
                self._seal(sealer)
                if sealer.log_changed:
                    return
            if not sealer.has_news:
                self._alarm.done(self._size)
            if count < PAGE_EVENTS:
                self._stopped.wait(POLL_SECONDS)


class Alarm:
    """Says once that events wait too long to be sealed, and once that it is over."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._raised = False

    def waiting(self, sealed: int, now: float) -> None:
        """There are events after the position `sealed`, or sealing fails, at a monotonic time."""
        self._since = now if self._since is None else self._since
        if now - self._since >= ALARM_SECONDS and not self._raised:
            self._raised = True
            _log.error("nothing after position %d is sealed since %d s", sealed, ALARM_SECONDS)

    def done(self, sealed: int) -> None:
        """Everything up to a position has been sealed."""
        if self._raised:
            _log.warning("the log is sealed again, up to position %d", sealed)
        self._since, self._raised = None, False


def read_origin(url: str) -> SealedLog:
    """The log's own stream.

    Raises:
        DatabaseNotReady: the log has no origin.
    """
    log = PostgresLog(ConnectionPool(url, DatabaseRole.SEALER, size_max=1))
    try:
        sealed = read_log(log)
    finally:
        log.close()
    if sealed is None:
        msg = "the log has no origin yet: set QRLEDGER_LOG_ORIGIN and run `qrledger migrate`"
        raise DatabaseNotReady(msg)
    return sealed


def adopt(url: str, home: SealHome, path: Path) -> int:
    """Take a checkpoint that a person trusts as the last note; returns its size.

    Raises (checked in this order):
        SealHomeError: the file is no checkpoint of this log that a key of it has signed, it is
            older than what was published, or there are notes already.
        DatabaseNotReady: the log has no origin.
    """
    with home.locked(), connect(url, DatabaseRole.SEALER) as connection:
        migrations.check_sealer(connection)
        log = read_origin(url)
        book = home.notes(log.origin)
        if book.last() is not None:
            text = f"{book.path} has notes already: nothing is to be adopted"
            raise SealHomeError(text)
        try:
            note = notes.parse(path.read_bytes())
            head = notes.parse_checkpoint(note.text)
            note.verify(vkey.parse(key.vkey) for key in log.keys.values())
        except OSError as error:
            text = f"{path} cannot be read: {error.strerror}"
            raise SealHomeError(text) from None
        except EvidenceError as error:
            text = f"{path} is not a checkpoint of {log.origin}: {error}"
            raise SealHomeError(text) from None
        published = PostgresSealStore(connection).newest(log.origin)
        if published is not None and published.checkpoint.size > head.size:
            text = (
                f"{path} is of size {head.size}, but a checkpoint of size "
                f"{published.checkpoint.size} is published: adopt that one, or a newer one"
            )
            raise SealHomeError(text)
        book.append(note.encode().decode())
        return head.size
