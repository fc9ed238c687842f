"""The second process of a verification: it follows the whole log, then takes files of groups.

A pipe is the queue: when the files are complete, the first process writes their numbers into it, a
byte each, and both take one at a time; the system gives every byte to one of them. The second one
writes its results to standard output at its end, so a process that died has none. Each result says
which file it covers, and `check_covered` demands every file and every event once.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from domain.audit import bundle
from domain.audit.errors import MalformedBundle
from infrastructure.bundles.group_file import FileResult, GroupFiles
from infrastructure.bundles.tar_file import TarReader
from infrastructure.bundles.whole import WholeResult, check_whole
from infrastructure.runtime import tune_garbage_collector

_PROGRAM: Final = "import sys; from infrastructure.bundles.second import main; main(*sys.argv[1:])"


@dataclass(frozen=True, slots=True)
class SecondResult:
    """What the second process has found."""

    whole: WholeResult
    files: list[FileResult]


class SecondProcess:
    """The second process, as the first one sees it; its context ends it."""

    def __init__(self, path: Path, folder: Path) -> None:
        """Start it.

        Args:
            path: the bundle.
            folder: where the files of groups are made.
        """
        self._taking, self._giving = os.pipe()
        arguments = [str(path), str(folder), str(self._taking)]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM, *arguments],
            stdout=subprocess.PIPE,
            pass_fds=[self._taking],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        os.close(self._taking)
        self._close_queue()

    def share(self, count: int) -> Iterator[int]:
        """Put so many files into the queue; yields those that this process is to check."""
        os.write(self._giving, bytes(range(count)))
        self._close_queue()
        return _take(self._taking)

    def result(self) -> SecondResult:
        """What it has found, when it has ended.

        Raises:
            MalformedBundle: it has died, or has said nothing that can be read.
        """
        output, _ = self._process.communicate()
        if self._process.returncode:
            raise MalformedBundle(reason="the second process of the verification has failed")
        try:
            result: SecondResult = pickle.loads(output)  # noqa: S301 - written by this program
        except (EOFError, pickle.UnpicklingError) as error:
            reason = "the second process of the verification has ended without a result"
            raise MalformedBundle(reason=reason) from error
        return result

    def _close_queue(self) -> None:
        if self._giving >= 0:
            os.close(self._giving)
            self._giving = -1


def _take(queue: int) -> Iterator[int]:
    """The numbers that this process gets, until the queue is empty and closed."""
    while byte := os.read(queue, 1):
        yield byte[0]


def check_covered(files: Iterable[FileResult], count: int, events: int) -> None:
    """Check that results are of so many files and events, each once.

    Raises:
        MalformedBundle: a file was not checked, or twice, or not all of its events.
    """
    found = list(files)
    if sorted(one.number for one in found) != list(range(count)):
        raise MalformedBundle(reason="the verification has not checked every file of groups once")
    if (checked := sum(one.events for one in found)) != events:
        raise MalformedBundle(reason=f"the verification has checked {checked} of {events} events")


def main(path: str, folder: str, queue: str) -> None:
    """Be the second process: write the result to standard output."""
    tune_garbage_collector()
    tar = TarReader(Path(path))
    manifest = bundle.parse_manifest(tar.read(bundle.MANIFEST))
    whole = check_whole(tar, manifest)
    tar.close()
    files = _checked(Path(folder), manifest, int(queue))
    sys.stdout.buffer.write(pickle.dumps(SecondResult(whole, files)))


def _checked(folder: Path, manifest: bundle.Manifest, queue: int) -> list[FileResult]:
    """Check the files that the queue gives; the first number says that they are complete."""
    groups: GroupFiles | None = None
    results = []
    for number in _take(queue):
        groups = groups or GroupFiles(folder, manifest)
        results.append(groups.check(number))
    return results
