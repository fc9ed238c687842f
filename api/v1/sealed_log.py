"""The sealed log for outsiders: the checkpoint, the tiles, the policy (C2SP tlog-tiles)."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Final

from api import blocking
from api.context import Services
from api.http.fields import Position
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import Query
from api.v1.responses import is_known
from application.errors import NotFound
from application.event_log import fold, history
from domain.audit.errors import MalformedTile
from domain.audit.receipt import Receipt
from domain.audit.tiles import TILE_WIDTH, Tile, parse_path
from domain.sealing.errors import LogNotOpened
from domain.sealing.sealed_log import STREAM_ID, SealedLog

LOG: Final = "/v1/log/"
TEXT: Final = "text/plain"
UTF_8: Final = "text/plain; charset=utf-8"
BYTES: Final = "application/octet-stream"
FULL_TILE: Final = "max-age=31536000, immutable"
"""A full tile never changes."""
PARTIAL_TILE: Final = "max-age=60"
CHECKPOINT: Final = "public, no-cache"
"""A newer one replaces it within a second; the ETag saves the body."""
ETAG_CHARS: Final = 32
FURTHER_SEGMENTS: Final = 4
"""Of an address of a tile: three digits each, and the width of a partial one (10^12 tiles)."""


class ProofQuery(Query):
    """Which event."""

    position: Position


class SealedLogRoutes:
    """The operations on the sealed log."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._evidence = services.evidence

    def operations(self) -> list[Operation]:
        """The operations of this module."""
        auditors = frozenset({CallerRole.AUDITOR})
        tile, entries = f"{LOG}tile/{{level:str}}/{{index:str}}", f"{LOG}tile/entries/{{index:str}}"
        return [
            Operation(
                name="getCheckpoint", method="GET", path=f"{LOG}checkpoint",
                summary="The signed head of the log that was published last (C2SP checkpoint)",
                responses={200: TEXT, 304: None}, problems=("not-sealed",),
                handler=self.checkpoint,
            ),
            Operation(
                name="getTile", method="GET", path=tile, aliases=_longer(tile),
                summary="A tile of the log's Merkle tree (C2SP tlog-tiles)",
                description=(
                    "256 hashes of 32 bytes, or fewer with `.p/<width>`. `index` has three digits "
                    "in each segment of the path, `x001/x234/067`."
                ),
                responses={200: BYTES}, problems=("not-found",), handler=self.tile,
            ),
            Operation(
                name="getEntries", method="GET", path=entries, aliases=_longer(entries),
                summary="The leaves of a tile of level 0, each after its length (u16, big-endian)",
                callers=auditors, responses={200: BYTES}, problems=("not-found",),
                handler=self.entries,
            ),
            Operation(
                name="getLogPolicy", method="GET", path=f"{LOG}policy",
                summary="The keys that seal the log and the witnesses demanded (C2SP tlog-policy)",
                description="Compare it with a copy that you got another way.",
                responses={200: TEXT}, problems=("log-not-opened",), handler=self.policy,
            ),
            Operation(
                name="getProof", method="GET", path=f"{LOG}proof",
                summary="The receipt of any event: its leaf, a proof and the checkpoint",
                callers=auditors, responses={200: TEXT}, problems=("not-found", "not-sealed"),
                handler=self.proof,
            ),
        ]  # fmt: skip

    async def checkpoint(self, call: Call) -> HttpResponse:
        """The checkpoint, or 304 if the caller has it."""
        note = (await blocking.read(self._evidence.checkpoint)).encode()
        etag = f'"{sha256(note).hexdigest()[:ETAG_CHARS]}"'
        known = is_known(call, etag)
        headers = {"ETag": etag, "Cache-Control": CHECKPOINT}
        status = 304 if known else 200
        return HttpResponse(
            b"" if known else note, status_code=status, media_type=UTF_8, headers=headers
        )

    async def tile(self, call: Call, level: str, index: str) -> HttpResponse:  # noqa: ARG002 - the path is read whole
        """A tile."""
        return await self._tile_response(call, self._evidence.tile, "public")

    async def entries(self, call: Call, index: str) -> HttpResponse:  # noqa: ARG002 - the path is read whole
        """An entry bundle."""
        return await self._tile_response(call, self._evidence.entries, "private")

    async def policy(self, _call: Call) -> HttpResponse:
        """The policy."""
        log: SealedLog | None = fold(await blocking.read(history, self._services.log, STREAM_ID))
        if log is None:
            raise LogNotOpened
        headers = {"Cache-Control": "public, max-age=60"}
        return HttpResponse(self._evidence.policy(log), media_type=UTF_8, headers=headers)

    async def proof(self, _call: Call, query: ProofQuery) -> HttpResponse:
        """The receipt of the event at a position."""
        receipt = await blocking.read(self._evidence.receipt, query.position)
        return receipt_response(receipt, f"position-{query.position}")

    async def _tile_response(
        self, call: Call, read: Callable[[Tile], bytes], scope: str
    ) -> HttpResponse:
        try:
            tile = parse_path(call.request.path.removeprefix(LOG))
        except MalformedTile:
            raise NotFound(thing="tile") from None
        data = await blocking.read(read, tile)
        caching = FULL_TILE if tile.width == TILE_WIDTH else PARTIAL_TILE
        headers = {"Cache-Control": f"{scope}, {caching}"}
        return HttpResponse(data, media_type=BYTES, headers=headers)


def _longer(path: str) -> tuple[str, ...]:
    """The same path with further segments, which the handler reads from the whole path."""
    names = [f"further_{number}" for number in range(1, FURTHER_SEGMENTS + 1)]
    return tuple(
        "/".join([path, *(f"{{{name}:str}}" for name in names[:count])])
        for count in range(1, FURTHER_SEGMENTS + 1)
    )


def receipt_response(receipt: Receipt, name: str) -> HttpResponse:
    """A receipt as a file; `name` without its ending."""
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{name}.tlog-proof"',
    }
    return HttpResponse(receipt.encode(), media_type=UTF_8, headers=headers)
