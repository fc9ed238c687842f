"""The sealed log for outsiders: what is served, to whom, and how it may be kept."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator

import pytest

from application.commands.add_log_key import AddLogKey
from application.commands.open_log import OpenLog
from application.commands.retire_log_key import RetireLogKey
from domain import ids
from domain.audit import leaf as leaves
from domain.audit import policy, receipt
from domain.audit.merkle import hash_leaf, root_of
from domain.audit.note import parse, parse_checkpoint
from domain.audit.tiles import all_tiles, split_bundle, split_tile, tile_root
from tests.support.memory_client import MemoryClient, memory_client
from tests.support.memory_evidence import to_leaf
from tests.support.sealing import KEY, ORIGIN

TILE = "/v1/log/tile"


@pytest.fixture
def client() -> Iterator[MemoryClient]:
    with memory_client() as client:
        yield client


@pytest.fixture(scope="module")
def sealed() -> Iterator[MemoryClient]:
    """A sealed log of 600 events."""
    with memory_client() as client:
        while client.head < 600:
            client.api.ledger.open_wallet(0)
        client.api.sealed.seal()
        yield client


def leaf_bytes(client: MemoryClient) -> list[bytes]:
    return [leaves.encode(to_leaf(recorded)) for recorded in client.api.sealed.events]


def test_the_checkpoint_is_public_and_signed(sealed: MemoryClient) -> None:
    reply = sealed.call("", "GET", "/v1/log/checkpoint")

    assert reply.status == 200
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert reply.headers["cache-control"] == "public, no-cache"
    note = parse(reply.body.encode())
    assert note.verify([KEY.verifier]) == {KEY.verifier: None}
    head = parse_checkpoint(note.text)
    assert (head.origin, head.size) == (ORIGIN, sealed.head)
    assert head.root == root_of(map(hash_leaf, leaf_bytes(sealed)))
    etag = {"if-none-match": reply.headers["etag"]}
    assert sealed.call("", "GET", "/v1/log/checkpoint", headers=etag).status == 304


def test_before_the_first_checkpoint_there_is_nothing_to_serve(client: MemoryClient) -> None:
    reply = client.call("", "GET", "/v1/log/checkpoint")

    assert (reply.status, reply.body["code"], reply.body["transient"]) == (503, "not-sealed", True)
    assert reply.headers["retry-after"] == "1"
    assert client.call("", "GET", f"{TILE}/0/000").status == 404
    proof = client.call("auditor", "GET", "/v1/log/proof", query="position=1")
    assert (proof.status, proof.body["code"]) == (503, "not-sealed")


def test_every_tile_of_the_tree_is_served(sealed: MemoryClient) -> None:
    hashes = [hash_leaf(one) for one in leaf_bytes(sealed)]
    size = sealed.head
    for tile in all_tiles(size):
        reply = sealed.call("", "GET", f"/v1/log/{tile.path}")

        assert (reply.status, reply.headers["content-type"]) == (200, "application/octet-stream")
        whole = tile.width == 256
        age = "public, max-age=31536000, immutable" if whole else "public, max-age=60"
        assert reply.headers["cache-control"] == age
        found = split_tile(reply.body, tile.width)
        first = tile.index * 256
        if tile.level == 0:
            assert found == hashes[first : first + tile.width]
        else:
            assert found == [tile_root(hashes[n : n + 256]) for n in range(0, size - 255, 256)]


def test_a_partial_tile_has_any_width_that_is_sealed(sealed: MemoryClient) -> None:
    hashes = [hash_leaf(one) for one in leaf_bytes(sealed)]

    for width in (1, 17, 255):
        reply = sealed.call("", "GET", f"{TILE}/0/001.p/{width}")
        assert reply.body == b"".join(hashes[256 : 256 + width])
    last = sealed.head % 256
    assert sealed.call("", "GET", f"{TILE}/0/002.p/{last}").status == 200
    assert sealed.call("", "GET", f"{TILE}/0/002.p/{last + 1}").status == 404
    assert sealed.call("", "GET", f"{TILE}/0/002").status == 404
    assert sealed.call("", "GET", f"{TILE}/1/000.p/2").status == 200
    assert sealed.call("", "GET", f"{TILE}/1/000.p/3").status == 404


@pytest.mark.parametrize(
    "path",
    [
        "0/0", "0/00", "0/0000", "0/x000/000", "00/000", "8/000", "-1/000", "63/000", "0/000.p/0", "0/000.p/256",
        "0/000.p/257", "0/000.p/01", "0/000.p", "0/000.p/1/1", "0/000.p/a", "0/x001/x234/067", "0/x001/x234",
        "0/x999/x999/x999/x999/999", "0/x36/028/797", "0/٠٠٠", "a/000", "0/000\n", "0/%30", "0/x000/x000/000",
        "entries/000.q/3", "7/000", "0/x1/001",
    ],
)  # fmt: skip
def test_no_other_path_is_a_tile(sealed: MemoryClient, path: str) -> None:
    reply = sealed.call("auditor" if path.startswith("entries") else "", "GET", f"{TILE}/{path}")

    assert (reply.status, reply.body["code"]) == (404, "not-found")


def test_auditors_get_the_entries(sealed: MemoryClient) -> None:
    expected = leaf_bytes(sealed)

    full = sealed.call("auditor", "GET", f"{TILE}/entries/001")
    part = sealed.call("auditor", "GET", f"{TILE}/entries/002.p/50")

    assert split_bundle(full.body, 256) == expected[256:512]
    assert split_bundle(part.body, 50) == expected[512:562]
    assert full.headers["cache-control"] == "private, max-age=31536000, immutable"
    for who, status in (("", 401), ("merchant", 403), ("wallet", 403), ("operator", 403)):
        assert sealed.call(who, "GET", f"{TILE}/entries/000").status == status
        assert sealed.call(who, "GET", f"{TILE}/entries/000.p/3").status == status


def test_the_receipt_of_any_event_proves_it(sealed: MemoryClient) -> None:
    for position in (1, 2, 256, 257, 513, sealed.head):
        reply = sealed.call("auditor", "GET", "/v1/log/proof", query=f"position={position}")

        assert reply.headers["content-disposition"].endswith(f'"position-{position}.tlog-proof"')
        lines = reply.body.encode().split(b"\n")
        assert lines[:3:2] == [b"c2sp.org/tlog-proof@v1", b"index %d" % (position - 1)]
        assert b64decode(lines[1].removeprefix(b"extra ")) == leaf_bytes(sealed)[position - 1]
        proof = receipt.parse(reply.body.encode())
        assert proof.verify() == to_leaf(sealed.api.sealed.events[position - 1])
        policy.of_keys(KEY.verifier).check(proof.note)


@pytest.mark.parametrize(
    "query", ["", "position=0", "position=-1", "position=x", "position=1.0", "position=1&at=2"]
)
def test_no_other_position_is_understood(sealed: MemoryClient, query: str) -> None:
    status = sealed.call("auditor", "GET", "/v1/log/proof", query=query).status

    assert status == (404 if query == "position=0" else 400)


def test_a_proof_is_for_auditors_and_of_what_is_sealed(sealed: MemoryClient) -> None:
    head = sealed.head
    for who, status in (("", 401), ("merchant", 403), ("operator", 403)):
        assert sealed.call(who, "GET", "/v1/log/proof", query="position=1").status == status
    missing = sealed.call("auditor", "GET", "/v1/log/proof", query=f"position={head + 1}")
    huge = sealed.call("auditor", "GET", "/v1/log/proof", query=f"position={2**62}")

    assert (missing.status, huge.status) == (404, 404)


def test_the_policy_lists_the_keys_in_use(client: MemoryClient) -> None:
    assert client.call("", "GET", "/v1/log/policy").body["code"] == "log-not-opened"
    ledger, key = client.api.ledger, KEY.verifier
    ledger.send(OpenLog(origin=ORIGIN))
    ledger.send(AddLogKey(key_id=key.key_id.hex(), vkey=str(key)))

    text = client.call("", "GET", "/v1/log/policy").body.encode()

    assert text == f"log {key}\nquorum none\n".encode()
    assert policy.parse(text).logs == [key]
    ledger.send(RetireLogKey(key_id=key.key_id.hex(), size=0, reason="a test"))
    assert client.call("", "GET", "/v1/log/policy").body == "quorum none\n"


def test_a_payment_has_its_receipt_as_soon_as_it_is_sealed(client: MemoryClient) -> None:
    ledger, session = client.api.ledger, client.api.session_id
    path = f"/v1/payment-sessions/{session}/receipt"
    unpaid = client.call("merchant", "GET", path)
    wallet, session_uuid = ids.decode("wal", client.api.wallet_id), ids.decode("ps", session)
    claim = ledger.claim_session(session_uuid, wallet)
    ledger.send(ledger.pay(session_uuid, wallet, claim))

    early = client.call("merchant", "GET", path)
    client.api.sealed.seal()
    merchants, wallets = (client.call(who, "GET", path) for who in ("merchant", "wallet"))

    assert (unpaid.status, unpaid.body["code"]) == (409, "session-not-paid")
    assert (early.status, early.body["code"]) == (503, "not-sealed")
    assert receipt.parse(merchants.body.encode()).verify().topic == "payment_session.paid"
    payers = receipt.parse(wallets.body.encode()).verify()
    assert (payers.topic, payers.stream_id) == ("wallet.captured", wallet.bytes)
    assert client.call("auditor", "GET", path).body == merchants.body
    assert (
        merchants.headers["content-disposition"] == f'attachment; filename="{session}.tlog-proof"'
    )
    assert client.call("operator", "GET", path).status == 403
    assert client.call("", "GET", path).status == 401
