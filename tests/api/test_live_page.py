"""The page about live updates: its Python back end runs as it stands, its limits are the program's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from select import select
from typing import IO

import pytest

from api.live import event_stream, hub, merchant_admission, merchant_hub, open_sessions, streams
from tests.faults.test_database_away import wait_for
from tests.support.api_fixture import ApiFixture, served_api
from tests.support.live_page import PAGE, example

pytestmark = pytest.mark.postgres


@pytest.fixture
def backend(api: ApiFixture) -> Iterator[subprocess.Popen[str]]:
    """The example, connected: it has read the first snapshot or event."""
    environ = {
        **os.environ,
        "QRLEDGER": api.settings.public_origin,
        "MERCHANT_KEY": api.keys["merchant"],
    }
    command = [sys.executable, "-c", example("python")]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def api(make_ledger: Callable[[], str]) -> Iterator[ApiFixture]:
    with served_api(make_ledger()) as api:
        yield api


def test_the_python_back_end_hears_every_event(
    api: ApiFixture, backend: subprocess.Popen[str]
) -> None:
    lines = backend.stdout
    assert lines is not None
    wait_for(lambda: _hears(api, lines))
    paid, _ = api.create_paid_session()

    heard: list[list[str]] = []
    while not heard or heard[-1] != ["payment_session.paid", paid["id"]]:
        heard.append(lines.readline().split())
    assert [name for name, session in heard if session == paid["id"]] == [
        "payment_session.created", "payment_session.scanned", "payment_session.paid",
    ]  # fmt: skip


def _hears(api: ApiFixture, lines: IO[str]) -> bool:
    """Whether it hears of a new session; one that was created before it connected is a snapshot's."""
    api.create_session()
    return bool(select([lines], [], [], 0.5)[0])


def test_the_page_names_the_limits_of_the_program() -> None:
    page = " ".join(PAGE.read_text().split())

    for text in (
        f"at most {open_sessions.OPEN_SESSIONS_MAX} sessions",
        f"more than {merchant_admission.MISSED_EVENTS_MAX:,} events",
        f"more than {merchant_admission.MISSED_POSITIONS_MAX:,} positions",
        f"has {merchant_hub.SOCKETS_PER_MERCHANT_MAX} sockets",
        f"{merchant_hub.MERCHANT_BUFFER_BYTES_MAX >> 20} MiB was not read",
        f"or {merchant_admission.READ_WAIT_SECONDS:.0f} seconds passed",
        f"every {event_stream.COMMENT_SECONDS:.0f} seconds",
        f"retry: {event_stream.RETRY_MILLISECONDS}",
        f"ends {streams.LINGER_SECONDS:.0f} seconds after",
        f"`QRLEDGER_STREAM_PER_ADDRESS` ({streams.STREAMS_PER_ADDRESS})",
        f"`QRLEDGER_STREAM_MAX` ({streams.STREAMS_MAX:,})",
        f"{hub.SOCKETS_PER_SESSION_MAX} streams of one session",
        f"and {hub.WATCHERS_PER_SESSION_MAX} with the public one",
    ):
        assert text in page, text
