"""The example on the page about the texts of payment codes runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "read-and-write-qr-texts.md"


def test_the_example_runs() -> None:
    [example] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)

    exec(compile(example, str(PAGE), "exec"), {})  # noqa: S102 - our own page


def test_every_module_is_listed() -> None:
    folder = Path(__file__).parents[2] / "domain" / "qr"
    helpers = {"__init__", "errors", "tlv", "crc", "emv_code"}
    modules = {path.stem for path in folder.glob("*.py")} - helpers

    listed = set(re.findall(r"`domain/qr/(\w+)\.py` \|", PAGE.read_text()))

    assert listed == {name for name in modules if not name.startswith("_")}
