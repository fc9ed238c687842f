"""How the log goes on after it was set back, such as by a restored backup."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from application.commands.restart_log import RestartLog
from application.event_log import EventLog
from application.ports.evidence import SealedLogReader
from application.sealing.sealer import PAGE_EVENTS
from domain.audit import leaf as leaves
from domain.audit.merkle import Frontier, hash_leaf
from domain.audit.note import Checkpoint
from domain.sealing.errors import LogNotOpened
from domain.sealing.sealed_log import make_origin
from infrastructure.sealing.home import SealHome
from infrastructure.sealing.keys import SealKeys, Send
from infrastructure.sealing.opening import read_log


@dataclass(frozen=True, slots=True)
class Restarted:
    """What `restart` found and did."""

    old: Checkpoint | None
    """The last head that was signed; None if nothing was sealed under the present origin."""
    common_size: int
    origin: str
    """The present one; the old one if the log agrees with the notes."""
    vkey: str
    """Of the key that signs from now on; empty if nothing changed."""


def restart(
    home: SealHome,
    log: EventLog,
    reader: SealedLogReader,
    send: Send,
    keys: SealKeys,
    *,
    reason: str,
    new_id: UUID,
) -> Restarted:
    """Compare the log with every note, and go on under a new origin if it is another one.

    A log that agrees with the last note only has its halt lifted. If this is interrupted it may be
    repeated: a log that was restarted, but has no key, gets one.

    Raises (checked in this order):
        LogNotOpened: the log has no origin.
        SealHomeError: the notes cannot be read, or another sealer is running with this folder.
        InvalidRequest: the reason is empty or too long.
    """
    with home.locked():
        sealed = read_log(log)
        if sealed is None:
            raise LogNotOpened
        old, common_size = compare(home.notes(sealed.origin).checkpoints(), reader)
        origin, vkey = sealed.origin, ""
        if old is None:
            vkey = keys.ensure()
        elif common_size < old.size:
            host, mode, _ = origin.split("/")
            origin = make_origin(host, mode, new_id)
            command = RestartLog(
                origin=origin,
                old_size=old.size,
                old_root=b64encode(old.root).decode(),
                common_size=common_size,
                reason=reason,
            )
            send(command)
            vkey = keys.rotate()
        home.lift_halt()
    return Restarted(old, common_size, origin, vkey)


def compare(noted: Iterable[Checkpoint], reader: SealedLogReader) -> tuple[Checkpoint | None, int]:
    """The last head that was noted, and the largest one that the log still has.

    Reads the log once, in order, beside the notes.
    """
    tree = Frontier()
    last: Checkpoint | None = None
    common_size, same = 0, True
    for head in noted:
        last = head
        while same and tree.size < head.size:
            page = reader.leaves(tree.size, min(PAGE_EVENTS, head.size - tree.size))
            for leaf in page:
                tree.append(hash_leaf(leaves.encode(leaf)))
            same = bool(page)
        same = same and tree.root() == head.root
        if same:
            common_size = head.size
    return last, common_size
