"""The code of docs/howto/add-a-process.md, run as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from application.processes.process import all_processes
from tests.support.task_fixture import STEPS

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "add-a-process.md"
PROCESS, TEST = re.findall(
    r"new file `([\w/]+)\.py`\n\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL
)


def load(page_part: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of the page, under the name that its file would have."""
    name, code = page_part
    module = ModuleType(name.replace("/", "."))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(code, str(PAGE), "exec", dont_inherit=True), module.__dict__)  # noqa: S102
    return module


@pytest.mark.parametrize("step", STEPS)
def test_the_process_of_the_guide_passes_its_test(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(PROCESS, monkeypatch)
    test = load(TEST, monkeypatch)

    test.test_a_new_wallet_gets_its_bonus_once_wherever_the_worker_dies(step)

    assert "welcome_bonus" not in {process.name for process in all_processes()}


def test_the_code_of_the_guide_is_formatted(tmp_path: Path) -> None:
    for name, code in (PROCESS, TEST):
        path = tmp_path / f"{name.rpartition('/')[2]}.py"
        path.write_text(code)
        ruff = Path(sys.executable).with_name("ruff")
        checked = subprocess.run(
            [ruff, "format", "--check", "--line-length", "100", path],
            capture_output=True,
            check=False,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
