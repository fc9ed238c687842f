"""Processes of a benchmark: started from any version of the program, and never left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PROGRAM: Final = [sys.executable, "-P", "-c", "from infrastructure.cli import main; main()"]
END_SECONDS_MAX: Final = 30


def environment_of(tree: Path, settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """Environment variables with which Python imports the program from `tree`.

    Args:
        tree: the root folder of a version of the program.
        settings: the only QRLEDGER_* variables of the process.
    """
    ours = {k: v for k, v in os.environ.items() if not k.startswith("QRLEDGER_")}
    return ours | {"PYTHONPATH": str(tree)} | dict(settings or {})


def run_command(environment: Mapping[str, str], *arguments: str) -> str:
    """Run a command of the program to its end; returns what it printed.

    Raises:
        RuntimeError: it failed; the message is what it wrote to standard error.
    """
    completed = subprocess.run(
        [*PROGRAM, *arguments], env=dict(environment), cwd="/", check=False,
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    if completed.returncode:
        raise RuntimeError(completed.stderr)
    return completed.stdout.strip()


@contextmanager
def started(
    command: Sequence[str], environment: Mapping[str, str], *, log: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process with pipes for input and output; at the end it is terminated.

    It has a session of its own, so that Ctrl-C in the terminal reaches this program only, which
    then ends every process in order. Where `setpriv` exists, it also ends with this program if
    that is killed.

    Args:
        command: the program and its arguments.
        environment: its environment variables.
        log: the file for its standard error; None for ours.
    """
    setpriv = shutil.which("setpriv")
    # A parent that is killed before `setpriv` has asked for the signal is not the parent any more.
    only_of_parent = ["/bin/sh", "-c", 'test "$PPID" = "$0" && exec "$@"', str(os.getpid())]
    follow = [setpriv, "--pdeathsig", "TERM", "--", *only_of_parent] if setpriv else []
    with log.open("ab") if log else nullcontext() as errors:
        process = subprocess.Popen(
            [*follow, *command], env=dict(environment), cwd="/", start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(END_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def stop_on_signals() -> None:
    """End with an exception on SIGINT or SIGTERM, once: clean-up is not interrupted again."""

    def stop(number: int, _frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + number)

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, stop)
