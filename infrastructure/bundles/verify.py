"""`audit verify`: a bundle, proven without a database and without a network.

What is found is collected, not raised, so that one run names everything; only a file that cannot be
read as a bundle at all ends it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from application.checks.attempts import compare_balances
from application.checks.parts import sum_up
from application.checks.violation import Violations
from domain.audit import bundle
from domain.audit import leaf as leaves
from domain.audit import note as notes
from domain.audit.errors import EvidenceError
from domain.audit.policy import Policy
from domain.audit.tiles import tiles_of
from infrastructure.bundles.distribution import Distribution
from infrastructure.bundles.findings import Findings, Report
from infrastructure.bundles.group_file import FileResult, GroupFiles
from infrastructure.bundles.hashing import HashedBundle
from infrastructure.bundles.older_notes import OlderNotes
from infrastructure.bundles.part import check_part
from infrastructure.bundles.second import SecondProcess, check_covered
from infrastructure.bundles.tar_file import TarReader
from infrastructure.bundles.whole import check_whole

PARALLEL_EVENTS_MIN: Final = 20_000
"""A smaller bundle is verified in one process: starting another takes longer."""
Progress = Callable[[float], None]
"""Called with the share that is done, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class OldNote:
    """A checkpoint that somebody has kept, by the name of its file."""

    name: str
    data: bytes


def verify(
    path: Path,
    policy: Policy,
    old_notes: Sequence[OldNote] = (),
    *,
    hashes_only: bool = False,
    parallel: bool = True,
    on_progress: Progress = lambda _share: None,
) -> Report:
    """Verify a bundle.

    Args:
        path: the bundle.
        policy: the keys that are trusted, and the witnesses that must have cosigned.
        old_notes: checkpoints from elsewhere; the more recent, the more they prove.
        hashes_only: leave out everything but signatures and hashes; such a run proves nothing of
            the content, and says so.
        parallel: use a second process if the bundle is large.
        on_progress: the share that is done.

    Raises (checked in this order):
        OSError: the file cannot be read.
        EvidenceError: the file is no bundle, or of a newer format; a note among `old_notes` is no
            checkpoint.
    """
    started = time.perf_counter()
    older = [(one.name, notes.parse(one.data)) for one in old_notes]
    for _, note in older:
        notes.parse_checkpoint(note.text)
    tar = TarReader(path)
    try:
        verification = _Verification(tar, policy, str(path), older)
        report = verification.run(
            hashes_only=hashes_only, parallel=parallel, on_progress=on_progress
        )
    finally:
        tar.close()
    report.seconds = time.perf_counter() - started
    return report


