"""docs/start.md, followed to the letter: its commands run exactly as they stand."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.api_fixture import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.postgres, pytest.mark.timeout(180)]
ROOT = Path(__file__).parents[2]
DEMO = [sys.executable, "-I", "-c", "from infrastructure.cli import main; main()", "demo"]
READY_SECONDS = 60


def blocks(page: str) -> list[str]:
    """What the page tells its reader to run in the second terminal."""
    return re.findall(r"^```bash\n(.*?)^```$", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)


def test_the_page_shows_the_payment_to_everybody(home: Path) -> None:
    commands = blocks("docs/start.md")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("QRLEDGER_")}
    environment |= {
        "QRLEDGER_HOME": str(home),
        "QRLEDGER_PORT": str(free_port()),
        "QRLEDGER_LIVE_PORT": str(free_port()),
    }
    demo = subprocess.Popen(DEMO, env=environment, cwd=home.parent, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + READY_SECONDS
        while not (home / "demo.json").exists():
            assert time.monotonic() < until
            assert demo.poll() is None
            time.sleep(0.05)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "".join(commands)],
            env=environment, cwd=home.parent, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        demo.send_signal(signal.SIGINT)
        assert demo.wait(30) == 0

    assert (done.returncode, done.stderr) == (0, "")
    [(session, position)] = re.findall(
        r"^(ps_\w+) is paid, written at position (\d+)", done.stdout, re.MULTILINE
    )
    merchant = json.loads(after(done.stdout, "the merchant:"))["data"]
    assert [one["status"] for one in merchant if one["id"] == session] == ["paid"]
    payer = json.loads(after(done.stdout, "the payer:"))["data"]
    assert [one["position"] for one in payer if one["session_id"] == session] == [int(position)]
    history = json.loads(after(done.stdout, "the history:"))["data"]
    assert [one["type"] for one in history] == [
        "payment_session.created", "payment_session.scanned", "payment_session.paid",
    ]  # fmt: skip


def after(text: str, line: str) -> str:
    """The line that follows."""
    lines = text.split("\n")
    return lines[lines.index(line) + 1]


def test_no_page_asks_its_reader_to_run_eval() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    found = [
        str(path)
        for path in pages
        for block in re.findall(
            r"^```(?:bash|console|sh)\n(.*?)^```$", path.read_text(), re.DOTALL | re.MULTILINE
        )
        if re.search(r"\beval\b", block)
    ]

    assert len(pages) > 10
    assert found == []
