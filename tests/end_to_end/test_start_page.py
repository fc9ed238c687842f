"""Runs the commands of docs/start.md exactly as they are printed there."""

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
    """The commands for the second terminal, one block each."""
    return re.findall(r"^```bash\n(.*?)^```$", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)


def test_the_commands_complete_a_payment_that_every_party_can_see(home: Path) -> None:
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
        completed = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "".join(commands)],
            env=environment, cwd=home.parent, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        demo.send_signal(signal.SIGINT)
        assert demo.wait(30) == 0

    assert (completed.returncode, completed.stderr) == (0, "")
    [(session, position)] = re.findall(
        r"^(ps_\w+) is paid, written at position (\d+)", completed.stdout, re.MULTILINE
    )
    merchant = json.loads(after(completed.stdout, "the merchant:"))["data"]
    assert [row["status"] for row in merchant if row["id"] == session] == ["paid"]
    payer = json.loads(after(completed.stdout, "the payer:"))["data"]
    assert [row["position"] for row in payer if row["session_id"] == session] == [int(position)]
    history = json.loads(after(completed.stdout, "the history:"))["data"]
    assert [event["type"] for event in history] == [
        "payment_session.created", "payment_session.scanned", "payment_session.paid",
    ]  # fmt: skip


def after(text: str, line: str) -> str:
    """The line after `line`."""
    lines = text.split("\n")
    return lines[lines.index(line) + 1]


def test_no_page_asks_the_reader_to_run_eval() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    with_eval = [
        str(path)
        for path in pages
        for block in re.findall(
            r"^```(?:bash|console|sh)\n(.*?)^```$", path.read_text(), re.DOTALL | re.MULTILINE
        )
        if re.search(r"\beval\b", block)
    ]

    assert len(pages) > 10
    assert with_eval == []
