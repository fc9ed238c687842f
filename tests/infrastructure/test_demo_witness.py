"""The demo's own witness: made once, knows the log, and is demanded by the demo's policy."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest
from prometheus_client import CollectorRegistry

from application.commands.add_log_key import AddLogKey
from application.commands.open_log import OpenLog
from application.event_log import fold, history
from application.sealing.evidence import Evidence
from domain.audit import policy as policies
from domain.sealing.sealed_log import STREAM_ID
from infrastructure.http_server import listen
from infrastructure.sealing.published import make_evidence
from infrastructure.settings import Settings
from infrastructure.witnessing import demo
from infrastructure.witnessing.collecting import BadWitnessPolicy, read_policy
from infrastructure.witnessing.home import WitnessHome, WitnessHomeError
from tests.support.bundles import KEY, ORIGIN
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_evidence import MemorySealedLog
from tests.support.memory_log import MemoryLog
from tests.support.witness_server import free_port


def no_database() -> NoReturn:
    raise NotImplementedError


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path), witness_port=free_port())


def test_the_witness_is_made_once_and_demanded(settings: Settings) -> None:
    logs = [KEY.verifier]

    first = demo.prepare(settings, logs, 8082)
    second = demo.prepare(settings, logs, 8083)

    policy = read_policy(demo.policy_path(settings))
    assert first == second
    assert (policy.logs, policy.witnesses, policy.quorum) == (logs, {"demo": first}, "demo")
    assert policy.urls == {first: "http://127.0.0.1:8083"}
    assert WitnessHome(settings.witness_folder).logs() == logs


def test_a_witness_that_lost_its_key_is_not_made_anew(settings: Settings) -> None:
    demo.prepare(settings, [KEY.verifier], 8082)
    (settings.witness_folder / "key").unlink()

    with pytest.raises(WitnessHomeError, match="does not exist"):
        demo.prepare(settings, [KEY.verifier], 8082)


def test_the_port_of_another_demo_is_not_taken(settings: Settings) -> None:
    assert demo.free_port(settings) == settings.witness_port
    with listen("127.0.0.1", settings.witness_port, setting=""):
        assert demo.free_port(settings) != settings.witness_port


def test_the_policy_is_shown_without_addresses(settings: Settings) -> None:
    ledger, key = LedgerFixture(MemoryLog()), KEY.verifier
    ledger.send(OpenLog(origin=ORIGIN))
    ledger.send(AddLogKey(key_id=key.key_id.hex(), vkey=str(key)))
    sealed = fold(history(ledger.log, STREAM_ID))
    witness = demo.prepare(settings, [], 8082)

    evidence = Evidence(MemorySealedLog(MemoryLog()), read_policy(demo.policy_path(settings)))
    shown = policies.parse(evidence.policy(sealed))

    assert (shown.logs, shown.witnesses, shown.quorum) == ([key], {"demo": witness}, "demo")
    assert shown.urls == {}


def test_the_api_does_not_start_with_a_policy_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "policy"
    path.write_text("quorum 2\n")

    with pytest.raises(BadWitnessPolicy):
        make_evidence(no_database, no_database, CollectorRegistry(), str(path))
