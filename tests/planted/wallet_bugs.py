"""Known bugs of the wallet's own pages and of the static files."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

PAGES = "tests/api/test_wallet_pages.py"
RENDERING = "api/pages/rendering.py"
STATIC = "api/pages/static_files.py"
WALLET = "api/pages/wallet.py"

WALLET_BUGS: Final = [
    Bug("every page may open the camera", RENDERING,
        '**({"Permissions-Policy": SCAN_PERMISSIONS} if scans else {}),',
        '"Permissions-Policy": SCAN_PERMISSIONS,', PAGES),
    Bug("every page may compile WebAssembly", RENDERING,
        "script, types, more = \"script-src 'self'\",", "script, types, more = SCAN_SOURCES,", PAGES),
    Bug("a page that scans is without Trusted Types", RENDERING,
        "require-trusted-types-for 'script'; trusted-types {types}", "trusted-types {types}", PAGES),
    Bug("the address of a printed code is read in the case in which it was opened", WALLET,
        "payload=text.upper()", "payload=text", PAGES),
    Bug("an address with other letters than those of codes is read", WALLET,
        "all(map(_is_plain, (code, key, signature)))", "True", PAGES),
    Bug("the service worker is the same in every edition", WALLET,
        "json.dumps(edition())", "json.dumps('0')", PAGES),
    Bug("the service worker keeps the wallet's page", WALLET,
        "[asset(name) for name in SHELL]", "[HOME, *(asset(name) for name in SHELL)]", PAGES),
    Bug("the service worker is kept by caches", WALLET,
        '"Cache-Control": "no-cache", "Content-Security-Policy"',
        '"Cache-Control": "public, max-age=86400", "Content-Security-Policy"', PAGES),
    Bug("any path below the vendored files is read", STATIC,
        "    file = _vendored().get(path)\n", "    file = _static() / VENDOR / path\n", PAGES),
    Bug("the scanner is compressed for those who cannot read it", STATIC,
        "    if accepts_gzip(accept_encoding):\n        data, coding", "    if True:\n        data, coding", PAGES),
    Bug("other origins cannot import scan.js", STATIC,
        '    "Access-Control-Allow-Origin": "*",\n', "", PAGES),
]  # fmt: skip
"""Each one is caught without a browser."""
