"""The verifier's page and the auditor in Python say the same of receipts, good and bad (with Node)."""

from __future__ import annotations

import hashlib
import json
import random
import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from domain.audit import leaf as leaves
from domain.audit import policy as policies
from domain.audit import receipt as receipts
from domain.audit.errors import EvidenceError
from domain.audit.leaf import Leaf
from domain.audit.merkle import hash_leaf, inclusion_proof, nodes_of, root_of
from domain.audit.note import Checkpoint, Note, Signature
from domain.audit.receipt import Receipt
from domain.audit.vkey import KeyType, SigningKey
from infrastructure.cli import program
from tests.planted.bug import ROOT
from tests.support.bundles import KEY, ORIGIN
from tests.support.verifier import Job, receipt_job, run, text

pytestmark = pytest.mark.e2e

OTHER = SigningKey.of("other.example/log", KeyType.NOTE, bytes(32))
STRANGER = SigningKey.of(ORIGIN, KeyType.NOTE, bytes(range(1, 33)))
WITNESSES = [
    SigningKey.of(f"witness.example/{n}", KeyType.COSIGNATURE, bytes([n]) * 32) for n in range(3)
]
VKEY = f"{KEY.verifier}\n".encode()
SEED = 20261122
FLIPS = 300


def an_event(position: int, state: bytes = b'{"amount_minor":12345}') -> bytes:
    return leaves.encode(
        Leaf(
            position, bytes(range(16)), position, 1_790_000_000_000_001 + position, bytes(16), bytes(16), 1,
            "key_01h455vb4pex5vsknk084sn02q", "payment_session.paid", state,
        )
    )  # fmt: skip


def a_receipt(
    size: int, index: int, *, signer: SigningKey = KEY, cosigners: int = 0, state: bytes = b"{}"
) -> Receipt:
    events = [an_event(n + 1, state) for n in range(size)]
    hashes = [hash_leaf(one) for one in events]
    note = Checkpoint(ORIGIN, size, root_of(hashes)).note(signer)
    for witness in WITNESSES[:cosigners]:
        note = note.signed_by(witness, time=1_790_000_100)
    return Receipt(events[index], index, inclusion_proof(index, size, nodes_of(hashes)), note)


def moved() -> Receipt:
    """A genuine leaf of another position in a tree that the log has signed."""
    hashes = [hash_leaf(an_event(n + 2)) for n in range(5)]
    note = Checkpoint(ORIGIN, 5, root_of(hashes)).note(KEY)
    return Receipt(an_event(3), 1, inclusion_proof(1, 5, nodes_of(hashes)), note)


def policy_of(quorum: str) -> bytes:
    witnesses = "".join(f"witness w{n} {one.verifier}\n" for n, one in enumerate(WITNESSES))
    return f"log {KEY.verifier} https://pay.example\n{witnesses}group most 2 w0 w1 w2\nquorum {quorum}\n".encode()


def judged(data: bytes, policy: bytes) -> tuple[str, str]:
    """The verdict and the code of the auditor in Python."""
    trusted = policies.parse(policy)
    try:
        found = receipts.parse(data)
    except EvidenceError as error:
        return "unreadable", error.code
    try:
        trusted.check(found.note)
        state = found.verify().state
    except EvidenceError as error:
        return "not-proven", error.code
    try:
        json.loads(state)
    except ValueError:
        return "not-proven", "malformed-leaf"
    return "proven", ""


def agree(cases: list[bytes], policy: bytes) -> set[tuple[str, str]]:
    """Both say the same of every case; returns all that they said."""
    outcomes = run([receipt_job(data, policy) for data in cases])
    said = [(one["verdict"], one["code"]) for one in outcomes]
    expected = [judged(data, policy) for data in cases]
    for data, mine, theirs in zip(cases, expected, said, strict=True):
        assert theirs == mine, data
    return set(said)


