"""Known bugs of the streams of events."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

PROCESSES = "infrastructure/streaming/processes.py"
STREAMS = "tests/api/test_event_streams.py"
RESPONSES = "tests/api/test_streamed_responses.py"
LINES = "tests/infrastructure/test_streaming_lines.py"

STREAM_BUGS: Final = [
    Bug("a stream that was cut off looks complete", PROCESSES,
        "        if await self._wait() != 0:\n            raise LinesCutOff\n",
        "        await self._wait()\n", STREAMS),
    Bug("a cut-off stream is completed", "api/http/streaming.py",
        '            _log.warning("a stream of events ended too early")\n',
        '            await send({"type": "http.response.body", "body": b"", "more_body": False})\n', RESPONSES),
    Bug("a stream that could not begin is counted for ever", PROCESSES,
        "        on_close()\n", "        on_close() if self._writer is None else None\n", STREAMS),
    Bug("the streams of a key are not counted", PROCESSES,
        "        if self._open.count(reader) >= STREAMS_PER_READER_MAX:\n", "        if False:\n", STREAMS),
    Bug("a stream goes on after the head that it names", "api/v1/events.py",
        "            up_to=head,\n", "            up_to=2**62,\n", STREAMS),
    Bug("a client that has left is written to for ever", "api/http/streaming.py",
        "                if gone.done():\n", "                if False:\n", RESPONSES),
    Bug("a line is not the document of its event", "infrastructure/streaming/lines.py",
        "    if not any(part in plain for part in REWRITTEN):\n", "    if True:\n",
        LINES),
    Bug("a member of a payload's own is not shown", "infrastructure/streaming/lines.py",
        "ORIGIN.match(state)", "ORIGIN.search(state)", LINES),
    Bug("payloads are shown without a look at them", "infrastructure/streaming/lines.py",
        "any(part in together for part in (*REWRITTEN, ESCAPE))", "False", LINES),
    Bug("ids of a page run into one another", "infrastructure/streaming/base32.py",
        "low | (groups ^ low) << (slot * 4 - bits)", "low | groups << (slot * 4 - bits)", LINES),
]  # fmt: skip
