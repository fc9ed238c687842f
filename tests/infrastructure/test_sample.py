"""`audit sample`: the same payments for everybody who has the bundle, of the sealed population."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from domain.audit import bundle
from domain.audit.errors import EvidenceError
from domain.audit.policy import of_keys
from domain.audit.vkey import KeyType, SigningKey
from infrastructure.bundles.sample import sample
from infrastructure.cli import program
from tests.support import bundles
from tests.support.bundles import KEY, ORIGIN, TRUSTED, MemorySource
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog


def bundle_of(payments: int, path: Path) -> Path:
    """A wallet that pays so many sessions."""
    ledger = LedgerFixture(log := MemoryLog())
    wallet = ledger.open_wallet(10**9)
    for number in range(payments):
        session = ledger.create_session()
        pay = ledger.pay(session, wallet, ledger.claim_session(session, wallet))
        ledger.send(pay, key=str(number))
    bundles.write(log, path)
    return path


def run(path: Path, *words: str) -> Result:
    return CliRunner().invoke(
        program, ["audit", "sample", str(path), "--vkey", str(KEY.verifier), *words]
    )


def test_a_sample_names_payments_and_how_they_were_selected(tmp_path: Path) -> None:
    path = bundle_of(60, tmp_path / "ledger.tar")

    taken = sample(path, TRUSTED, 10)

    [usd] = taken.currencies
    assert (usd.currency, usd.payments, usd.total_minor) == ("USD", 60, 60 * 1000)
    assert usd.interval_minor == 6000
    assert 1 <= usd.start_minor <= 6000
    assert len(usd.selected) == 10
    positions = [one.position for one in usd.selected]
    assert positions == sorted(set(positions))
    assert all(one.amount_minor == 1000 and one.units == 1 for one in usd.selected)
    assert sample(path, TRUSTED, 10) == taken


def test_one_payment_is_selected_with_all_units_that_fall_into_it(tmp_path: Path) -> None:
    [usd] = sample(bundle_of(1, tmp_path / "ledger.tar"), TRUSTED, 60).currencies

    [only] = usd.selected
    assert usd.interval_minor == 17
    assert only.units in {58, 59}
    assert only.session_id.startswith("ps_")


def test_a_log_without_payments_has_nothing_to_select(tmp_path: Path) -> None:
    path = bundle_of(0, tmp_path / "ledger.tar")

    assert sample(path, TRUSTED, 60).currencies == []
    assert run(path).output.endswith("no payments\n")


def test_the_program_prints_the_sample_for_people_and_for_programs(tmp_path: Path) -> None:
    path = bundle_of(3, tmp_path / "ledger.tar")

    text, document = run(path, "--count", "2"), run(path, "--count", "2", "--json")

    assert (text.exit_code, document.exit_code) == (0, 0)
    taken = json.loads(document.output)
    assert "USD: 3 payments, 3000 minor units of USD (exponent 2)" in text.output
    for one in taken["currencies"][0]["selected"]:
        assert one["session_id"] in text.output
    assert taken["root"] in text.output


def test_a_population_that_is_not_the_sealed_one_is_not_sampled(tmp_path: Path) -> None:
    path = bundle_of(20, tmp_path / "ledger.tar")
    members = bundles.unpack(path)
    leaves = members["tile/entries/000.p/105"]
    document = json.loads(members[bundle.MANIFEST]) | {"first": 2}
    stranger = SigningKey.of(ORIGIN, KeyType.NOTE, bytes(32))

    with pytest.raises(EvidenceError, match="no trusted key"):
        sample(path, of_keys(stranger.verifier), 5)
    for changed in (
        {"tile/entries/000.p/105": leaves.replace(b'"amount_minor":1000', b'"amount_minor":9000')},
        {bundle.MANIFEST: json.dumps(document).encode()},
    ):
        bundles.pack(members | changed, path)
        result = run(path)
        assert result.exit_code == 1
        assert "not proven" in result.output


def test_the_root_decides_what_is_selected(tmp_path: Path) -> None:
    one = sample(bundle_of(30, tmp_path / "one.tar"), TRUSTED, 3)
    other = sample(bundle_of(31, tmp_path / "other.tar"), TRUSTED, 3)

    assert one.root != other.root
    assert one.currencies[0].start_minor != other.currencies[0].start_minor


def test_a_file_that_is_no_bundle_and_wrong_usage_exit_with_2(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(b"hello" * 1000)

    assert run(path).exit_code == 2
    assert run(tmp_path / "none").exit_code == 2
    assert run(path, "--count", "0").exit_code == 2
    assert run(path, "--count", "10001").exit_code == 2


def test_an_empty_log_has_no_payments(tmp_path: Path) -> None:
    source = MemorySource([], [])
    path = bundles.pack(bundles.exported(source, source.head().note(KEY)), tmp_path / "empty.tar")

    assert sample(path, TRUSTED, 1).currencies == []
