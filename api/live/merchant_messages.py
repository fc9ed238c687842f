"""The messages of a merchant's socket: they are resumed by `position` and have no `seq`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from api.live.merchant_events import Heard, Standing
from api.live.merchant_hub import MerchantMessage
from api.views.sessions import SessionViews
from domain import times


class MerchantMessages:
    """Makes messages with the sessions as their merchant sees them, without any token."""

    def __init__(self, views: SessionViews) -> None:
        self._views = views

    def event(self, heard: Heard, now: datetime) -> MerchantMessage:
        """An event and the session as it left it, the same as in a webhook."""
        recorded, session = heard.recorded, heard.session
        if session is None:
            return MerchantMessage(heard.merchant_id, recorded.position, "")
        view = self._views.for_notice(session, recorded.position, recorded.recorded_at)
        message = {
            "type": "event",
            "event": recorded.topic,
            "position": recorded.position,
            "server_time": times.to_text(now),
            "session": view,
        }
        return MerchantMessage(heard.merchant_id, recorded.position, _encode(message))

    def snapshot(
        self,
        sessions: Sequence[Standing],
        position: int,
        now: datetime,
        *,
        has_more: bool,
        recovered: bool | None = None,
    ) -> str:
        """The sessions that are open or processing at a position.

        Args:
            sessions: newest first.
            position: the log's position of all of them.
            now: the ledger's time.
            has_more: whether there are others, which the list of sessions has.
            recovered: False if the client asked for what it missed and does not get it.
        """
        message = {
            "type": "snapshot",
            **({} if recovered is None else {"recovered": recovered}),
            "position": position,
            "server_time": times.to_text(now),
            "sessions": [
                self._views.for_notice(one.session, one.position, now) for one in sessions
            ],
            "has_more": has_more,
        }
        return _encode(message)


def _encode(message: dict[str, Any]) -> str:
    return msgspec.json.encode(message).decode()