def damaged(data: bytes) -> Iterator[bytes]:
    """Bits flipped, bytes left out and added, and cut off, at random places."""
    pick = random.Random(SEED)
    for _ in range(FLIPS):
        at = pick.randrange(len(data))
        yield data[:at] + bytes([data[at] ^ 1 << pick.randrange(8)]) + data[at + 1 :]
    for _ in range(FLIPS // 4):
        at = pick.randrange(len(data))
        yield data[:at] + data[at + 1 :]
        yield data[:at] + bytes([pick.randrange(256)]) + data[at:]
        yield data[:at]


def test_receipts_of_every_place_in_trees_of_many_sizes_are_proven() -> None:
    sizes = [*range(1, 18), 31, 32, 33, 255, 256, 257]
    cases = [
        a_receipt(size, index).encode() for size in sizes for index in {0, size // 2, size - 1}
    ]

    assert agree(cases, policy_of("none")) == {("proven", "")}


def test_a_damaged_receipt_is_never_proven_and_both_name_the_same_cause() -> None:
    said = agree(list(damaged(a_receipt(300, 123, cosigners=2).encode())), policy_of("most"))

    assert {verdict for verdict, _ in said} == {"not-proven", "unreadable"}
    assert {code for _, code in said} >= {
        "malformed-receipt", "malformed-note", "bad-signature", "unknown-signer", "invalid-proof",
        "other-log", "quorum-missing",
    }  # fmt: skip


def test_receipts_that_somebody_put_together_are_not_proven() -> None:
    good, other = a_receipt(20, 7), a_receipt(20, 8)
    longer = [*good.proof, bytes(32)]
    huge = Note(f"{ORIGIN}\n{2**63}\n{b64encode(bytes(32)).decode()}\n", good.note.signatures)
    twice = Note(good.note.text, [*good.note.signatures, *good.note.signatures])
    unsigned = Note(good.note.text, [Signature("nobody", b"1234", bytes(64))])
    extended = Note(f"{good.note.text}extension\n", good.note.signatures)
    cases = [
        Receipt(other.leaf_bytes, 7, good.proof, good.note),
        Receipt(good.leaf_bytes, 8, good.proof, good.note),
        Receipt(good.leaf_bytes, 7, longer, good.note),
        Receipt(good.leaf_bytes, 7, good.proof[:-1], good.note),
        Receipt(good.leaf_bytes, 20, good.proof, good.note),
        Receipt(good.leaf_bytes, 2**63, good.proof, good.note),
        Receipt(good.leaf_bytes, 7, good.proof, a_receipt(21, 7).note),
        Receipt(good.leaf_bytes, 7, good.proof, huge),
        Receipt(good.leaf_bytes, 7, good.proof, twice),
        Receipt(good.leaf_bytes, 7, good.proof, unsigned),
        Receipt(good.leaf_bytes, 7, good.proof, extended),
        Receipt(good.leaf_bytes, 7, [b"short"], good.note),
        Receipt(good.leaf_bytes, 7, [bytes(32)] * 64, good.note),
        Receipt(b"", 7, good.proof, good.note),
        a_receipt(20, 7, signer=STRANGER),
        moved(),
        a_receipt(20, 7, state=b"no JSON"),
        a_receipt(20, 7, state=b'"\xff"'),
    ]
    whole = good.encode()
    hash_line = b64encode(good.proof[0])
    other_spelling = hash_line[:-2] + bytes([hash_line[-2] + 1]) + b"="  # bits that nobody reads
    texts = [
        b"", b"\n\n", whole.replace(b"\n", b"\r\n"), whole + b"\n", whole + b"more\n", b"\xef\xbb\xbf" + whole,
        whole.replace(b"index 7", b"index 07"), whole.replace(b"index 7", "index ٧".encode()),
        whole.replace(b"@v1", b"@v2"), whole.replace(hash_line, other_spelling), whole + b"x" * 300_000, bytes(64),
    ]  # fmt: skip

    said = agree([one.encode() for one in cases] + texts, policy_of("none"))

    assert ("proven", "") not in said


@pytest.mark.parametrize(
    ("quorum", "cosigners", "verdict"),
    [
        ("none", 0, "proven"),
        ("w0", 1, "proven"),
        ("w1", 1, "not-proven"),
        ("most", 1, "not-proven"),
        ("most", 2, "proven"),
    ],
)
def test_the_quorum_of_a_policy_is_demanded(quorum: str, cosigners: int, verdict: str) -> None:
    [(said, _)] = agree([a_receipt(5, 2, cosigners=cosigners).encode()], policy_of(quorum))

    assert said == verdict


def test_keys_one_a_line_demand_every_witness_among_them() -> None:
    data = a_receipt(5, 2, cosigners=2).encode()
    lists = [
        VKEY + "".join(f"  {one.verifier} \n" for one in WITNESSES[:count]).encode()
        for count in range(4)
    ]

    outcomes = run([receipt_job(data, keys) for keys in lists])

    assert [one["verdict"] for one in outcomes] == ["proven", "proven", "proven", "not-proven"]
    assert outcomes[3]["code"] == "quorum-missing"
    assert run([receipt_job(data, str(OTHER.verifier).encode())])[0]["code"] == "other-log"


def test_policies_and_keys_are_read_as_strictly_as_in_python() -> None:
    good = policy_of("most")
    pick = random.Random(SEED)
    cases = [
        good,
        good[:-1],
        good + b"quorum none\n",
        b"# nothing\n",
        good.replace(b"\n", b"\r\n"),
        b"quorum none\n" + b"#" * 300_000,
    ]
    log, witness = str(KEY.verifier), str(WITNESSES[0].verifier)
    lines = (
        f"log {witness}",
        f"witness w {log}",
        f"log {log}\nlog {log}",
        f"log {log} a b",
        "group g 1 w",
    )
    cases += [f"{line}\nquorum none\n".encode() for line in lines]
    for _ in range(FLIPS):
        at = pick.randrange(len(good))
        cases.append(good[:at] + bytes([good[at] ^ 1 << pick.randrange(8)]) + good[at + 1 :])

    outcomes = run([{"action": "trust", "trust": text(one)} for one in cases])

    for data, outcome in zip(cases, outcomes, strict=True):
        try:
            found = policies.parse(data)
            expected: dict[str, object] = {
                "logs": len(found.logs),
                "witnesses": len(found.witnesses),
                "quorum": found.quorum,
            }
        except EvidenceError as error:
            expected = {"error": error.code}
        assert outcome == expected or data == b"# nothing\n", data


def test_a_proven_receipt_says_what_the_program_says(tmp_path: Path) -> None:
    state = '{"merchant_name":"Corner Café","amount_minor":12345}'.encode()
    data = a_receipt(9, 4, cosigners=1, state=state).encode()
    (tmp_path / "payment.tlog-proof").write_bytes(data)
    (tmp_path / "policy").write_bytes(policy_of("w0"))
    command = [
        "audit",
        "receipt",
        str(tmp_path / "payment.tlog-proof"),
        "--policy",
        str(tmp_path / "policy"),
        "--json",
    ]

    [outcome] = run([receipt_job(data, policy_of("w0"))])

    assert outcome["event"] == json.loads(CliRunner().invoke(program, command).stdout)


def test_hashes_and_signatures_are_those_of_the_standards() -> None:
    pick = random.Random(SEED)
    messages = [pick.randbytes(n) for n in (*range(140), 1000, 70_000)]
    hashed = run([{"action": "hash", "data": text(one)} for one in messages])

    assert hashed == [
        [hashlib.sha256(one).hexdigest(), hashlib.sha512(one).hexdigest()] for one in messages
    ]

    jobs: list[Job] = []
    expected = []
    for number in range(40):
        private = Ed25519PrivateKey.from_private_bytes(pick.randbytes(32))
        key, message = private.public_key().public_bytes_raw(), pick.randbytes(number)
        signature = private.sign(message)
        if number % 2:
            at = pick.randrange(64)
            signature = (
                signature[:at]
                + bytes([signature[at] ^ 1 << pick.randrange(8)])
                + signature[at + 1 :]
            )
        if number == 38:  # the same scalar plus the order of the group
            order = 2**252 + 27742317777372353535851937790883648493
            scalar = int.from_bytes(signature[32:], "little") + order
            signature = signature[:32] + scalar.to_bytes(32, "little")
        jobs.append(
            {
                "action": "signature",
                "key": text(key),
                "signature": text(signature),
                "data": text(message),
            }
        )
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
            expected.append([True, True])
        except InvalidSignature:
            expected.append([False, False])
    assert run(jobs) == expected
    assert [True, True] in expected


def test_the_example_of_the_documents_is_proven() -> None:
    page = (ROOT / "docs/explanation/audit.md").read_text()
    [example] = re.findall(r"```\n(c2sp\.org/tlog-proof@v1\nextra A.*?)```", page, re.DOTALL)

    [outcome] = run([receipt_job(example.encode(), VKEY)])

    assert outcome["event"]["data"]["amount_minor"] == 12345
