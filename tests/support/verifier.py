"""The verifier's page, run by Node: its script as it stands in the HTML file that people save."""

from __future__ import annotations

import json
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest

from api.pages.texts import languages
from api.pages.verifier import verifier_page

RUNNER: Final = Path(__file__).with_name("run_verifier.mjs")
NODE_SECONDS_MAX: Final = 100
Job = dict[str, Any]


def text(data: bytes) -> str:
    """Bytes in a job."""
    return b64encode(data).decode()


def receipt_job(data: bytes, trust: bytes) -> Job:
    return {"action": "receipt", "data": text(data), "trust": text(trust)}


def bundle_job(path: Path, trust: bytes, older: Sequence[bytes] = ()) -> Job:
    notes = [text(one) for one in older]
    return {"action": "bundle", "path": str(path), "trust": text(trust), "older": notes}


def run(jobs: Sequence[Job]) -> list[Any]:
    """The outcome of each job, from one Node process."""
    node = shutil.which("node")
    if node is None:
        pytest.fail("no Node.js: install Debian's package `nodejs`")
    with TemporaryDirectory() as folder:
        page, given = Path(folder) / "verify.html", Path(folder) / "jobs.json"
        page.write_text(verifier_page(languages()["en"], "https://pay.example"), "utf-8")
        given.write_text(json.dumps(list(jobs)))
        done = subprocess.run(
            [node, "--no-warnings", str(RUNNER), str(page), str(given)],
            capture_output=True, timeout=NODE_SECONDS_MAX, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    outcomes: list[Any] = json.loads(done.stdout)
    assert len(outcomes) == len(jobs)
    return outcomes
