"""The example on the page about the texts of payment codes runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "read-and-write-qr-texts.md"


def example() -> str:
    [text] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return str(text)


def test_the_example_runs() -> None:
    exec(compile(example(), str(PAGE), "exec"), {})  # noqa: S102 - our own page


def test_every_module_is_listed() -> None:
    folder = Path(__file__).parents[2] / "domain" / "qr"
    helpers = {"__init__", "errors", "tlv", "crc", "emv_code"}
    modules = {path.stem for path in folder.glob("*.py")} - helpers

    listed = set(re.findall(r"`domain/qr/(\w+)\.py` \|", PAGE.read_text()))

    assert listed == {name for name in modules if not name.startswith("_")}


ALONE = """
import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
import domain.qr
for module in pkgutil.iter_modules(domain.qr.__path__, "domain.qr."):
    importlib.import_module(module.name)
exec(sys.argv[2])
print(*sorted(name for name in sys.modules if name.partition(".")[0] == "domain"))
print(*sorted({name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names))
"""


def test_the_package_needs_the_standard_library_and_the_files_on_the_page_only() -> None:
    command = [sys.executable, "-I", "-S", "-c", ALONE, str(PAGE.parents[2]), example()]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    ours, others = done.stdout.splitlines()
    helpers = {name for name in ours.split() if not name.startswith("domain.qr")} - {"domain"}
    named = set(re.findall(r"`domain/(\w+(?:/\w+)?)\.py`", PAGE.read_text()))
    assert helpers - {"domain.money"} == {f"domain.{one}".replace("/", ".") for one in named} - {
        name for name in ours.split() if name.startswith("domain.qr")
    }
    assert set(others.split()) - {"__main__"} == {"domain"}
