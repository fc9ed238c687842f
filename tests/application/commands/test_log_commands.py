"""OpenLog, AddLogKey, RetireLogKey, RestartLog: the log's own stream."""

from __future__ import annotations

from dataclasses import replace

import pytest

from application.command import Command
from application.commands.add_log_key import AddLogKey
from application.commands.open_log import OpenLog
from application.commands.restart_log import RestartLog
from application.commands.retire_log_key import RetireLogKey
from domain.sealing.sealed_log import STREAM_ID, SealedLog
from tests.support.given import event, given, refused
from tests.support.golden_facts import LOG_KEY, LOG_ORIGIN

OTHER = "pay.example/live/01890a5d-ac96-774b-bcce-b302099a8058"
ROOT = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
OPEN = OpenLog(origin=LOG_ORIGIN)
ADD = AddLogKey(**LOG_KEY)
RETIRE = RetireLogKey(key_id=LOG_KEY["key_id"], size=812, reason="rotated")
RESTART = RestartLog(
    origin=OTHER, old_size=812, old_root=ROOT, common_size=790, reason="a restored backup"
)


def test_the_log_is_opened_once() -> None:
    given().when(OPEN).then(event(SealedLog.Opened, STREAM_ID, origin=LOG_ORIGIN, leaf_format=1))

    again = given(OPEN).when(replace(OPEN, origin=OTHER))

    again.then()
    assert again.subject.origin == LOG_ORIGIN


def test_a_key_is_added_and_retired() -> None:
    added = event(SealedLog.KeyAdded, STREAM_ID, origin=LOG_ORIGIN, **LOG_KEY)
    retired = event(
        SealedLog.KeyRetired, STREAM_ID, origin=LOG_ORIGIN, **LOG_KEY, size=812, reason="rotated"
    )

    given(OPEN).when(ADD).then(added)
    given(OPEN, ADD).when(ADD).then()
    given(OPEN, ADD).when(RETIRE).then(retired)


def test_a_restart_names_the_head_that_was_lost() -> None:
    restarted = event(
        SealedLog.Restarted, STREAM_ID, origin=OTHER, old_origin=LOG_ORIGIN, old_size=812,
        old_root=ROOT, common_size=790, reason="a restored backup",
    )  # fmt: skip

    given(OPEN, ADD).when(RESTART).then(restarted)


@pytest.mark.parametrize("command", [ADD, RETIRE, RESTART])
def test_a_log_without_an_origin_refuses(command: Command) -> None:
    given().when(command).then(refused("log-not-opened"))


def test_the_refusals_of_the_log_are_passed_on() -> None:
    given(OPEN).when(replace(OPEN, origin="x")).then()
    given().when(replace(OPEN, origin="x")).then_invalid("log_origin")
    given(OPEN).when(replace(ADD, key_id="x")).then_invalid("key_id")
    given(OPEN).when(RETIRE).then(
        refused("log-key-refused", key_id=LOG_KEY["key_id"], reason="the log has no such key")
    )
    given(OPEN).when(replace(RESTART, origin=LOG_ORIGIN)).then_invalid("log_origin")
