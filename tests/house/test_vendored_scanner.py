"""The vendored scanner is exactly the files of its manifest, and brings the WebAssembly it expects."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VENDOR = ROOT / "api" / "static" / "vendor"
MANIFEST = {
    name: digest
    for digest, _, name in (
        line.partition("  ") for line in (VENDOR / "SHA256SUMS").read_text().splitlines()
    )
}
SCANNER = VENDOR / "barcode-detector-3.2.2"


def test_the_manifest_lists_every_vendored_file() -> None:
    files = {str(path.relative_to(VENDOR)) for path in VENDOR.rglob("*") if path.is_file()}

    assert files - {"SHA256SUMS"} == set(MANIFEST)


@pytest.mark.parametrize("name", MANIFEST)
def test_every_vendored_file_has_the_hash_of_the_manifest(name: str) -> None:
    assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == MANIFEST[name]


def test_the_webassembly_is_the_one_that_the_module_was_made_for() -> None:
    """With any other, every detection fails."""
    module = (SCANNER / "zxing-exported.js").read_text()

    assert f'"{MANIFEST["barcode-detector-3.2.2/zxing_reader.wasm"]}"' in module


def test_scan_js_names_the_folder_and_never_the_default_host() -> None:
    module = (VENDOR.parent / "scan.js").read_text()

    assert f'"/static/vendor/{SCANNER.name}/"' in module
    assert "locateFile" in module
    assert not re.search(r"https?://", module)


def test_every_licence_is_kept() -> None:
    for name, words in {
        "LICENSE": "MIT License",
        "LICENSE.zxing-wasm": "MIT License",
        "LICENSE.zxing-cpp": "Apache License",
    }.items():
        assert words in (SCANNER / name).read_text()
