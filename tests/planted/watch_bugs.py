"""Known bugs of whoever watches a log from outside."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

WATCH = "infrastructure/watching/watch.py"
CLIENT = "infrastructure/watching/client.py"
TESTS = "tests/infrastructure/test_watch.py"

WATCH_BUGS: Final = [
    Bug("a watcher takes a shorter head", WATCH,
        "        if head.size < before.size:\n", "        if False:\n", TESTS),
    Bug("a watcher takes another head of the same size", WATCH,
        "        if head.size == before.size and head.root != before.root:\n",
        "        if False:\n", TESTS),
    Bug("a watcher does not compare with the head before", WATCH,
        "            if old is not None and tree.root() != old.root:\n",
        "            if False:\n", TESTS),
    Bug("a watcher does not compare the tiles with the root", WATCH,
        '        if tree.root() != head.root:\n            text = f"the tiles do not lead to the root of'
        ' the head of {head.size} events"\n            raise Alarm(AlarmKind.MISSING_TILES, text, data)\n'
        "\n    def _blame", "\n    def _blame", TESTS),
    Bug("a head that stays the same is never stalled", WATCH,
        '        self._check_stalled("its head has stayed the same")\n', "", TESTS),
    Bug("a watcher does not hash the events", WATCH,
        "        if hash_leaf(data) != expected:\n", "        if False:\n", TESTS),
    Bug("a watcher follows redirects", CLIENT,
        "                if status != httpx2.codes.OK:\n",
        "                if status >= 400:\n", TESTS),
    Bug("the start of a sample does not depend on the root", "domain/audit/sampling.py",
        '    text = f"{_TAG}{head.text}{currency}\\n{interval}\\n"\n',
        '    text = f"{_TAG}{head.size}{currency}\\n{interval}\\n"\n',
        "tests/domain/audit/test_sampling.py"),
    Bug("a sample is taken of events that do not lead to the root", "infrastructure/bundles/sample.py",
        "    if findings.count or hashed.root_at(head.size, hashed.nodes()) != head.root:\n",
        "    if False:\n", "tests/infrastructure/test_sample.py"),
    Bug("a part does not say that it is one", "infrastructure/bundles/part.py",
        '    findings.add("parts", f"{text}, and nothing is claimed about the rest")\n', "",
        "tests/infrastructure/test_bundles.py"),
    Bug("the events of a part are not hashed", "infrastructure/bundles/part.py",
        "        if hash_leaf(data) != expected:\n", "        if False:\n",
        "tests/infrastructure/test_bundles.py"),
    Bug("a watcher reads an answer without an end", CLIENT,
        "        if len(body) > bytes_max:\n", "        if len(body) > 10**9:\n", TESTS),
]  # fmt: skip
"""Each one is caught by a test of the watcher."""
