"""The file QRLEDGER_WITNESS_POLICY: which witnesses the log's owner asks, and how many are enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.audit.errors import QuorumMissing
from infrastructure.witnessing.collecting import BadWitnessPolicy, collecting, read_policy
from tests.support.witness_server import make_home, serving_witness
from tests.support.witnesses import KEYS, LOG, NEW_LOG, OTHER_LOG, History

ONE = History()
W = [f"witness W{n} {key.verifier}" for n, key in enumerate(KEYS)]


def write(folder: Path, *lines: str) -> Path:
    path = folder / "policy"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_cosignatures_are_collected_until_the_quorum_is_met(tmp_path: Path) -> None:
    with serving_witness(make_home(tmp_path / "w0")) as server:
        path = write(tmp_path, f"log {OTHER_LOG.verifier}", f"{W[0]} {server.url}", "quorum W0")
        with collecting(path, [LOG.verifier, NEW_LOG.verifier]) as cosigning:
            note = cosigning.endorse(ONE.note(8, LOG, NEW_LOG), ONE.prove(8))

            assert [one.name for one in note.signatures] == [ONE.head(8).origin] * 2 + [
                "w0.example"
            ]

    with (
        collecting(path, [LOG.verifier]) as away,
        pytest.raises(QuorumMissing),
    ):
        away.endorse(ONE.note(8), ONE.prove(8))
    assert away.problems == {"w0.example": "no answer: ConnectError"}


def test_without_a_quorum_every_head_is_endorsed(tmp_path: Path) -> None:
    with collecting(write(tmp_path, "quorum none"), [LOG.verifier]) as cosigning:
        assert cosigning.endorse(ONE.note(8), ONE.prove(8)) == ONE.note(8)


@pytest.mark.parametrize(
    ("lines", "part"),
    [
        ([], "quorum line"),
        (["quorum W0"], "line 1"),
        (["quorum none", "quorum none"], "line 2: a second quorum line"),
        (["quorum none\r"], "line 1: a control character"),
        (["witness W0 x https://a.example", "quorum W0"], "line 1"),
        ([f"witness W0 {LOG.verifier} https://a.example", "quorum W0"], "line 1"),
        ([f"{W[0]} https://a.example more", "quorum W0"], "line 1: words after the address"),
        ([f"{W[0]} https://a.example", f"{W[0]} https://b.example", "quorum W0"], "line 2"),
        ([f"{W[0]} https://a.example", "group g 2 W0", "quorum g"], "line 2"),
        ([f"{W[0]} https://a.example", "group g 0 W0", "quorum g"], "line 2"),
        ([f"{W[0]} https://a.example", "group g any W0 W0", "quorum g"], "line 2"),
        (["unknown line", "quorum none"], "line 1"),
        ([W[0], "quorum W0"], "too few witnesses of the quorum W0 have an address"),
        ([f"{W[0]} https://a.example", W[1], "group g all W0 W1", "quorum g"], "too few"),
        ([f"{W[0]} http://a.example", "quorum W0"], "not the address of a witness"),
    ],
)
def test_any_other_policy_is_refused_with_its_line(
    tmp_path: Path, lines: list[str], part: str
) -> None:
    path = write(tmp_path, *lines)

    with pytest.raises(BadWitnessPolicy) as raised, collecting(path, [LOG.verifier]):
        pytest.fail("the policy was used")

    assert str(raised.value).startswith(f"the policy {path} (QRLEDGER_WITNESS_POLICY) cannot be ")
    assert part in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_or_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadWitnessPolicy, match="cannot be read"):
        read_policy(tmp_path / "policy")
    with pytest.raises(BadWitnessPolicy, match="cannot be read"):
        read_policy(tmp_path)
    with pytest.raises(BadWitnessPolicy, match="cannot be read"):
        read_policy(Path("a\0b"))
    with pytest.raises(BadWitnessPolicy, match="at most"):
        read_policy(write(tmp_path, *["#" * 1000] * 300, "quorum none"))


def test_the_addresses_of_some_witnesses_are_enough_for_a_smaller_quorum(tmp_path: Path) -> None:
    lines = [f"{W[0]} https://a.example", W[1], "group g any W0 W1", "quorum g"]

    assert read_policy(write(tmp_path, *lines)).quorum == "g"
