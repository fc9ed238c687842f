"""The newest checkpoint as a sheet of paper: what somebody keeps who wants to prove the past."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any, Final

from api import blocking
from api.context import Services
from api.http.accept import wants_html
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.pages.moments import moment
from api.pages.rendering import language_for, render
from api.pages.routes import VERIFIER, LanguageQuery, message_page
from api.pages.texts import Language
from application.errors import NotSealed
from application.ports.pictures import CodePicture
from domain.audit import leaf as leaves
from domain.audit import note as notes
from domain.audit.leaf import TIME_US_MAX
from domain.audit.note import Note, Signature
from domain.audit.vkey import SIGNATURE_BYTES, TIME_BYTES

PAGE: Final = "/checkpoint"
CODE_BYTES_MAX: Final = 1_000
"""Of a note in one code: 121 modules wide, which a phone reads from paper at 9 cm."""
BORDER: Final = 4


class CheckpointPageRoutes:
    """The operation that shows the newest checkpoint. It needs no key."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def operations(self) -> list[Operation]:
        """Every route of this file."""
        return [
            Operation(
                name="getCheckpointPage", method="GET", path=PAGE,
                summary="The newest checkpoint as a page to be printed, with a QR code",
                responses={200: "text/html"}, problems=("not-sealed",), handler=self.get,
            )
        ]  # fmt: skip

    async def get(self, call: Call, query: LanguageQuery) -> HttpResponse:  # noqa: ARG002
        """The page; while nothing is sealed, one that says so."""
        language = language_for(call.request)
        try:
            text = await blocking.read(self._services.evidence.checkpoint)
            note = notes.parse(text.encode())
            head = notes.parse_checkpoint(note.text)
            last = await blocking.read(self._services.evidence.receipt, head.size)
        except NotSealed:
            if not wants_html(call.request):
                raise
            _ = language.gettext
            hint = _("The ledger has not sealed anything yet. Try again in a moment.")
            return message_page(call, _("No checkpoint"), hint, status=503)
        coded, left_out = in_a_code(note, head.origin)
        return render(
            "checkpoint.html",
            call.services.config,
            language,
            origin=head.origin,
            size=head.size,
            root=b64encode(head.root).decode(),
            recorded_at=moment(language, leaves.decode(last.leaf_bytes).recorded_at),
            signatures=[_shown(language, one) for one in note.signatures],
            note=text,
            file=_address("text/plain;charset=utf-8", text.encode()),
            code=_address("image/svg+xml", await self._draw(coded)) if coded else "",
            left_out=left_out,
            verifier_url=f"{VERIFIER}?lang={language.tag}",
        )

    async def _draw(self, text: str) -> bytes:
        async def nothing_to_check() -> None:
            return None

        picture = CodePicture(kind="svg", text=text, scale=1, border=BORDER)
        return await self._services.pictures.get(picture, nothing_to_check)


def in_a_code(note: Note, origin: str) -> tuple[str, int]:
    """The note as far as it fits a code: without the witnesses' lines if need be, or not at all.

    Returns its text, empty if it does not fit, and how many lines were left out.
    """
    own = Note(note.text, tuple(one for one in note.signatures if one.name == origin))
    for one in (note, own):
        text = one.encode()
        if one.signatures and len(text) <= CODE_BYTES_MAX:
            return text.decode(), len(note.signatures) - len(one.signatures)
    return "", len(note.signatures)


def _shown(language: Language, one: Signature) -> dict[str, Any]:
    """A signature's name and, if a witness made it, the time that it states."""
    seconds = int.from_bytes(one.signature[:TIME_BYTES], "big")
    is_witness = len(one.signature) == TIME_BYTES + SIGNATURE_BYTES
    known = is_witness and seconds <= TIME_US_MAX // 1_000_000
    at = moment(language, datetime.fromtimestamp(seconds, UTC)) if known else None
    return {"name": one.name, "at": at}


def _address(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{b64encode(data).decode()}"
