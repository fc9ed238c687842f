"""The language of a payer who comes back from a processor, whose address is made beforehand.

A cookie for the return page of one session: it holds the tag of a language, and nothing else.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from api.context import ApiConfig
from api.http.messages import HttpRequest
from api.pages.processing import RETURN_PATH
from api.pages.rendering import chosen_language
from api.pages.texts import languages
from domain import ids

COOKIE: Final = "qrledger-language"
LIFETIME_SECONDS: Final = 86_400
"""As long as a session can be open."""


def remembered(config: ApiConfig, request: HttpRequest, session_id: UUID) -> dict[str, str]:
    """The headers that keep a language that was chosen; none if none was."""
    lang = chosen_language(request)
    if not lang:
        return {}
    secure = "; Secure" if config.secure else ""
    path = f"{RETURN_PATH}/{ids.encode('ps', session_id)}"
    value = (
        f"{COOKIE}={lang}; Path={path}; Max-Age={LIFETIME_SECONDS}; HttpOnly; SameSite=Lax{secure}"
    )
    return {"Set-Cookie": value}


def language_of_return(request: HttpRequest) -> str:
    """The tag of the language in the address or in the cookie; empty if there is none of ours."""
    pairs = (pair.strip().partition("=") for h in request.all(b"cookie") for pair in h.split(";"))
    kept = {value for name, _, value in pairs if name == COOKIE}
    tags = {language.tag for language in languages().values()}
    return chosen_language(request) or next(iter(sorted(kept & tags)), "")
