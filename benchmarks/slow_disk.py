"""Simulates a slower disk, such as a cloud volume: adds 1 ms to each fdatasync."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
int fdatasync(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    usleep(1000);
    return real(fd);
}
"""


@contextmanager
def slow_disk(folder: Path) -> Iterator[bool]:
    """Slow down the processes started inside; yields False if there is no C compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    library = folder / "slow.so"
    if compiler is None:
        yield False
        return
    (folder / "slow.c").write_text(SOURCE)
    source = str(folder / "slow.c")
    command = [compiler, "-shared", "-fPIC", "-o", str(library), source, "-ldl"]
    subprocess.run(command, check=True)
    before = os.environ.get("LD_PRELOAD")
    os.environ["LD_PRELOAD"] = str(library)
    try:
        yield True
    finally:
        if before is None:
            del os.environ["LD_PRELOAD"]
        else:
            os.environ["LD_PRELOAD"] = before
