"""A pytest plugin that plants the bug named by PLANTED in its file as the file is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.planted.bug import ROOT, Bug
from tests.planted.bugs import BUGS


def with_bug(bug: Bug, text: str) -> str:
    """The file's text with the bug planted."""
    if text.count(bug.old) != 1:
        msg = f"{bug.file} must contain the text that {bug.name!r} replaces exactly once"
        raise AssertionError(msg)
    return text.replace(bug.old, bug.new)


class _Loader(SourceFileLoader):
    """Compiles the text with the bug and writes no bytecode file."""

    bug: Bug

    def get_code(self, fullname: str) -> Any:
        text = Path(self.path).read_text("utf-8")
        return compile(with_bug(self.bug, text), self.get_filename(fullname), "exec")


class _Finder(MetaPathFinder):
    def __init__(self, bug: Bug) -> None:
        self._bug = bug
        self._module = bug.file.removesuffix(".py").replace("/", ".")

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname != self._module:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None:
            loader = _Loader(fullname, str(ROOT / self._bug.file))
            loader.bug = self._bug
            spec.loader = loader
        return spec


def _plant(bug: Bug) -> None:
    if bug.file.endswith(".py"):
        sys.meta_path.insert(0, _Finder(bug))
        return
    read = Path.read_text

    def read_with_bug(self: Path, *args: Any, **kwargs: Any) -> str:
        text = read(self, *args, **kwargs)
        if self != ROOT / bug.file:
            return text
        sequence = "create sequence ledger.positions;\n" if bug.file.endswith(".sql") else ""
        return sequence + with_bug(bug, text)

    Path.read_text = read_with_bug  # type: ignore[method-assign]


if name := os.environ.get("PLANTED"):
    _plant(next(bug for bug in BUGS if bug.name == name))
