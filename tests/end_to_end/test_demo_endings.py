"""However the demo ends, and whenever: no process is left behind, neither ours nor PostgreSQL's."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.end_to_end.test_program import (
    PROGRAM,
    environment,
    facts_of,
    ports,
    run,
    state_of,
    wait_for,
)
from tests.support.api_fixture import free_port

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(180)]
KILL_THE_PARENT_FIRST = """#!/bin/sh
kill -9 $PPID
while kill -0 $PPID 2>/dev/null; do :; done
exec {setpriv} "$@"
"""


def processes_of(home: Path) -> dict[int, str]:
    """Command lines of all processes that belong to a home, by process id, read from /proc."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            command, variables = (
                (process / name).read_bytes().replace(b"\0", b" ").decode(errors="replace")
                for name in ("cmdline", "environ")
            )
            if command and str(home) in command + variables:
                found[int(process.name)] = command
    return found


def member_of(home: Path, command: str) -> int | None:
    """The process id of a member of the demo."""
    members = [p for p, line in processes_of(home).items() if f"{command} --demo" in line]
    return members[0] if members else None


def first_child(pid: int) -> int | None:
    """The first child of a process, if it has one."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else None


def nothing_is_left(home: Path) -> bool:
    return processes_of(home) == {}


@contextmanager
def demo_in_a_group(home: Path, *, new_session: bool = False) -> Iterator[subprocess.Popen[str]]:
    """The demo in a process group of its own: a shell's job, or a service in a new session."""
    process = subprocess.Popen(
        [*PROGRAM, "demo"], env=environment(home, **ports()), text=True, cwd=home.parent,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        start_new_session=new_session, process_group=None if new_session else 0,
    )  # fmt: skip
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        if process.stderr:
            process.stderr.close()


def errors_of(demo: subprocess.Popen[str]) -> list[str]:
    """What the demo has written to standard error when it has ended, without the log."""
    text = demo.stderr.read() if demo.stderr else ""
    return [line for line in text.splitlines() if not line.startswith("{")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("whole_group", [False, True], ids=["the demo", "the group"])
def test_a_signal_ends_every_process(home: Path, number: signal.Signals, whole_group: bool) -> None:
    with demo_in_a_group(home) as demo:
        facts_of(home)
        members = [member_of(home, "work"), member_of(home, "notify")]
        if whole_group:
            os.killpg(demo.pid, number)
        else:
            demo.send_signal(number)
        status = demo.wait(30)
        wait_for(lambda: nothing_is_left(home))
        errors = errors_of(demo)

    assert None not in members
    assert status == (-number if number == signal.SIGKILL else 0)
    assert errors == []


def test_a_second_ctrl_c_does_not_wait_for_a_process_that_does_not_stop(home: Path) -> None:
    with demo_in_a_group(home) as demo:
        api = facts_of(home)["base_url"].rpartition(":")[2]
        worker = member_of(home, "work")
        assert worker
        os.kill(worker, signal.SIGSTOP)
        os.killpg(demo.pid, signal.SIGINT)
        wait_for(lambda: not accepts(int(api)))
        os.killpg(demo.pid, signal.SIGINT)
        status = demo.wait(10)
        wait_for(lambda: nothing_is_left(home))

    assert status == 130


def accepts(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("command", ["work", "notify"])
def test_the_demo_ends_with_one_line_when_one_of_its_processes_is_killed(
    home: Path, command: str
) -> None:
    with demo_in_a_group(home) as demo:
        facts_of(home)
        os.kill(member_of(home, command) or 0, signal.SIGKILL)
        status = demo.wait(30)
        errors = errors_of(demo)
        wait_for(lambda: nothing_is_left(home))

    assert status == 1
    assert errors == [f"qrledger: `qrledger {command}` has ended by SIGKILL, so the demo ends"]


def test_a_process_of_the_demo_that_starts_after_its_end_ends_by_itself(home: Path) -> None:
    with demo_in_a_group(home, new_session=True) as demo:  # no SIGHUP for an orphaned job
        child = wait_for(lambda: first_child(demo.pid))
        os.kill(child, signal.SIGSTOP)
        demo.kill()
        demo.wait(10)
        assert child in processes_of(home)

        os.kill(child, signal.SIGCONT)

        wait_for(lambda: nothing_is_left(home))


@pytest.mark.parametrize("has_data", [False, True], ids=["initdb", "postgres"])
def test_postgresql_does_not_start_after_the_end_of_its_owner(
    home: Path, tmp_path: Path, has_data: bool
) -> None:
    setpriv = shutil.which("setpriv")
    assert setpriv
    if has_data:
        assert run(home, "migrate").returncode == 0
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "setpriv").write_text(KILL_THE_PARENT_FIRST.format(setpriv=setpriv))
    (tools / "setpriv").chmod(0o755)
    variables = {**environment(home, **ports()), "PATH": f"{tools}:{os.environ['PATH']}"}

    demo = subprocess.run(
        [*PROGRAM, "demo"], env=variables, cwd=home.parent, timeout=60, check=False
    )

    assert demo.returncode == -signal.SIGKILL
    wait_for(lambda: nothing_is_left(home))


def test_no_command_line_holds_a_password(home: Path) -> None:
    with demo_in_a_group(home):
        facts_of(home)
        commands = list(processes_of(home).values())
        passwords = [path.read_text() for path in (home / "postgres").glob("*password*")]

    assert len(commands) > 3
    assert passwords
    assert not any(password in line for password in passwords for line in commands)


def test_the_processes_of_the_demo_read_the_same_settings_file(home: Path) -> None:
    port = free_port()
    (home.parent / "qrledger.toml").write_text(f"live_port = {port}\n")
    completed = run(home, "demo", "--once", PORT=free_port())

    assert completed.returncode == 0, completed.stderr
    assert (state_of(home) or {})["live_base_url"] == f"ws://127.0.0.1:{port}"
