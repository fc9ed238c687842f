"""The verifier: one file that a person saves and opens, which checks receipts without us.

Its script is made of the modules in `api/verifier`, one after the other, without their imports. The
page loads nothing and sends nothing, and its own policy says so, also in the saved file. The
script is allowed by its hash, which is the same in every language.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from importlib import resources
from typing import Final

from markupsafe import Markup

from api.context import Services
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.pages.rendering import language_for
from api.pages.routes import VERIFIER, LanguageQuery
from api.pages.templating import to_html
from api.pages.texts import Language
from api.pages.verifier_texts import verifier_texts

MODULES: Final = (
    "bytes.js", "hashes.js", "tree.js", "ed25519.js", "notes.js", "policies.js", "receipts.js",
    "bundles.js", "page.js",
)  # fmt: skip
"""In an order in which each uses only those before it."""
EXPORTED: Final = (
    "amountText", "checkBundle", "checkReceipt", "factsOf", "parseTrust", "sha256", "sha512",
    "sourceOf", "verifyHere", "verifySignature",
)  # fmt: skip
"""What other programs may call of the script; a browser makes nothing of it."""
_IMPORT: Final = re.compile(r"^import .*\n", re.MULTILINE)
_EXPORT: Final = re.compile(r"^export ", re.MULTILINE)


class VerifierRoutes:
    """The operation that serves the verifier. It needs no key."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """Every route of this file."""
        return [
            Operation(
                name="getVerifier", method="GET", path=VERIFIER,
                summary="The page that checks receipts; it can be saved and works offline",
                responses={200: "text/html"}, handler=self.get,
            )
        ]  # fmt: skip

    async def get(self, call: Call, query: LanguageQuery) -> HttpResponse:  # noqa: ARG002
        """The page, in the language of the request."""
        page = verifier_page(language_for(call.request), self._services.config.public_url)
        return HttpResponse(
            page.encode(),
            media_type="text/html; charset=utf-8",
            headers={
                "Content-Security-Policy": f"{policy()}; frame-ancestors 'none'",
                "Cache-Control": "no-cache",
                "Vary": "Accept-Language",
            },
        )


@cache
def verifier_page(language: Language, public_url: str) -> str:
    """The whole file."""
    block = json.dumps({"texts": verifier_texts(language)}).replace("<", "\\u003c")
    return to_html(
        "verifier.html",
        _=language.html,
        language=language,
        policy=policy(),
        style=Markup(style()),  # noqa: S704 - our own files, from here on
        script=Markup(script()),  # noqa: S704
        data=Markup(block),  # noqa: S704
        address=f"{VERIFIER}?lang={language.tag}",
        keys_url=f"{public_url}/v1/log/policy",
    )


@cache
def script() -> str:
    """All modules as one; no two of them may use one name for different things."""
    modules = [_EXPORT.sub("", _IMPORT.sub("", _source(name))) for name in MODULES]
    return "\n" + "\n".join(modules) + f"\nexport {{ {', '.join(EXPORTED)} }};\n"


@cache
def style() -> str:
    """The style sheet."""
    return "\n" + _source("page.css")


@cache
def policy() -> str:
    """The Content-Security-Policy of the page, wherever it is opened: this script and no other."""
    return (
        f"default-src 'none'; script-src {_hash(script())}; style-src {_hash(style())}; "
        "img-src data:; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _source(name: str) -> str:
    return (resources.files("api") / "verifier" / name).read_text("utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
