"""`seal`: seals the log; its keys, and how it goes on after the log was set back."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from threading import Event

import rich_click as click
from uuid_utils.compat import uuid7

from application.bus import Bus
from application.sealing.errors import SealHalted, SealStopped
from domain import times
from infrastructure import logs
from infrastructure.accounts import AccountAdmin
from infrastructure.cli import _process_group, _support
from infrastructure.database import open_database
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.query_connections import QueryConnections
from infrastructure.sealing.database import open_for_sealing, writable_log
from infrastructure.sealing.home import SealHome, SealHomeError
from infrastructure.sealing.keys import SealKeys, Send
from infrastructure.sealing.process import SealProcess, adopt
from infrastructure.sealing.published import PostgresSealedLog
from infrastructure.sealing.restart import restart
from infrastructure.settings import Settings
from infrastructure.witnessing.collecting import BadWitnessPolicy


@click.group(invoke_without_command=True)
@click.option(
    "--adopt",
    "note",
    type=click.Path(path_type=Path),
    metavar="NOTE",
    help="Take this signed checkpoint as the last note, if the sealer's own notes are lost.",
)
@click.option("--demo", is_flag=True, hidden=True, help="Run as a process of the demo.")
@click.pass_context
def seal(context: click.Context, note: Path | None, *, demo: bool) -> None:
    """Seal the log: grow its Merkle tree, sign its head, publish it. One sealer runs at a time.

    Runs until it is stopped. Uses QRLEDGER_SEAL_DATABASE_URL, a login of its own, and the key and
    the notes in QRLEDGER_SEAL_HOME. It halts for good (status 1) rather than sign a head that does
    not continue the last one: see docs/howto/seal-the-log.md.
    """
    if context.invoked_subcommand is not None:
        return
    settings = _support.settings()
    logs.configure(logging.WARNING if demo else logging.INFO)
    home = SealHome(settings.seal_folder)
    with _reported(), _url(settings, demo=demo) as url:
        if note is not None:
            click.echo(f"adopted the checkpoint of size {adopt(url, home, note)}")
        _run(url, home, Path(settings.witness_policy) if settings.witness_policy else None)


@contextmanager
def _url(settings: Settings, *, demo: bool) -> Iterator[str]:
    if demo:
        yield _process_group.join()
        return
    with open_for_sealing(settings) as url:
        yield url


def _run(url: str, home: SealHome, policy: Path | None) -> None:
    stopped = Event()
    process = SealProcess(url, home, stopped, policy=policy, on_open=_say_once())

    async def run(stop: asyncio.Event) -> None:
        sealing = asyncio.create_task(asyncio.to_thread(process.run))
        waiting = asyncio.create_task(_set_after(stop, stopped))
        try:
            await sealing
        finally:
            waiting.cancel()

    _support.run_until_stopped(run)


@seal.command("restart")
@click.option("--reason", required=True, help="Why; recorded, and not for personal data.")
def restart_log(reason: str) -> None:
    """Go on after the log was set back: under a new name, with a new key.

    Compares the log with every note of this folder first. If the log agrees with them, nothing is
    recorded, and only the sealer's halt is lifted.
    """
    with _opened() as (settings, url, log, send):
        home = SealHome(settings.seal_folder)
        pool = ConnectionPool(url, DatabaseRole.READER, size_max=1)
        with closing(pool):
            done = restart(
                home,
                log,
                PostgresSealedLog(QueryConnections(pool).connection),
                send,
                SealKeys(home, log, send),
                reason=reason,
                new_id=uuid7(),
            )
    if done.old is None:
        click.echo(f"nothing was sealed as {done.origin} with this folder; its key is {done.vkey}")
    elif done.origin == done.old.origin:
        click.echo(f"the log agrees with the last note, of size {done.old.size}: it may be sealed")
    else:
        click.echo(
            f"{done.old.origin} ended at size {done.old.size}, of which {done.common_size} are "
            f"left; the log is {done.origin} from now on, and its key is\n{done.vkey}"
        )


def _say_once() -> Callable[[], None]:
    said: list[str] = []

    def say() -> None:
        if not said:
            said.append("sealing")
            click.echo(said[0])

    return say


async def _set_after(stop: asyncio.Event, stopped: Event) -> None:
    await stop.wait()
    stopped.set()


@seal.group("keys")
def keys() -> None:
    """The keys that seal the log; they need a login that may append as well."""


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_keys(*, as_json: bool) -> None:
    """List the keys of the log, oldest first: id, state, times, and the verifier key."""
    with _keys() as opened:
        listed = opened.listed()
    if as_json:
        data = [
            {
                "key_id": key.key_id,
                "vkey": key.vkey,
                "state": key.state,
                "created_at": _text(key.created_at),
                "signs_until": _text(key.signs_until),
                "retired_at_size": key.retired_at_size,
            }
            for key in listed
        ]
        click.echo(json.dumps({"data": data}))
        return
    for key in listed:
        facts = [key.key_id, key.state]
        if key.signs_until:
            facts.append(f"until {times.to_text(key.signs_until)}")
        if key.retired_at_size is not None:
            facts.append(f"at size {key.retired_at_size}")
        click.echo("  ".join([*facts, key.vkey]))


@keys.command("rotate")
def rotate_key() -> None:
    """Let a new key seal the log; the old one signs beside it for 30 days.

    Makes the first key if there is none. Publish the verifier key that is printed: whoever checks
    receipts or checkpoints needs it.
    """
    with _keys() as opened:
        click.echo(opened.rotate())


@keys.command("retire")
@click.argument("key_id")
@click.option("--size", default="", help="Since which size it counts no more; default: all so far.")
@click.option("--reason", required=True, help="Why; recorded, and not for personal data.")
def retire_key(key_id: str, size: str, reason: str) -> None:
    """Retire a key: it signs no more, and its private half is deleted.

    From the size on a signature of this key alone proves nothing.
    """
    with _keys() as opened:
        number = _support.whole_number("--size", size) if size else opened.sealed_size()
        opened.retire(key_id, size=number, reason=reason)
    click.echo(f"{key_id} is retired at size {number}")


@contextmanager
def _keys() -> Iterator[SealKeys]:
    with _opened() as (settings, _, log, send):
        yield SealKeys(SealHome(settings.seal_folder), log, send)


@contextmanager
def _opened() -> Iterator[tuple[Settings, str, PostgresLog, Send]]:
    """The settings, the database, and how to append to its log."""
    settings = _support.settings()
    with _reported(), open_database(settings) as url, closing(writable_log(url)) as log:
        yield settings, url, log, AccountAdmin(log, Bus(log), settings.mode).send


@contextmanager
def _reported() -> Iterator[None]:
    with _support.report_errors():
        try:
            yield
        except SealHalted as error:
            _support.fail(f"sealing has halted: {error}", _support.EXIT_FAILED)
        except (SealStopped, SealHomeError, BadWitnessPolicy) as error:
            _support.fail(str(error))


def _text(at: datetime | None) -> str | None:
    return None if at is None else times.to_text(at)
