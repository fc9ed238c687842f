"""The wallet's own pages without a browser: addresses, headers, manifest, service worker, static files."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import re
from typing import Any

import pytest
from PIL import Image

from api.pages import static_files, wallet
from api.pages.rendering import policy
from api.pages.texts import languages
from api.pages.wallet_texts import cause_texts, home_texts
from domain.errors import LedgerError
from domain.qr.errors import Cause
from tests.api.test_page_texts import names_in
from tests.support.memory_api import MemoryApi, http_scope, respond

SIGNATURE = "A" * 103
CODE = "01H455VB4PEX5VSKNK084SN02Q"


class Answer:
    """The status, headers and body of a response."""

    def __init__(self, api: MemoryApi, path: str, **headers: str) -> None:
        pairs = [(name.replace("_", "-").encode(), v.encode()) for name, v in headers.items()]
        start, body = asyncio.run(respond(api.app, http_scope("GET", path, headers=pairs)))
        self.status = start["status"]
        self.headers = {name.decode().lower(): v.decode() for name, v in start["headers"]}
        self.body: bytes = body["body"]

    @property
    def data(self) -> Any:
        """The page's data block."""
        block = re.search(rb'<script type="application/json" id="data">(.*?)</script>', self.body)
        assert block
        return json.loads(block[1])


@pytest.fixture(scope="module")
def api() -> MemoryApi:
    return MemoryApi()


SCANNING = ["/wallet", f"/s/{CODE}/K1/{SIGNATURE}", "/static/scan-example.html"]
OTHERS = ["/wallet/offline", "/q/x", "/docs", "/static/scan.js", "/static/wallet.js"]


@pytest.mark.parametrize("path", SCANNING)
def test_pages_that_scan_may_open_the_camera_and_compile_webassembly(
    api: MemoryApi, path: str
) -> None:
    answer = Answer(api, path)

    rules = answer.headers["content-security-policy"]
    assert answer.status == 200
    assert "script-src 'self' 'wasm-unsafe-eval';" in rules
    assert "require-trusted-types-for 'script'" in rules
    assert "'unsafe" not in rules
    assert answer.headers["permissions-policy"].startswith("camera=(self),")


@pytest.mark.parametrize("path", OTHERS)
def test_no_other_page_may(api: MemoryApi, path: str) -> None:
    answer = Answer(api, path, accept="text/html")

    assert "wasm" not in answer.headers["content-security-policy"]
    assert answer.headers["permissions-policy"].startswith("camera=(),")


def test_a_page_with_a_worker_names_one_policy_of_trusted_types(api: MemoryApi) -> None:
    config = api.services.config
    module = (static_files.static_file("worker.js") or b"").decode()

    assert policy(config).endswith("trusted-types 'none'")
    assert policy(config, worker=True).endswith("trusted-types qrledger-worker")
    assert 'createPolicy("qrledger-worker"' in module


@pytest.mark.parametrize("prefix", ["s", "S"])
@pytest.mark.parametrize("spelled", [str.upper, str.lower])
def test_the_address_of_a_printed_code_gives_the_page_its_exact_text(
    api: MemoryApi, prefix: str, spelled: Any
) -> None:
    answer = Answer(api, f"/{prefix}/" + spelled(f"{CODE}/K1/{SIGNATURE}"))

    public_url = api.services.config.public_url.upper()
    assert answer.data["payload"] == f"{public_url}/S/{CODE}/K1/{SIGNATURE}"
    assert CODE.encode() not in answer.body.partition(b'<script type="application/json"')[0]


@pytest.mark.parametrize(
    "path",
    [
        f"/s/{CODE}/K1/{'A' * 500}", f"/s/{CODE}/K1/ſ{SIGNATURE[1:]}", f"/s/{CODE}/K\u0131/{SIGNATURE}",
        f"/s/{CODE}/K1/\u212a", f"/s/{CODE}/K 1/{SIGNATURE}", f"/s/{CODE}/K1/<script>", f"/s/{CODE}/K1/A\x00",
        f"/s/{CODE}/K1/A=", f"/s/../K1/{SIGNATURE}", f"/s/{CODE}/\uff11/{SIGNATURE}", f"/s/{CODE}/K1/\n",
    ],
)  # fmt: skip
def test_an_address_that_no_code_of_ours_has_is_not_found(api: MemoryApi, path: str) -> None:
    for_a_person, for_a_program = Answer(api, path, accept="text/html"), Answer(api, path)

    assert (for_a_person.status, for_a_program.status) == (404, 404)
    assert b"not a payment code" in for_a_person.body
    assert json.loads(for_a_program.body)["code"] == "not-found"
    assert SIGNATURE.encode() not in for_a_person.body + for_a_program.body


def test_the_page_of_a_plain_visit_has_no_code(api: MemoryApi) -> None:
    data = Answer(api, "/wallet").data

    assert data["payload"] == ""
    assert data["exponents"]["JPY"] == 0
    assert data["exponents"]["KWD"] == 3
    assert "USD" not in data["exponents"]


def test_pages_and_the_worker_are_never_kept_by_a_cache(api: MemoryApi) -> None:
    assert Answer(api, "/wallet").headers["cache-control"] == "no-store"
    assert Answer(api, "/sw.js").headers["cache-control"] == "no-cache"
    assert Answer(api, "/manifest.webmanifest").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("language", ["en", "pt-BR", "ar"])
