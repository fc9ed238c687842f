"""`audit watch`: follows a live log from outside, and says when it is not as it must be."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Final

import rich_click as click

from domain.audit.errors import EvidenceError
from infrastructure import logs
from infrastructure.cli import _following, _support, _trust
from infrastructure.watching.client import BadAddress, LogClient, NoAnswer
from infrastructure.watching.kept_note import KeptNote
from infrastructure.watching.metrics import WatchMetrics
from infrastructure.watching.watch import Alarm, Watch

INTERVAL_SECONDS: Final = 10
INTERVAL_SECONDS_MAX: Final = 3600
STALLED_WITNESSED_SECONDS: Final = 2 * 3600
"""Witnesses cosign an unchanged head every hour."""
STALLED_SECONDS: Final = 24 * 3600
STALLED_SECONDS_MAX: Final = 90 * 24 * 3600
KEY_BYTES_MAX: Final = 4096

_log = logging.getLogger(__name__)


@click.command("watch")
@click.argument("url")
@click.option(
    "--note", required=True, type=_trust.FILE, help="Where the newest trusted head is kept."
)
@_trust.VKEYS
@_trust.POLICY
@click.option("--key-file", type=_trust.FILE, help="An auditor's key: read the events as well.")
@click.option("--metrics-file", type=_trust.FILE, help="Figures for Prometheus, as a text file.")
@click.option(
    "--interval", type=click.IntRange(1, INTERVAL_SECONDS_MAX), default=INTERVAL_SECONDS,
    show_default=True, help="Seconds between two looks.",
)  # fmt: skip
@click.option(
    "--stalled-after", type=click.IntRange(0, STALLED_SECONDS_MAX),
    help="Seconds without news that are an alarm; 0: never. Default: 2 hours, or a day without "
    "witnesses.",
)  # fmt: skip
@click.option("--once", is_flag=True, help="Look once, for a scheduler.")
def watch(
    *,
    url: str,
    note: Path,
    keys: Sequence[str],
    policy: Path | None,
    key_file: Path | None,
    metrics_file: Path | None,
    interval: int,
    stalled_after: int | None,
    once: bool,
) -> None:
    """Follow the log at URL through its public API, until Ctrl-C or an alarm.

    Every new head must be signed as you demand, and continue the one that was trusted before;
    every new tile is read. Exits with 1 after an alarm: a fork, a rollback, tiles that are missing,
    a head without a trusted signature or without its quorum of witnesses, or no news for too long.
    The head that shows it is written beside the note, as NOTE.alarm.

    A first look trusts the head that it finds. Put a checkpoint that you have kept into the file
    first, if you have one.
    """
    logs.configure(logging.INFO)
    trusted = _trust.trusted(keys, policy)
    if stalled_after is None:
        stalled_after = STALLED_WITNESSED_SECONDS if trusted.witnesses else STALLED_SECONDS
    kept, client = _open(note, url, key_file)
    with closing(client):
        try:
            watching = Watch(
                client, trusted, kept, now=time.time, stalled_seconds=stalled_after,
                entries=key_file is not None,
            )  # fmt: skip
        except EvidenceError as error:
            _support.fail(f"{note}: not proven: {error} ({error.code})", _support.EXIT_FAILED)
        _follow(watching, WatchMetrics(metrics_file), kept, None if once else interval)


def _open(note: Path, url: str, key_file: Path | None) -> tuple[KeptNote, LogClient]:
    """The memory and the log; what cannot be used ends the program with status 2."""
    try:
        return KeptNote(note), LogClient(url, key=_key(key_file))
    except BadAddress as error:
        _support.fail(str(error))
    except EvidenceError as error:
        _support.fail(f"{note}: {error} ({error.code})")
    except OSError as error:
        _support.fail(f"{note} cannot be read: {error.strerror or error}")


def _follow(watching: Watch, metrics: WatchMetrics, kept: KeptNote, interval: int | None) -> None:
    """Look until stopped, or once without an interval; an alarm ends the program."""
    raised: list[Alarm] = []
    answered: list[bool] = []

    def work(stopped: Event) -> None:
        known: set[str] = set()
        while not stopped.is_set():
            try:
                answered[:] = [_look(watching, metrics, known)]
            except Alarm as alarm:
                raised.append(alarm)
                return
            if interval is None or stopped.wait(interval):
                return

    try:
        _following.run_until_interrupted(work)
        if raised:
            _raise(raised[0], metrics, kept)
    except OSError as error:
        _support.fail(f"a file cannot be written: {error.strerror or error}")
    if interval is None and answered == [False]:
        _support.fail("the log gave no usable answer", _support.EXIT_FAILED)


def _look(watching: Watch, metrics: WatchMetrics, known: set[str]) -> bool:
    """Look once; what may pass is a line in the log. Whether there was a usable answer.

    Raises:
        Alarm: the log is not as it must be.
        OSError: a file cannot be written.
    """
    try:
        seen = watching.look()
        for key in sorted(set(watching.unknown_keys()) - known):
            known.add(key)
            _log.warning("the log names a key that you do not trust: %s", key)
    except NoAnswer as error:
        _log.warning("%s", _trust.printable(str(error)))
        metrics.failed()
        return False
    if seen.events:
        _log.info("%d new events, %d in all", seen.events, seen.size)
    metrics.looked(seen.size, time.time())
    return True


def _raise(alarm: Alarm, metrics: WatchMetrics, kept: KeptNote) -> None:
    text = _trust.printable(str(alarm))
    _log.critical("alarm %s: %s", alarm.kind.value, text)
    metrics.alarm(alarm.kind)
    if alarm.evidence is not None:
        text += f"; see {kept.keep_evidence(alarm.evidence)}"
    sys.stderr.write(f"qrledger: {alarm.kind.value}: {text}\n")
    sys.exit(_support.EXIT_FAILED)


def _key(path: Path | None) -> str | None:
    """The key in a file; one that is none ends the program with status 2."""
    if path is None:
        return None
    key = _trust.read(path)[: KEY_BYTES_MAX + 1].strip()
    if not key or len(key) > KEY_BYTES_MAX or not key.isascii() or len(key.split()) != 1:
        _support.fail(f"{path} does not hold a key")
    return key.decode("ascii")
