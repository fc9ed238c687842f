from __future__ import annotations

import random
from hashlib import sha256

import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from domain.audit.errors import InvalidProof
from domain.audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    hash_leaf,
    hash_node,
    inclusion_proof,
    nodes_of,
    root_at,
    root_of,
    verify_consistency,
    verify_inclusion,
)

SIZE_MAX = 400
INPUTS = [
    bytes.fromhex(one)
    for one in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                "606162636465666768696a6b6c6d6e6f")
]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [hash_leaf(str(number).encode()) for number in range(SIZE_MAX)]
NODES = nodes_of(LEAVES)


def mth(hashes: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1, word for word."""
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256(b"").digest()
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return sha256(b"\x01" + mth(hashes[:k]) + mth(hashes[k:])).digest()


def path(m: int, hashes: list[bytes]) -> list[bytes]:
    """RFC 9162, 2.1.3.1, word for word."""
    if len(hashes) == 1:
        return []
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    if m < k:
        return [*path(m, hashes[:k]), mth(hashes[k:])]
    return [*path(m - k, hashes[k:]), mth(hashes[:k])]


def subproof(m: int, hashes: list[bytes], *, whole: bool) -> list[bytes]:
    """RFC 9162, 2.1.4.1, word for word."""
    if m == len(hashes):
        return [] if whole else [mth(hashes)]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    if m <= k:
        return [*subproof(m, hashes[:k], whole=whole), mth(hashes[k:])]
    return [*subproof(m - k, hashes[k:], whole=False), mth(hashes[:k])]


def test_published_roots() -> None:
    roots = [root_of(map(hash_leaf, INPUTS[:size])).hex() for size in range(9)]

    assert roots == ROOTS
    assert EMPTY_ROOT.hex() == ROOTS[0]


def test_published_hashes_of_a_leaf_and_a_node() -> None:
    assert hash_leaf(b"L123456").hex() == (
        "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    )
    assert hash_node(b"N123", b"N456").hex() == (
        "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
    )


def test_published_proofs() -> None:
    leaves = [hash_leaf(one) for one in INPUTS]
    nodes = nodes_of(leaves)

    included = inclusion_proof(5, 8, nodes)
    consistent = consistency_proof(6, 8, nodes)

    assert [one.hex() for one in included] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        ROOTS[4],
    ]
    assert [one.hex() for one in consistent] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        *[one.hex() for one in included[1:]],
    ]


def test_roots_of_every_size_are_those_of_another_implementation() -> None:
    other = InmemoryTree(algorithm="sha256")
    frontier = Frontier()

    for size in range(SIZE_MAX + 1):
        assert frontier.root() == other.get_root() == root_at(size, NODES)
        assert frontier.root() == mth(LEAVES[:size])
        assert Frontier.at(size, NODES).root() == frontier.root()
        if size < SIZE_MAX:
            other.append_entry(str(size).encode())
            frontier.append(LEAVES[size])


def test_every_proof_of_every_size_is_accepted() -> None:
    roots = [root_at(size, NODES) for size in range(SIZE_MAX + 1)]

    for size in range(1, SIZE_MAX + 1):
        for one in range(size):
            proof = inclusion_proof(one, size, NODES)
            verify_inclusion(one, size, LEAVES[one], proof, roots[size])
            proof = consistency_proof(one + 1, size, NODES)
            verify_consistency(one + 1, size, proof, roots[one + 1], roots[size])


def test_proofs_have_the_hashes_of_the_definition_and_of_another_implementation() -> None:
    other = InmemoryTree.init_from_entries([str(number).encode() for number in range(SIZE_MAX)])
    pairs = [(m, n) for n in range(1, 41) for m in range(n)]
    pairs += [(random.Random(n).randrange(n), n) for n in range(41, SIZE_MAX + 1)]

    for m, n in pairs:
        included = inclusion_proof(m, n, NODES)
        consistent = consistency_proof(m + 1, n, NODES)

        assert included == path(m, LEAVES[:n])
        assert consistent == subproof(m + 1, LEAVES[:n], whole=True)
        theirs = other.prove_inclusion(m + 1, n).path
        assert sorted(theirs) == sorted([LEAVES[m], *included])
        pymerkle.verify_consistency(
            root_at(m + 1, NODES), root_at(n, NODES), other.prove_consistency(m + 1, n)
        )


@given(st.data())
def test_a_changed_proof_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, SIZE_MAX))
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size - 1))
    root, old_root = root_at(size, NODES), root_at(old, NODES)
    included, consistent = inclusion_proof(index, size, NODES), consistency_proof(old, size, NODES)

    def damaged(proof: list[bytes]) -> list[bytes]:
        kind = data.draw(st.sampled_from(["flip", "shorten", "lengthen", "swap"]))
        changed = list(proof)
        at = data.draw(st.integers(0, len(proof) - 1))
        if kind == "flip":
            bit = data.draw(st.integers(0, 255))
            changed[at] = (int.from_bytes(proof[at], "big") ^ 1 << bit).to_bytes(32, "big")
        elif kind == "shorten":
            del changed[at]
        elif kind == "lengthen":
            changed.insert(at, data.draw(st.sampled_from([root, LEAVES[index], bytes(32)])))
        else:
            changed.append(changed.pop(at))
            if changed == proof:
                changed.pop()
        return changed

    with pytest.raises(InvalidProof):
        verify_inclusion(index, size, LEAVES[index], damaged(included), root)
    with pytest.raises(InvalidProof):
        verify_consistency(old, size, damaged(consistent), old_root, root)


@given(st.data())
def test_a_proof_holds_for_its_leaf_index_sizes_and_roots_only(data: st.DataObject) -> None:
    size = data.draw(st.integers(3, SIZE_MAX))
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda one: one != index))
    old = data.draw(st.integers(2, size - 1))
    proof, root = inclusion_proof(index, size, NODES), root_at(size, NODES)
    consistent, old_root = consistency_proof(old, size, NODES), root_at(old, NODES)

    with pytest.raises(InvalidProof):
        verify_inclusion(other, size, LEAVES[index], proof, root)
    with pytest.raises(InvalidProof):
        verify_inclusion(index, size, LEAVES[other], proof, root)
    with pytest.raises(InvalidProof):
        verify_inclusion(index, size, LEAVES[index], proof, old_root)
    with pytest.raises(InvalidProof):
        verify_consistency(old, size, consistent, root, root)
    with pytest.raises(InvalidProof):
        verify_consistency(old, size, consistent, old_root, old_root)
    with pytest.raises(InvalidProof):
        verify_consistency(old - 1, size, consistent, root_at(old - 1, NODES), root)


def test_an_inner_node_is_no_leaf() -> None:
    left, right = LEAVES[:2]

    assert hash_leaf(left + right) != hash_node(left, right)


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 5), (5, 4), (-1, 4), (1, 2**63)])
def test_no_proof_leads_from_the_empty_tree_or_backwards(old: int, new: int) -> None:
    with pytest.raises(InvalidProof):
        consistency_proof(old, new, NODES)
    with pytest.raises(InvalidProof):
        verify_consistency(old, new, [], EMPTY_ROOT, EMPTY_ROOT)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 4), (0, 2**63)])
def test_there_is_no_proof_of_a_leaf_that_does_not_exist(index: int, size: int) -> None:
    with pytest.raises(InvalidProof):
        inclusion_proof(index, size, NODES)
    with pytest.raises(InvalidProof):
        verify_inclusion(index, size, LEAVES[0], [], LEAVES[0])


def test_every_hash_has_32_bytes() -> None:
    """A literal reading of RFC 9162 accepts a leaf of 64 bytes that is a node's two halves."""
    left, right = LEAVES[:2]
    root = hash_node(left, right)

    for leaf_hash, proof in ((left, [right[:31]]), (left[:31], [left[31:] + right])):
        with pytest.raises(InvalidProof, match="32 bytes"):
            verify_inclusion(0, 2, leaf_hash, proof, root)
    with pytest.raises(InvalidProof, match="32 bytes"):
        verify_consistency(1, 2, [right + b"\0"], left, root)
    with pytest.raises(InvalidProof, match="32 bytes"):
        verify_consistency(2, 2, [], b"", b"")


def test_equal_sizes_have_equal_roots_and_an_empty_proof() -> None:
    root = root_at(5, NODES)

    verify_consistency(5, 5, [], root, root)
    with pytest.raises(InvalidProof, match="different roots"):
        verify_consistency(5, 5, [], root, root_at(6, NODES))
    with pytest.raises(InvalidProof, match="1 hashes instead of 0"):
        verify_consistency(5, 5, [root], root, root)


@pytest.mark.parametrize("peaks", [[], [bytes(32)] * 3, [bytes(32), bytes(31)]], ids=len)
def test_a_stored_frontier_must_fit_its_size(peaks: list[bytes]) -> None:
    with pytest.raises(InvalidProof):
        Frontier(5, peaks)


def test_a_stored_frontier_continues() -> None:
    first = Frontier.at(123, NODES)
    continued = Frontier(first.size, first.peaks)

    for one in LEAVES[123:300]:
        continued.append(one)

    assert continued.root() == root_at(300, NODES)
