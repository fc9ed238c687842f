"""Known bugs of merchants' sockets and of event streams."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

ADMISSION, EVENTS = "api/live/merchant_admission.py", "api/live/merchant_events.py"
HUB, STREAMS, STREAM = "api/live/merchant_hub.py", "api/live/streams.py", "api/live/event_stream.py"
TICKETS = "infrastructure/postgres/live_tickets.py"
MERCHANTS, RACES = "tests/api/test_live_merchants.py", "tests/api/test_live_merchant_races.py"
SESSIONS = "tests/api/test_session_stream.py"
STORE = "tests/infrastructure/test_live_tickets.py"

LIVE_BUGS: Final = [
    Bug("a ticket works until it expires", TICKETS,
        '"delete from ledger.live_tickets where id = %s and expires_at > ledger.now()"',
        '"update ledger.live_tickets set id = id where id = %s and expires_at > ledger.now()"',
        STORE),
    Bug("a late ticket is as good as any", TICKETS,
        " and expires_at > ledger.now()", "", STORE),
    Bug("every expired ticket is kept", TICKETS,
        "connection.execute(_SWEEP, (SWEPT_MAX,))", "pass", STORE),
    Bug("a ticket that finds no place is used up", ADMISSION,
        "            if self._hub.is_full(merchant_id):\n",
        "            if self._hub.is_full(merchant_id) and self._services.tickets.take(ticket.id):\n",
        MERCHANTS),
    Bug("a ticket of a revoked key opens a socket", ADMISSION,
        "if not isinstance(key, ApiKey) or key.revoked:", "if not isinstance(key, ApiKey):",
        MERCHANTS),
    Bug("a socket outlives its key", HUB,
        "if listener.key_id in revoked:", "if False:", MERCHANTS),
    Bug("a forged ticket names any merchant", "api/tokens.py",
        "        self._check_mac(parts[5], _TICKET_USE, *parts[1:4], str(until))\n", "",
        f"{MERCHANTS} tests/api/test_live_tickets.py"),
    Bug("a merchant hears another one's payments", EVENTS,
        "lambda owner: owner == merchant_id", "lambda owner: True", f"{MERCHANTS} {RACES}"),
    Bug("what is recorded while a client catches up is lost", ADMISSION,
        "            listener.backlog = backlog[MESSAGES_PER_STEP:]\n            for message in backlog",
        "            listener.backlog = []\n            for message in []", RACES),
    Bug("what a client has caught up with is sent again from the feed", ADMISSION,
        "        listener.position = head\n", "", RACES),
    Bug("a page that is handed on twice is sent twice", HUB,
        "elif message.position > self.position:", "else:", RACES),
    Bug("a merchant that resumes misses one event", ADMISSION,
        "        missed: list[Heard] = []\n", "        missed: list[Heard] = []\n        after += 1\n",
        f"{MERCHANTS} {RACES}"),
    Bug("a client that missed too much gets a part of it", ADMISSION,
        "            if len(missed) > MISSED_EVENTS_MAX:\n                return None\n",
        "            if len(missed) > MISSED_EVENTS_MAX:\n                return missed[-1:]\n",
        MERCHANTS),
    Bug("a position of the future counts as caught up", ADMISSION,
        "if after > head or head - after", "if head - after", MERCHANTS),
    Bug("the snapshot shows what the read model knew", ADMISSION,
        "        while position < head:\n", "        while False:\n", f"{MERCHANTS} {RACES}"),
    Bug("the head of a snapshot is read before its candidates", ADMISSION,
        "        position, candidates, has_more = await blocking.read(\n"
        "            self._services.open_sessions, merchant_id, now\n        )\n"
        "        head = await blocking.read(self._event_log.head)\n",
        "        head = await blocking.read(self._event_log.head)\n"
        "        position, candidates, has_more = await blocking.read(\n"
        "            self._services.open_sessions, merchant_id, now\n        )\n", RACES),
    Bug("a snapshot has as many sessions as there are", ADMISSION,
        "            open_now[:OPEN_SESSIONS_MAX],\n", "            open_now,\n", MERCHANTS),
    Bug("a state is made from the latest one that is remembered", EVENTS,
        "if known[one][0] == first[one].version - 1", "if True", RACES),
    Bug("the merchant is not registered before it is read for", ADMISSION,
        "            self._hub.register(listener)\n            try:\n"
        "                head, now = await blocking.read(self._use, ticket)\n",
        "            try:\n                head, now = await blocking.read(self._use, ticket)\n"
        "                await asyncio.sleep(0.02)\n"
        "                self._hub.register(listener)\n", f"{RACES} {MERCHANTS}"),
    Bug("the id of a stream's message is its position", STREAM,
        "    seq: int\n", '    seq: int = msgspec.field(name="position")\n', SESSIONS),
    Bug("the address of a stream counts for more than where it was left",
        "api/v1/session_stream.py",
        "none_if_unset(query.after) if after is None else after,",
        "after if (first := none_if_unset(query.after)) is None else first,", SESSIONS),
    Bug("any text is the id of an event", "api/v1/session_stream.py",
        "    if not _SEQ.fullmatch(values[0]):\n", "    if not values[0].strip().isdigit():\n", SESSIONS),
    Bug("the buffer of a stream has no limit", STREAM,
        "return self._bytes if self._started else 0", "return 0", SESSIONS),
    Bug("what was missed counts as unread", STREAM,
        "return self._bytes if self._started else 0", "return self._bytes", SESSIONS),
    Bug("a client that is gone keeps its place", STREAM,
        "        leave()\n", "", SESSIONS),
    Bug("a refused stream keeps its place", STREAMS,
        "        except BaseException:\n            self._count(network, -1)\n",
        "        except BaseException:\n", SESSIONS),
    Bug("a stream outlives its token", STREAMS,
        "        stream.expires_at = self._tokens.session_token_expiry(token)\n", "", SESSIONS),
    Bug("a browser reconnects to a session that has ended for ever", STREAMS,
        "if feed is not None and feed.ended and after == feed.seq:", "if False:", SESSIONS),
    Bug("streams go on while the server stops", STREAMS,
        '            listener.socket.disconnect(protocol.CLOSE_RESTART, "restart")\n',
        "            pass\n", SESSIONS),
]  # fmt: skip
