from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.audit import submission
from domain.audit.errors import (
    EvidenceError,
    MalformedCheckpoint,
    MalformedNote,
    MalformedSubmission,
)
from domain.audit.submission import HASHES_MAX, SUBMISSION_BYTES_MAX
from tests.support.witnesses import History

LOG = History()
HASH = b64encode(bytes(32)).decode()
EXAMPLE = """old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
"""


def test_the_example_of_the_specification() -> None:
    found = submission.parse(EXAMPLE.encode())

    assert (found.old_size, found.checkpoint.size, len(found.proof)) == (20852014, 20852163, 4)
    assert found.checkpoint.origin == "example.com/behind-the-sofa"
    assert len(found.note.signatures) == 2
    assert found.encode() == EXAMPLE.encode()


@pytest.mark.parametrize(("old", "size"), [(0, 0), (0, 5), (3, 8), (8, 8), (255, 257)])
def test_what_is_written_is_read_again(old: int, size: int) -> None:
    data = LOG.request(old, size)

    found = submission.parse(data)

    assert (found.old_size, found.proof, found.checkpoint) == (
        old, LOG.proof(old, size), LOG.head(size),
    )  # fmt: skip
    assert found.encode() == data


def spoilt(first: str = "old 3", hashes: str = "") -> bytes:
    return f"{first}\n{hashes}\n".encode() + LOG.note(8).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"old 3",
        b"old 3\n",
        b"\x00" * 100,
        b"\xff\xfe\n\n",
        LOG.note(8).encode(),
        LOG.request(3, 8).replace(b"\n", b"\r\n"),
        LOG.request(3, 8).replace(b"old 3\n", b"old 3\r\n"),
        LOG.request(3, 8).replace(b"\n\n", b"\n", 1),
        b"\n" + LOG.request(3, 8),
        spoilt("old"),
        spoilt("old "),
        spoilt("old  3"),
        spoilt(" old 3"),
        spoilt("Old 3"),
        spoilt("old 03"),
        spoilt("old +3"),
        spoilt("old -3"),
        spoilt("old 3 "),
        spoilt("old 3.0"),
        spoilt("old 1e0"),
        spoilt("old 0x3"),
        spoilt("old ٣"),
        spoilt("old " + "9" * 20),
        spoilt("old " + "9" * 5000),
        spoilt("old 9"),
        spoilt("old 3\nold 3"),
        spoilt(hashes="\n"),
        spoilt(hashes="not base64\n"),
        spoilt(hashes=HASH[:-1] + "\n"),
        spoilt(hashes=f" {HASH}\n"),
        spoilt(hashes=f"{HASH}{HASH}\n"),
        spoilt(hashes=b64encode(bytes(31)).decode() + "\n"),
        spoilt(hashes=b64encode(bytes(33)).decode() + "\n"),
        spoilt(hashes=HASH.replace("A=", "B=") + "\n"),
        spoilt(hashes=f"{HASH}\n" * (HASHES_MAX + 1)),
        b"x" * (SUBMISSION_BYTES_MAX + 1),
    ],
    ids=range(38),
)
def test_anything_else_is_malformed(data: bytes) -> None:
    with pytest.raises((MalformedSubmission, MalformedNote, MalformedCheckpoint)):
        submission.parse(data)


def test_a_proof_of_63_hashes_is_read() -> None:
    assert len(submission.parse(spoilt(hashes=f"{HASH}\n" * HASHES_MAX)).proof) == HASHES_MAX


@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 40))
def test_any_bytes_are_read_or_refused(noise: bytes, at: int, cut: int) -> None:
    data = LOG.request(3, 8)
    data = data[:at] + noise + data[at + cut :]

    try:
        found = submission.parse(data)
    except EvidenceError:
        return

    assert found.encode() == data
