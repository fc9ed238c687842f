"""`make planted`: plant each bug and run the tests that should catch it; exit 1 if one is missed."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.planted.bug import ROOT, Bug
from tests.planted.bugs import BUGS

TIMEOUT_SECONDS = 300
ATTEMPTS_MAX = 2


def first_failure(bug: Bug) -> str:
    """Node id of the first test that failed, or "". A run that pytest could not complete is retried."""
    for _ in range(ATTEMPTS_MAX):
        status, failed_test, output = _run_tests(bug)
        if failed_test or status == 0:
            return failed_test
        print(f"{bug.name}: pytest exited with {status}:\n{output[-2000:]}", file=sys.stderr)
    return ""


def _run_tests(bug: Bug) -> tuple[int, str, str]:
    """pytest's exit status, the first test that failed, and its output."""
    command = [
        sys.executable, "-m", "pytest", "-x", "-q", "-p", "tests.planted.plugin", "-p", "no:randomly",
        "--no-header", "--tb=no", *bug.hunters.split(),
    ]  # fmt: skip
    try:
        completed = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "PLANTED": bug.name}, capture_output=True,
            text=True, timeout=TIMEOUT_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return 1, "(the tests timed out)", ""
    failed = [
        line for line in completed.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))
    ]
    failed_test = failed[0].split(" - ")[0].partition(" ")[2] if failed else ""
    return completed.returncode, failed_test, completed.stdout + completed.stderr


def main(arguments: list[str]) -> int:
    """Plant all bugs, those whose name contains the arguments, or a share: `every 4 from 2`."""
    every, start = 1, 0
    if arguments[:1] == ["every"]:
        every, start = int(arguments[1]), int(arguments[3])
    bugs = [bug for number, bug in enumerate(BUGS) if number % every == start % every]
    if arguments and arguments[0] != "every":
        bugs = [bug for bug in BUGS if " ".join(arguments) in bug.name]
    with ThreadPoolExecutor(2) as pool:
        caught = list(pool.map(first_failure, bugs))
    for bug, test in zip(bugs, caught, strict=True):
        print(f"{'caught' if test else 'MISSED':<8} {bug.name:<58} {test}")
    print(f"{sum(map(bool, caught))} of {len(bugs)} planted bugs caught")
    return 0 if all(caught) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
