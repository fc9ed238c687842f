"""A file that is written whole, or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO


class OutputError(Exception):
    """The file cannot be written; the message says why, in one line."""


@contextmanager
def written_whole(path: Path) -> Iterator[TextIO]:
    """A temporary file beside `path`, readable by its owner only, which replaces it at the end.

    If the context is left by an exception, nothing remains but what was at `path` before.

    Raises:
        OutputError: `path` is a folder or no ordinary file, or cannot be written.
    """
    with (
        _replacing(path) as number,
        os.fdopen(number, "w", encoding="utf-8", newline="", closefd=False) as file,
    ):
        yield file


@contextmanager
def bytes_written_whole(path: Path) -> Iterator[BinaryIO]:
    """`written_whole` for bytes."""
    with _replacing(path) as number, os.fdopen(number, "wb", closefd=False) as file:
        yield file


@contextmanager
def _replacing(path: Path) -> Iterator[int]:
    try:
        target = Path(os.path.realpath(path))
        if target.is_dir():
            msg = f"{path} is a folder; name a file"
            raise OutputError(msg)
        if target.exists() and not target.is_file():
            msg = f"{path} is not an ordinary file"
            raise OutputError(msg)
        number, name = tempfile.mkstemp(dir=target.parent, prefix=".qrledger-", suffix=".part")
    except OSError as error:
        raise _cannot_write(path, error) from None
    temporary = Path(name)
    try:
        try:
            yield number
            os.fsync(number)
        finally:
            os.close(number)
        temporary.replace(target)
    except OSError as error:
        raise _cannot_write(path, error) from None
    finally:
        with suppress(OSError):
            temporary.unlink()


def _cannot_write(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path} cannot be written: {error.strerror or error}")