class _Verification:
    def __init__(
        self, tar: TarReader, policy: Policy, name: str, older: Sequence[tuple[str, notes.Note]]
    ) -> None:
        self._tar, self._policy = tar, policy
        self._findings = Findings()
        bundle.check_format(tar.read(bundle.FORMAT_MEMBER))
        self._manifest = bundle.parse_manifest(tar.read(bundle.MANIFEST))
        self._note = notes.parse(tar.read(bundle.CHECKPOINT))
        self._head = notes.parse_checkpoint(self._note.text)
        self._report = Report(name, self._head.origin, self._head.size, self._head.root.hex())
        self._report.first, self._report.last = self._manifest.first, self._manifest.last
        self._older = OlderNotes(older, policy, self._head, self._findings, self._report)

    def run(self, *, hashes_only: bool, parallel: bool, on_progress: Progress) -> Report:
        self._check_signatures()
        if self._is_part():
            self._check_part()
        elif self._check_parts():
            self._check_content(hashes_only=hashes_only, parallel=parallel, on_progress=on_progress)
        else:
            self._older.check(None)
        self._report.findings = self._findings.found
        self._report.findings_count = self._findings.count
        return self._report

    def _check_signatures(self) -> None:
        try:
            endorsed = self._policy.check(self._note)
        except EvidenceError as error:
            self._findings.add("signatures", f"{error} ({error.code})")
            return
        self._report.signers = [str(key) for key in endorsed.logs]
        self._report.witnesses = {str(key): at for key, at in endorsed.witnesses.items()}

    def _is_part(self) -> bool:
        """Whether the bundle says that it has not all events of its checkpoint."""
        return not self._manifest.is_whole and self._manifest.size == self._head.size

    def _check_part(self) -> None:
        """Check the hashes of a part; whatever they say, it is not the proven whole."""
        sizes = self._older.sizes | {self._head.size}
        roots = check_part(self._tar, self._manifest, sizes, self._findings, self._older.observe)
        if roots.get(self._head.size, self._head.root) != self._head.root:
            text = "the tiles do not lead to the root of the checkpoint"
            self._findings.add("root", text)
        self._older.check(roots.get if roots else None)

    def _check_parts(self) -> bool:
        """Whether the bundle has the members that its checkpoint demands."""
        manifest, size = self._manifest, self._head.size
        expected = {bundle.FORMAT_MEMBER, bundle.MANIFEST, bundle.CHECKPOINT, bundle.COMMANDS}
        expected |= {bundle.model_member(name) for name in bundle.READ_MODELS}
        if manifest.size != size:
            text = f"the manifest speaks of {manifest.size} events, the checkpoint of {size}"
            self._findings.add("parts", text)
        if set(manifest.read_models) != set(bundle.READ_MODELS):
            self._findings.add("parts", "the manifest does not name the read models of a bundle")
        for name, part in manifest.read_models.items():
            if part.position > size:
                self._findings.add("parts", f"{name} is at {part.position}, after the last event")
        for level in (None, 0):
            expected |= {tile.path for tile in tiles_of(level, size)}
        missing = sorted(expected - set(self._tar.members))
        extra = sorted(set(self._tar.members) - expected)
        for what, names in (("missing", missing), ("not expected", extra)):
            if names:
                text = f"{len(names)} members are {what}, such as {names[0]}"
                self._findings.add("parts", text)
        return self._findings.count == 0 or self._only_signatures_failed()

    def _only_signatures_failed(self) -> bool:
        return all(one.check == "signatures" for one in self._findings.found)

    def _check_content(self, *, hashes_only: bool, parallel: bool, on_progress: Progress) -> None:
        hashed = HashedBundle(self._tar, self._head.size, self._findings)
        if hashes_only:
            self._read_leaves(hashed, None, on_progress)
            self._check_roots(hashed)
            self._findings.add("rules", "the rules were left out, as was asked for")
            return
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="qrledger-audit-")))
            second = None
            if parallel and self._head.size >= PARALLEL_EVENTS_MIN:
                second = stack.enter_context(SecondProcess(Path(self._report.bundle), folder))
            distribution = Distribution(folder, self._head.size)
            readable = self._read_leaves(hashed, distribution, on_progress)
            self._check_roots(hashed)
            if readable:
                distribution.finish(self._tar)
                self._check_rules(folder, distribution, second, on_progress)

    def _read_leaves(
        self, hashed: HashedBundle, distribution: Distribution | None, on_progress: Progress
    ) -> bool:
        """Hash and distribute the events; whether all of them could be read."""
        readable, total = True, max(1, self._head.size)
        for first, data in hashed.leaves():
            for position, one in enumerate(data, first):
                try:
                    leaf = leaves.decode(one)
                except EvidenceError as error:
                    self._findings.add("leaf", str(error), position)
                    readable = False
                    continue
                if leaf.position != position:
                    text = f"the event has the position {leaf.position}"
                    self._findings.add("gapless-positions", text, position)
                    readable = False
                    continue
                self._older.observe(leaf)
                if distribution is not None:
                    distribution.add(leaf)
            on_progress(0.5 * first / total)
        return readable and not hashed.is_malformed

    def _check_roots(self, hashed: HashedBundle) -> None:
        size, computed = self._head.size, hashed.nodes()
        by_events = hashed.root_at(size, computed)
        by_tiles = hashed.claimed_root()
        if by_events != self._head.root:
            text = "the events do not lead to the root of the checkpoint"
            if by_tiles == self._head.root:
                text += "; the tiles do, so the events that differ from them were changed"
            self._findings.add(
                "root",
                text,
                checkpoint=self._head.root.hex(),
                events=by_events.hex() if by_events else None,
                tiles=by_tiles.hex() if by_tiles else None,
            )
        elif by_tiles != self._head.root:
            text = "the tiles do not lead to the root of the checkpoint; the events do"
            self._findings.add("root", text)
        self._older.check(lambda at: hashed.root_at(at, computed))

    def _check_rules(
        self,
        folder: Path,
        distribution: Distribution,
        second: SecondProcess | None,
        on_progress: Progress,
    ) -> None:
        groups, count, files = GroupFiles(folder, self._manifest), distribution.count, []
        for number in range(count) if second is None else second.share(count):
            files.append(groups.check(number))
            on_progress(0.5 + 0.5 * (number + 1) / count)
        if second is None:
            whole = check_whole(self._tar, self._manifest)
        else:
            result = second.result()
            whole = result.whole
            files = sorted(files + result.files, key=attrgetter("number"))
        on_progress(1)
        check_covered(files, count, self._head.size)
        self._findings.add_all(distribution.violations)
        for one in files:
            self._findings.add_all(one.violations)
        self._findings.add_all(whole.violations)
        violations = Violations()
        expected = sum_up(one.expected for one in files)
        compare_balances(expected, whole.balances, violations)
        self._findings.add_all(violations.found)
        self._compare_counts(whole.rows, files)

    def _compare_counts(self, of_whole: Mapping[str, int], files: Sequence[FileResult]) -> None:
        """Compare how many receipts and rows there are with the manifest."""
        manifest = self._manifest
        receipts = self._report.commands = sum(one.receipts for one in files)
        if manifest.commands != receipts:
            text = f"{receipts} receipts instead of {manifest.commands}"
            self._findings.add("parts", text)
        for name, part in manifest.read_models.items():
            rows = of_whole[name] if name in of_whole else sum(one.rows[name] for one in files)
            self._report.read_models[name] = {"position": part.position, "rows": rows}
            if rows != part.rows:
                self._findings.add("parts", f"{name} has {rows} rows instead of {part.rows}")
