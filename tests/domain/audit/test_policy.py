from __future__ import annotations

import pytest

from domain.audit import policy
from domain.audit.errors import (
    BadSignature,
    MalformedCheckpoint,
    MalformedPolicy,
    OtherLog,
    QuorumMissing,
    UnknownSigner,
)
from domain.audit.note import Checkpoint, Note
from domain.audit.vkey import KeyType, SigningKey

LOG = SigningKey.of("example.com/log", KeyType.NOTE, bytes(32))
NEW_LOG = SigningKey.of("example.com/log", KeyType.NOTE, bytes([1] * 32))
W = [SigningKey.of(f"w{n}.example", KeyType.COSIGNATURE, bytes([9, n] * 16)) for n in range(6)]
X, Y = W[:3], W[3:]
HEAD = Checkpoint("example.com/log", 8, bytes(32))
SIGNED = HEAD.note(LOG)
WITNESSES = "".join(f"witness X{n} {key.verifier}\n" for n, key in enumerate(X, 1)) + "".join(
    f"witness Y{n} {key.verifier} https://y{n}.example/\n" for n, key in enumerate(Y, 1)
)
EXAMPLE = f"""# the example of the specification
log {LOG.verifier} https://example.com/log

{WITNESSES}
group X-witnesses 2 X1 X2 X3
\tgroup  Y-witnesses\tany Y1 Y2 Y3
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def cosigned(*keys: SigningKey) -> Note:
    note = SIGNED
    for at, key in enumerate(keys):
        note = note.signed_by(key, time=at)
    return note


def test_the_example_of_the_specification() -> None:
    found = policy.parse(EXAMPLE.encode())

    endorsed = found.check(cosigned(X[0], X[2], Y[1]))

    assert endorsed.checkpoint == HEAD
    assert endorsed.logs == [LOG.verifier]
    assert endorsed.witnesses == {X[0].verifier: 0, X[2].verifier: 1, Y[1].verifier: 2}
    assert found.urls[LOG.verifier] == "https://example.com/log"


@pytest.mark.parametrize("keys", [[], X, Y, [X[0], *Y], [X[0], X[1]]], ids=len)
def test_a_quorum_that_is_not_met_is_refused(keys: list[SigningKey]) -> None:
    with pytest.raises(QuorumMissing):
        policy.parse(EXAMPLE.encode()).check(cosigned(*keys))


@pytest.mark.parametrize("text", [EXAMPLE, "quorum none\n"])
def test_what_is_encoded_is_read_again(text: str) -> None:
    found = policy.parse(text.encode())

    assert policy.parse(policy.encode(found)) == found


def test_a_policy_without_witnesses() -> None:
    found = policy.parse(f"log {LOG.verifier}\nquorum none\n".encode())

    assert found.check(SIGNED).witnesses == {}
    assert found.check(cosigned(*W)).witnesses == {}


def test_one_witness_may_be_the_quorum() -> None:
    found = policy.parse(f"log {LOG.verifier}\n{WITNESSES}quorum Y3\n".encode())

    assert found.check(cosigned(Y[2])).witnesses == {Y[2].verifier: 0}
    with pytest.raises(QuorumMissing):
        found.check(cosigned(*X))


def test_after_a_rotation_either_key_will_do() -> None:
    found = policy.of_keys(LOG.verifier, NEW_LOG.verifier)

    assert found.check(HEAD.note(LOG, NEW_LOG)).logs == [LOG.verifier, NEW_LOG.verifier]
    assert found.check(HEAD.note(NEW_LOG)).logs == [NEW_LOG.verifier]


def test_the_log_itself_must_have_signed() -> None:
    found = policy.parse(f"log {LOG.verifier}\n{WITNESSES}quorum Y3\n".encode())

    with pytest.raises(UnknownSigner):
        found.check(Note(HEAD.text, ()).signed_by(Y[2], time=0))


def test_the_checkpoint_of_another_log_is_refused() -> None:
    other = Checkpoint("example.com/other", 8, bytes(32))

    with pytest.raises(OtherLog):
        policy.of_keys(LOG.verifier).check(other.note(LOG))


def test_a_forged_cosignature_refuses_the_note() -> None:
    forged = cosigned(X[0]).signatures[1]._replace(signature=bytes(72))

    with pytest.raises(BadSignature):
        policy.parse(EXAMPLE.encode()).check(Note(HEAD.text, [*SIGNED.signatures, forged]))


def test_a_note_that_is_no_checkpoint_is_refused() -> None:
    with pytest.raises(MalformedCheckpoint):
        policy.of_keys(LOG.verifier).check(Note("hello\n", SIGNED.signatures))


NONE = "quorum none\n"
CASES = {
    "nothing": "",
    "no quorum": f"log {LOG.verifier}\n",
    "two quorums": NONE * 2,
    "no newline at the end": NONE[:-1],
    "carriage returns": NONE.replace("\n", "\r\n"),
    "a NUL": f"#\0\n{NONE}",
    "a delete": f"#\x7f\n{NONE}",
    "an unknown word": f"timeout 5\n{NONE}",
    "an unknown word in upper case": f"LOG {LOG.verifier}\n{NONE}",
    "a log without a key": f"log\n{NONE}",
    "a key that is none": f"log hello\n{NONE}",
    "a log with the key of a witness": f"log {W[0].verifier}\n{NONE}",
    "a witness with the key of a log": f"witness w {LOG.verifier}\n{NONE}",
    "words after the address": f"log {LOG.verifier} https://a b\n{NONE}",
    "one log twice": f"log {LOG.verifier}\n" * 2 + NONE,
    "one witness twice": f"witness a {W[0].verifier}\nwitness b {W[0].verifier}\n{NONE}",
    "one name twice": f"witness a {W[0].verifier}\nwitness a {W[1].verifier}\n{NONE}",
    "a witness called none": f"witness none {W[0].verifier}\n{NONE}",
    "a group named like a witness": f"{WITNESSES}group X1 any X2\n{NONE}",
    "a quorum that is not defined": "quorum w\n",
    "a quorum defined below": f"quorum X1\n{WITNESSES}",
    "a member that is not defined": f"group g any w\n{NONE}",
    "a member twice": f"{WITNESSES}group g any X1 X1\n{NONE}",
    "a member of two groups": f"{WITNESSES}group g any X1\ngroup h any X1\n{NONE}",
    "a group of itself": f"group g any g\n{NONE}",
    "a member none": f"group g any none\n{NONE}",
    "a group without members": f"group g any\n{NONE}",
    "a threshold of zero": f"{WITNESSES}group g 0 X1\n{NONE}",
    "a threshold above the members": f"{WITNESSES}group g 2 X1\n{NONE}",
    "a threshold with a leading zero": f"{WITNESSES}group g 01 X1\n{NONE}",
    "a threshold of another script": f"{WITNESSES}group g ١ X1\n{NONE}",
    "a huge threshold": f"{WITNESSES}group g {'9' * 5000} X1\n{NONE}",
    "a quorum of two words": f"{WITNESSES}quorum X1 X2\n",
    "too long": "#" * policy.POLICY_BYTES_MAX + "\n" + NONE,
    "too many groups": WITNESSES
    + "group g0 any X1\n"
    + "".join(f"group g{n + 1} any g{n}\n" for n in range(policy.GROUPS_MAX))
    + NONE,
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_no_policy_is_refused(name: str) -> None:
    with pytest.raises(MalformedPolicy):
        policy.parse(CASES[name].encode())


def test_the_message_names_the_line() -> None:
    with pytest.raises(MalformedPolicy, match="line 2: no line of a policy: 'timeout'"):
        policy.parse(b"quorum none\ntimeout 5\n")


def test_names_are_opaque_bytes() -> None:
    kelvin = f"witness \u212a {W[0].verifier}\nwitness K {W[1].verifier}\nquorum \u212a\n"

    found = policy.parse(f"log {LOG.verifier}\n{kelvin}".encode())

    assert found.check(cosigned(W[0])).witnesses == {W[0].verifier: 0}
    with pytest.raises(QuorumMissing):
        found.check(cosigned(W[1]))