def test_the_manifest_names_pages_and_icons_that_exist(api: MemoryApi, language: str) -> None:
    answer = Answer(api, "/manifest.webmanifest", accept_language=language)

    manifest = json.loads(answer.body)
    assert answer.headers["content-type"] == "application/manifest+json"
    assert (manifest["lang"], manifest["scope"]) == (language, "/")
    assert Answer(api, manifest["start_url"]).status == 200
    assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}
    for icon in manifest["icons"]:
        image = Answer(api, icon["src"])
        drawn = Image.open(io.BytesIO(image.body))
        assert image.headers["content-type"] == icon["type"]
        assert f"{drawn.width}x{drawn.height}" == icon["sizes"]
        assert len(image.body) < 4096


def test_a_maskable_icon_keeps_its_drawing_in_the_middle_that_is_never_cut_off(
    api: MemoryApi,
) -> None:
    """A circle of 80 % of the side (W3C Web App Manifest, 1.6.4)."""
    for name, side in wallet.ICONS.items():
        image = Image.open(io.BytesIO(static_files.static_file(name) or b"")).convert("RGB")
        ground = image.getpixel((0, 0))
        drawn = [
            (x, y) for x in range(side) for y in range(side) if image.getpixel((x, y)) != ground
        ]
        centre, radius = (side - 1) / 2, side * 0.4
        assert drawn
        assert all((x - centre) ** 2 + (y - centre) ** 2 <= radius**2 for x, y in drawn)


def test_the_worker_states_its_edition_and_keeps_static_files_only(api: MemoryApi) -> None:
    answer = Answer(api, "/sw.js")

    first, _, _ = answer.body.decode().partition("\n")
    found = re.fullmatch(r'globalThis.EDITION = "(\w+)"; globalThis.SHELL = (\[.*\]);', first)
    assert found
    assert found[1] == static_files.edition()
    for address in json.loads(found[2]):
        assert address.startswith(f"/static/{static_files.edition()}/")
        assert Answer(api, address).status == 200
    rules = answer.headers["content-security-policy"]
    assert rules == "default-src 'none'; connect-src 'self'"


def test_the_shell_is_what_the_wallets_pages_load(api: MemoryApi) -> None:
    loaded = set()
    for path in ("/wallet", f"/q/{api.session_id.removeprefix('ps_')}"):
        page = Answer(api, path, accept="text/html").body.decode()
        loaded |= set(re.findall(r'/static/\w+/([\w.-]+\.(?:js|css|svg))"', page))

    assert loaded == set(wallet.SHELL)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ponyfill.js", "text/javascript; charset=utf-8"),
        ("zxing-exported.js", "text/javascript; charset=utf-8"),
        ("zxing_reader.wasm", "application/wasm"),
    ],
)
def test_the_vendored_scanner_is_kept_for_ever_and_may_be_used_by_other_origins(
    api: MemoryApi, name: str, kind: str
) -> None:
    answer = Answer(api, f"/static/vendor/barcode-detector-3.2.2/{name}")

    assert (answer.status, answer.headers["content-type"]) == (200, kind)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize(
    ("accepted", "compressed"),
    [
        ("gzip, deflate, br", True),
        ("br,GZIP", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
    ],
)
def test_the_vendored_scanner_is_compressed_for_those_who_accept_it(
    api: MemoryApi, accepted: str, compressed: bool
) -> None:
    path = "barcode-detector-3.2.2/zxing_reader.wasm"

    answer = Answer(api, f"/static/vendor/{path}", accept_encoding=accepted)

    body = gzip.decompress(answer.body) if compressed else answer.body
    assert body == static_files.vendored_file(path)
    assert answer.headers.get("content-encoding") == ("gzip" if compressed else None)
    assert answer.headers["vary"] == "Accept-Encoding"
    assert (len(answer.body) < 500_000) is compressed


def test_scan_js_has_a_stable_address_that_other_origins_may_import(api: MemoryApi) -> None:
    stable = Answer(api, "/static/scan.js")
    hashed = Answer(api, static_files.asset("scan.js"))

    assert stable.body == hashed.body
    assert stable.headers["access-control-allow-origin"] == "*"
    assert stable.headers["cache-control"] == "no-cache"
    assert "immutable" in hashed.headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    [
        "vendor/SHA256SUMS", "vendor/barcode-detector-3.2.2/LICENSE", "vendor/barcode-detector-3.2.2/..",
        "vendor/../app.py", "vendor/x/../../app.py", "vendor/barcode-detector-3.2.2/x\x00.js",
        "vendor/" + "x" * 300 + "/ponyfill.js", "vendor/BARCODE-DETECTOR-3.2.2/ponyfill.js",
    ],
)  # fmt: skip
def test_no_other_vendored_address_is_found(api: MemoryApi, path: str) -> None:
    assert Answer(api, f"/static/{path}").status == 404


def test_no_answer_of_the_api_may_be_read_by_other_origins(api: MemoryApi) -> None:
    for path in ("/wallet", "/sw.js", "/openapi.json", f"/q/{api.session_id.removeprefix('ps_')}"):
        assert "access-control-allow-origin" not in Answer(api, path).headers


def test_every_cause_and_every_reason_has_a_text_and_nothing_else_has() -> None:
    english = languages()["en"]
    texts = home_texts(english)
    scanner = (static_files.static_file("scan.js") or b"").decode()
    kinds = re.search(r'@typedef \{("insecure".*?)\} Reason', scanner, re.DOTALL)
    assert kinds
    closed_by_the_page = {"hidden", "aborted"}

    assert set(cause_texts(english)) == {cause.value for cause in Cause}
    assert set(texts["camera"]) == set(re.findall(r'"([\w-]+)"', kinds[1])) - closed_by_the_page
    assert set(texts["refusals"]) <= set(LedgerError.by_code)
    assert names_in("home.js") == set(texts)
