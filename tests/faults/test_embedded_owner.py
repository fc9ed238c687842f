"""Processes that share one home and its embedded server: a survivor takes the server over."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from uuid import UUID

import httpx
import psycopg
import pytest

from domain.merchants.api_key import BearerKey, Role
from infrastructure.postgres.embedded import EmbeddedServer
from tests.end_to_end.test_program import run, running
from tests.faults.test_database_away import wait_for
from tests.support.api_fixture import free_port
from tests.support.postgres import rows

pytestmark = [pytest.mark.faults, pytest.mark.postgres]


def reaches_the_database(port: int) -> bool:
    """An unknown key is 401 if the log can be read, and 503 if it is unavailable."""
    key = BearerKey.make(mode="test", role=Role.MERCHANT, key_id=UUID(int=1), random=b"x" * 32)
    try:
        response = httpx.get(
            f"http://127.0.0.1:{port}/v1/payment-sessions",
            headers={"Authorization": f"Bearer {key.text}"},
            timeout=20,
        )
    except httpx.TransportError:
        return False
    assert response.status_code in {401, 503}
    return response.status_code == 401


def test_a_surviving_process_takes_over_the_server_of_a_killed_owner(home: Path) -> None:
    first, second = free_port(), free_port()
    assert run(home, "migrate").returncode == 0
    with running(home, "serve", PORT=first) as owner:
        wait_for(lambda: reaches_the_database(first))
        before = EmbeddedServer(home).pid
        with running(home, "serve", PORT=second) as survivor:
            wait_for(lambda: reaches_the_database(second))

            owner.send_signal(signal.SIGKILL)
            owner.wait(10)
            wait_for(lambda: EmbeddedServer(home).pid not in {before, None})
            wait_for(lambda: reaches_the_database(second))

            third = run(home, "keys", "list")
            survivor.send_signal(signal.SIGTERM)
            survivor.wait(30)

    assert third.returncode == 0, third.stderr
    assert EmbeddedServer(home).pid is None  # the new owner stops it


def test_a_surviving_process_takes_over_after_a_clean_exit_of_the_owner(home: Path) -> None:
    port = free_port()
    home.mkdir()
    owner = EmbeddedServer(home)
    url = owner.start()
    with running(home, "serve", PORT=port):
        wait_for(lambda: reaches_the_database(port))
        owner.stop()
        wait_for(lambda: EmbeddedServer(home).pid is not None)
        wait_for(lambda: reaches_the_database(port))

        assert rows(url, "select 1") == [(1,)]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server owned by this process, without its watch."""
    server = EmbeddedServer(tmp_path / "home")
    server.start()
    yield server
    server.stop()


class NoDescriptors:
    """No descriptor is left (EMFILE), as under a flood of connections."""

    def __enter__(self) -> None:
        self._limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, self._limits[1]))

    def __exit__(self, *_: object) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, self._limits)


@pytest.mark.parametrize("adopted", [False, True], ids=["its child", "taken over"])
def test_a_shortage_of_descriptors_is_not_a_dead_server(
    server: EmbeddedServer, adopted: bool
) -> None:
    before, message = server.pid, ""
    process = server._process
    if adopted:  # as if started while the server of a killed process was running
        server._process, server._adopted = None, before

    with NoDescriptors():
        try:
            server._watch()
        except OSError as error:
            message = os.strerror(error.errno or 0)
        with pytest.raises(OSError, match="Too many open files"):
            server._running()

    assert message == ("Too many open files" if adopted else "")
    assert server.pid == before
    server._process = process


def test_the_watch_survives_a_shortage_of_descriptors(
    server: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    stopped, well = Event(), Event()
    thread = Thread(target=server.keep_alive, args=(stopped, well.set), daemon=True)
    before = server.pid
    server._adopted, server._process = before, (process := server._process) and None
    thread.start()
    with NoDescriptors():
        wait_for(lambda: caplog.text.count("Too many open files; trying again") >= 2)
        well.clear()
    assert well.wait(10)
    stopped.set()
    thread.join(10)

    assert server.pid == before
    server._process = process


def test_a_restarted_server_uses_the_same_port(tmp_path: Path) -> None:
    first = EmbeddedServer(tmp_path / "home")
    url = first.start()
    first.stop()
    second = EmbeddedServer(tmp_path / "home")
    try:
        assert second.start() == url
        with psycopg.connect(url) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    finally:
        second.stop()
