"""`qrledger listen` and `events tail`: what they refuse, and where they go on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from click.testing import CliRunner, Result

from application.consumer import LogCorrupt
from application.event_log import Recorded
from domain import ids
from infrastructure.cli import program
from infrastructure.cli._listen_state import ListenState, exclusive_state
from infrastructure.cli.events import PAGE_EVENTS, Tail
from infrastructure.event_store.postgres_log import PostgresLog
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog

pytestmark = pytest.mark.postgres
URL = "http://127.0.0.1:3000/"
REFUSED = [
    (["listen"], "forward-to"),
    (["listen", "--forward-to", "http://10.0.0.1/"], "without --remote"),
    (["listen", "--forward-to", "ftp://127.0.0.1/"], "must be a URL"),
    (["listen", "--forward-to", "http://127.0.0.1/"], "no demo has run in this home"),
    (["listen", "--forward-to", "http://127.0.0.1/", "--types", "payment_session.payed"],
     "'payment_session.payed'"),
    (["listen", "--forward-to", "http://127.0.0.1/", "--types", ""], "has the type ''"),
    (["listen", "--forward-to", "http://127.0.0.1/", "--after", "-1"], "--after"),
    (["listen", "--forward-to", "http://127.0.0.1/", "--after", "1e3"], "--after"),
    (["listen", "--forward-to", "http://127.0.0.1/", "--merchant", "mer_1"], "not a merchant's id"),
    (["listen", "--forward-to", "http://127.0.0.1/", "--merchant",
      "mer_01h455vb4pex5vsknk084sn02q"], "there is no merchant"),
    (["events", "tail", "--type", "payment_session.payed"], "'payment_session.payed'"),
    (["events", "tail", "--session", "ps_1"], "not a session's id"),
    (["events", "tail", "--after", "٣"], "--after"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "reason"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_done_is_refused_on_one_line(
    home: Path, database_url: str, arguments: list[str], reason: str
) -> None:
    completed = run(home, database_url, *arguments)

    assert completed.exit_code == 2
    assert reason in completed.stderr
    assert not list(home.glob("listen/*.json"))


def run(home: Path, url: str, *arguments: str) -> Result:
    environment = {"QRLEDGER_DATABASE_URL": url, "QRLEDGER_HOME": str(home)}
    return CliRunner().invoke(program, arguments, env=environment)


def test_a_position_beyond_the_log_is_refused(
    home: Path, database_url: str, postgres_log: PostgresLog
) -> None:
    ledger = LedgerFixture(postgres_log)
    about = ["listen", "--forward-to", URL, "--merchant", ledger.merchant]

    completed = run(home, database_url, *about, "--after", "99")

    assert completed.exit_code == 2
    assert f"the log ends at position {postgres_log.head()}" in completed.stderr


@pytest.fixture
def state(home: Path) -> Iterator[ListenState]:
    with exclusive_state(home, ids.encode("mer", ids.derive("a")), URL) as state:
        yield state


def test_a_position_is_kept_for_each_merchant_and_url(home: Path, state: ListenState) -> None:
    state.write(7)
    state.write(12)

    with exclusive_state(home, ids.encode("mer", ids.derive("a")), f"{URL}other") as other:
        assert (state.read(), other.read()) == (12, None)
    [file] = home.glob("listen/*.json")
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("state")
def test_two_runs_do_not_share_a_state(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (
        pytest.raises(SystemExit),
        exclusive_state(home, ids.encode("mer", ids.derive("a")), URL),
    ):
        pass

    assert "another `qrledger listen`" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"position": "7"}', '{"position": -1}', "\x00"]
)
def test_a_damaged_state_is_named_and_not_taken_for_the_beginning(
    home: Path, state: ListenState, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    state.write(7)
    [file] = home.glob("listen/*.json")
    file.write_text(text)

    with pytest.raises(SystemExit):
        state.read()

    assert f"{file} cannot be read: name a position with --after" in capsys.readouterr().err


class Holed:
    """A log of which positions are missing."""

    def __init__(self, log: MemoryLog, *missing: int) -> None:
        self._log, self._missing = log, missing

    def read(self, after: int, limit: int) -> list[Recorded]:
        return [one for one in self._log.read(after, limit) if one.position not in self._missing]


@pytest.mark.parametrize("missing", [1, 2, 4])
def test_a_log_with_a_gap_is_not_printed_beyond_it(
    missing: int, capsys: pytest.CaptureFixture[str]
) -> None:
    log = MemoryLog()
    ledger = LedgerFixture(log)
    for _ in range(3):
        ledger.create_session()
    holed: Any = Holed(log, missing)

    with pytest.raises(LogCorrupt, match=f"position {missing} of the log is missing"):
        Tail(holed, lambda _: True, lambda recorded: str(recorded.position)).step(0, Event())

    assert capsys.readouterr().out == ""


def test_the_log_is_printed_page_by_page(capsys: pytest.CaptureFixture[str]) -> None:
    log = MemoryLog()
    ledger = LedgerFixture(log)
    while log.head() < 2 * PAGE_EVENTS + 1:
        ledger.create_session()
    tail = Tail(log, lambda _: True, lambda recorded: str(recorded.position))

    after, more, steps = 0, True, 0
    while more:
        after, more = tail.step(after, Event())
        steps += 1

    assert (after, steps) == (log.head(), 3)
    assert capsys.readouterr().out.split() == [str(n) for n in range(1, log.head() + 1)]
