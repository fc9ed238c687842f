"""`make planted`: plant each bug, run its hunters, say who caught it; exit 1 if one got away."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.planted.bugs import BUGS, ROOT, Bug

SECONDS_MAX = 300


def hunt(bug: Bug) -> str:
    """The first test that failed, or nothing."""
    command = [
        sys.executable, "-m", "pytest", "-x", "-q", "-p", "tests.planted.plugin", "-p", "no:randomly",
        "--no-header", "--tb=no", *bug.hunters.split(),
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "PLANTED": bug.name}, capture_output=True,
            text=True, timeout=SECONDS_MAX, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "(the tests did not end)"
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0].split(" - ")[0].partition(" ")[2] if failed else ""


def main(words: list[str]) -> int:
    """All bugs, or those whose number modulo `every` is 0: `python -m tests.planted every 4`."""
    every = int(words[1]) if words[:1] == ["every"] else 1
    bugs = [bug for number, bug in enumerate(BUGS) if number % every == 0]
    if words and words[0] != "every":
        bugs = [bug for bug in BUGS if " ".join(words) in bug.name]
    with ThreadPoolExecutor(2) as pool:
        caught = list(pool.map(hunt, bugs))
    for bug, test in zip(bugs, caught, strict=True):
        print(f"{'caught' if test else 'ESCAPED':<8} {bug.name:<58} {test}")
    print(f"{sum(map(bool, caught))} of {len(bugs)} planted bugs caught")
    return 0 if all(caught) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
