"""`qrledger witness …`: what is printed, and bad input in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from domain.audit import vkey
from domain.audit.vkey import KeyType
from infrastructure.cli import program
from infrastructure.witnessing.home import WitnessHome
from tests.support.witness_server import serving_witness
from tests.support.witnesses import LOG, History


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"QRLEDGER_HOME": str(tmp_path), "QRLEDGER_WITNESS_HOME": str(tmp_path / "witness")}


def run(environment: dict[str, str], *words: str) -> Result:
    return CliRunner().invoke(program, ["witness", *words], env=environment)


def test_the_guide_is_followed(environment: dict[str, str]) -> None:
    made = run(environment, "init", "witness.example/w1")
    shown = run(environment, "key")
    home = WitnessHome(Path(environment["QRLEDGER_WITNESS_HOME"]))
    (home.folder / "logs").write_text(f"log {LOG.verifier}\nquorum none\n")

    assert (made.exit_code, shown.exit_code) == (0, 0)
    assert made.output == shown.output
    key = vkey.parse(made.output.removesuffix("\n"))
    assert (key.name, key.type) == ("witness.example/w1", KeyType.COSIGNATURE)
    with serving_witness(home) as server:
        assert server.post(History().request(0, 8)).status == 200


def check_refused(result: Result, part: str) -> None:
    assert result.exit_code == 2
    assert result.output.startswith("qrledger: ")
    assert result.output.count("\n") == 1
    assert part in result.output
    assert "PRIVATE" not in result.output


def test_bad_input_is_one_line(environment: dict[str, str]) -> None:
    folder = Path(environment["QRLEDGER_WITNESS_HOME"])

    check_refused(run(environment), "`qrledger witness init NAME`")
    check_refused(run(environment, "key"), "`qrledger witness init NAME`")
    check_refused(run(environment, "init", "a name"), "no spaces")
    check_refused(run(environment, "init", ""), "1 to 255 characters")
    assert not folder.exists()

    run(environment, "init", "witness.example/w1")
    check_refused(run(environment, "init", "witness.example/w1"), "has a witness already")
    check_refused(run(environment), "names no log")
    (folder / "logs").write_text("log x\n")
    check_refused(run(environment), "line 1")
    (folder / "logs").write_text(f"log {LOG.verifier}\nquorum none\n")
    (folder / "heads").rmdir()
    check_refused(run(environment), "without its memory")
    (folder / "key").chmod(0o644)
    check_refused(run(environment, "key"), "0600")
    check_refused(run({**environment, "QRLEDGER_WITNESS_PORT": "0"}), "witness_port")


def test_the_default_folder_is_in_home(tmp_path: Path) -> None:
    result = run({"QRLEDGER_HOME": str(tmp_path), "QRLEDGER_WITNESS_HOME": ""}, "init", "w.example")

    assert result.exit_code == 0
    assert (tmp_path / "witness" / "key").exists()
