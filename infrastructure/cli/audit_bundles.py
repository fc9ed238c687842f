"""`audit export`, `audit verify` and `audit receipt`: evidence for outsiders, and its check."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NoReturn
from uuid import UUID

import rich_click as click

from domain import ids, times
from domain.audit import receipt as receipts
from domain.audit.errors import EvidenceError, MalformedLeaf
from domain.audit.leaf import Leaf
from domain.audit.note import parse as parse_note
from domain.audit.note import parse_checkpoint
from infrastructure.bootstrap.common import read_model_versions
from infrastructure.bundles import verify as verification
from infrastructure.bundles.export import ExportRefused
from infrastructure.bundles.export import export as write_bundle
from infrastructure.bundles.findings import Report
from infrastructure.bundles.postgres_source import postgres_source
from infrastructure.bundles.verify import OldNote
from infrastructure.cli import _support, _trust
from infrastructure.database import open_database
from infrastructure.opening import make_log
from infrastructure.postgres.connections import DatabaseRole
from infrastructure.runtime import tune_garbage_collector

FINDINGS_SHOWN: Final = 20
WITHOUT_NOTES: Final = (
    "No older checkpoint was named with --from: a history that the holder of the log's key has",
    "replaced as a whole would not be noticed.",
)


@click.command("export")
@click.argument("output", type=_trust.FILE)
@click.option(
    "--checkpoint", type=_trust.FILE, help="A signed note (default: the newest one sealed)."
)
@click.option("--from", "first", help="A part: the first position.")
@click.option("--to", "last", help="A part: the last position.")
def export(output: Path, checkpoint: Path | None, first: str | None, last: str | None) -> None:
    """Write a bundle of the whole history to OUTPUT, for `audit verify`.

    The bundle has every event up to a checkpoint, the receipts of all commands, and the rows of the
    read models. The file appears when it is complete; an interrupted export continues where it was.

    A part (--from, --to) has these events, widened to whole tiles of 256, and the hashes of all
    others. `audit verify` says that they are in the log, and never that they are all.
    """
    settings = _support.settings()
    note = _trust.read(checkpoint) if checkpoint else None
    begin = _support.whole_number("--from", first) if first is not None else 1
    end = _support.whole_number("--to", last) if last is not None else None
    with _support.report_errors(), open_database(settings) as url:
        log = make_log(url, DatabaseRole.READER, size_max=1)
        try:
            with postgres_source(url, log, read_model_versions()) as source:
                data = source.sealed() if note is None else note
                size = parse_checkpoint(parse_note(data).text).size
                with _progress("export", size) as progress:
                    part = (begin, size if end is None else end)
                    is_part = first is not None or last is not None
                    done = write_bundle(
                        source, data, output, part=part if is_part else None, on_progress=progress
                    )
        except ExportRefused as error:
            _support.fail(str(error), _support.EXIT_FAILED)
        except EvidenceError as error:
            _support.fail(f"{checkpoint or 'the checkpoint'}: {error}")
        except OSError as error:
            _support.fail(f"{output} cannot be written: {error.strerror or error}")
        finally:
            log.close()
    resumed = f", {done.resumed} of them from an interrupted export" if done.resumed else ""
    click.echo(
        f"{output}: {done.events} events{resumed}, {done.commands} receipts, {done.rows} rows"
    )


@click.command("verify")
@click.argument("bundle", type=_trust.FILE)
@_trust.VKEYS
@click.option(
    "--from", "older", multiple=True, type=_trust.FILE, help="A checkpoint you have kept."
)
@_trust.POLICY
@_trust.JSON
def verify(
    *,
    bundle: Path,
    keys: Sequence[str],
    older: Sequence[Path],
    policy: Path | None,
    as_json: bool,
) -> None:
    """Prove that the history in BUNDLE is whole, unchanged and lawful.

    Needs neither a database nor a network. Exits with 0 if everything is proven; with 1 if the
    bundle can be read but something is not proven, with the first bad position; with 2 if it cannot
    be read, is of a newer format, or the command is wrong.

    Whoever holds the log's key can write another history. Name the checkpoints that you have kept
    from elsewhere with --from: the bundle must continue every one of them.
    """
    trusted = _trust.trusted(keys, policy)
    notes = [_older(path) for path in older]
    tune_garbage_collector()
    try:
        with _progress("verify", 1000) as progress:
            report = verification.verify(
                bundle, trusted, notes, on_progress=lambda share: progress(int(share * 1000))
            )
    except EvidenceError as error:
        _unreadable(bundle, error)
    except OSError as error:
        _support.fail(f"{bundle} cannot be read: {error.strerror or error}")
    except KeyboardInterrupt:
        sys.exit(_support.EXIT_INTERRUPTED)
    if as_json:
        click.echo(json.dumps(report.document()))
    else:
        _print(report)
    if not report.is_proven:
        sys.exit(_support.EXIT_FAILED)


@click.command("receipt")
@click.argument("file", type=_trust.FILE)
@_trust.VKEYS
@_trust.POLICY
@_trust.JSON
def receipt(*, file: Path, keys: Sequence[str], policy: Path | None, as_json: bool) -> None:
    """Check the receipt in FILE (`.tlog-proof`) and print the event that it proves.

    Exits with 0 if the event is in the log of a trusted key; with 1 if that is not proven; with 2
    if the file is no receipt.
    """
    trusted = _trust.trusted(keys, policy)
    try:
        found = receipts.parse(_trust.read(file))
    except EvidenceError as error:
        _unreadable(file, error)
    try:
        endorsed = trusted.check(found.note)
        leaf = found.verify()
    except EvidenceError as error:
        _support.fail(f"{file}: not proven: {error} ({error.code})", _support.EXIT_FAILED)
    document = _document(leaf) | {
        "origin": endorsed.checkpoint.origin,
        "size": endorsed.checkpoint.size,
        "witnesses": {key.name: _seconds(at) for key, at in endorsed.witnesses.items()},
    }
    if as_json:
        click.echo(json.dumps(document))
        return
    click.echo(f"{file}: proven")
    for name, value in document.items():
        click.echo(
            _trust.printable(f"  {name}: {value if isinstance(value, str) else json.dumps(value)}")
        )


def _older(path: Path) -> OldNote:
    """A checkpoint that somebody has kept; a file that is none ends the program with status 2."""
    note = OldNote(str(path), _trust.read(path))
    try:
        parse_checkpoint(parse_note(note.data).text)
    except EvidenceError as error:
        _unreadable(path, error)
    return note


def _unreadable(path: Path, error: EvidenceError) -> NoReturn:
    _support.fail(f"{path}: {error} ({error.code})")


def _document(leaf: Leaf) -> dict[str, object]:
    """The event of a leaf, as the API shows it to auditors."""
    stream = UUID(bytes=leaf.stream_id)
    try:
        data = json.loads(leaf.state)
        recorded_at = times.to_text(leaf.recorded_at)
    except (ValueError, RecursionError):
        error = MalformedLeaf(reason="the event is not one of this program")
        _support.fail(f"not proven: {error} ({error.code})", _support.EXIT_FAILED)
    return {
        "position": leaf.position,
        "type": leaf.topic,
        "subject": ids.subject(leaf.topic, stream),
        "version": leaf.version,
        "recorded_at": recorded_at,
        "actor": leaf.actor,
        "data": data,
    }


def _seconds(at: int) -> str:
    try:
        return times.to_text(datetime.fromtimestamp(at, UTC))
    except (OverflowError, ValueError, OSError):
        return f"{at} seconds since 1970"


def _print(report: Report) -> None:
    verdict = "proven" if report.is_proven else "NOT PROVEN"
    document = report.document()
    lines = [
        f"{report.bundle}: {verdict}",
        f"log: {report.origin}, {report.size} events, root {report.root}",
        *(f"signed by {key}" for key in report.signers),
        *(f"cosigned by {name} at {_seconds(at)}" for name, at in report.witnesses.items()),
    ]
    for note in report.notes:
        does = "continues" if note["is_continued"] else "DOES NOT CONTINUE"
        lines.append(f"{does} {note['file']} ({note['size']} events)")
    for name, part in sorted(report.read_models.items()):
        lines.append(f"{name}: {part['rows']} rows at position {part['position']}")
    speed = f"{document['events_per_second']} events/s, {document['seconds']} s"
    lines.append(f"{report.commands} commands; {speed}")
    if report.is_proven and not report.notes:
        lines += WITHOUT_NOTES
    click.echo(_trust.printable("\n  ".join(lines)))
    if not report.is_proven:
        _print_findings(report)


def _print_findings(report: Report) -> None:
    first, lines = report.first_bad, []
    if first is not None and first.position:
        lines.append(f"first bad position: {first.position}")
    shown = sorted(report.findings, key=lambda finding: (finding is not first, finding.position))
    for one in shown[:FINDINGS_SHOWN]:
        lines += [str(one), *(f"    {name}: {value}" for name, value in one.evidence.items())]
    if report.findings_count > FINDINGS_SHOWN:
        lines.append(f"{report.findings_count} findings in all; --json has more")
    click.echo(_trust.printable("\n".join(lines)), err=True)


@contextmanager
def _progress(label: str, length: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _position: None
        return
    with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
        yield lambda position: bar.update(position - bar.pos)
