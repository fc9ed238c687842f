"""The Merkle tree of RFC 6962 with SHA-256: hashes, roots, and proofs made and checked.

`Frontier` keeps the complete subtrees of a growing tree. Proofs are made of a `Nodes` function, so
the same code serves tiles in a database, tiles in a file and a list in memory. Checking follows
RFC 9162 (2.1.3.2, 2.1.4.2) and also demands what a literal reading does not: every hash has 32
bytes, a proof has exactly the length that its sizes demand, and the empty tree proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final

from domain.audit.errors import InvalidProof

HASH_BYTES: Final = 32
SIZE_MAX: Final = 2**63 - 1
EMPTY_ROOT: Final = sha256(b"").digest()
_LEAF: Final = sha256(b"\x00")
"""Has taken in the prefix of a leaf. To copy it takes half the time of a new one."""
NODE_PREFIX: Final = b"\x01"

Nodes = Callable[[int, int], bytes]
"""The hash of a complete subtree: `nodes(level, index)` spans the leaves from `index * 2**level`
to before `(index + 1) * 2**level`."""


def hash_leaf(data: bytes) -> bytes:
    """The hash of a leaf (RFC 6962, 2.1)."""
    hashed = _LEAF.copy()
    hashed.update(data)
    return hashed.digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node (RFC 6962, 2.1)."""
    return sha256(NODE_PREFIX + left + right).digest()


class Frontier:
    """A tree that only grows: its size, and the roots of its complete subtrees, largest first."""

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)
        if len(self.peaks) != size.bit_count() or any(len(one) != HASH_BYTES for one in self.peaks):
            raise InvalidProof(
                reason=f"a tree of size {size} has {size.bit_count()} complete subtrees"
            )

    @classmethod
    def at(cls, size: int, nodes: Nodes) -> Frontier:
        """The frontier of the first `size` leaves of a tree."""
        return cls(size, [nodes(level, index) for level, index in _complete(0, size)])

    def append(self, leaf_hash: bytes) -> None:
        """Add one leaf."""
        merged = leaf_hash
        size = self.size
        while size & 1:
            merged = sha256(NODE_PREFIX + self.peaks.pop() + merged).digest()
            size >>= 1
        self.peaks.append(merged)
        self.size += 1

    def root(self) -> bytes:
        """The root of the tree as it is now."""
        return _fold(self.peaks)


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root of a list of leaf hashes."""
    tree = Frontier()
    for one in leaf_hashes:
        tree.append(one)
    return tree.root()


def nodes_of(leaf_hashes: Sequence[bytes]) -> Nodes:
    """The complete subtrees of leaf hashes that are in memory."""
    levels = [list(leaf_hashes)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([hash_node(*below[i : i + 2]) for i in range(0, len(below) - 1, 2)])
    return lambda level, index: levels[level][index]


def root_at(size: int, nodes: Nodes) -> bytes:
    """The root of the first `size` leaves."""
    return _range_root(0, size, nodes)


def inclusion_proof(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """The hashes that prove a leaf's place in the tree of a size (RFC 9162, 2.1.3.1).

    Raises:
        InvalidProof: the tree of that size has no such leaf.
    """
    if not 0 <= index < size <= SIZE_MAX:
        raise InvalidProof(reason=f"a tree of size {size} has no leaf {index}")
    start, end = 0, size
    hashes: list[bytes] = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            hashes.append(_range_root(middle, end, nodes))
            end = middle
        else:
            hashes.append(_range_root(start, middle, nodes))
            start = middle
    return hashes[::-1]


def consistency_proof(old_size: int, new_size: int, nodes: Nodes) -> list[bytes]:
    """The hashes that prove a tree to be the beginning of a larger one (RFC 9162, 2.1.4.1).

    Raises:
        InvalidProof: the old tree is empty, or larger than the new one.
    """
    if not 0 < old_size <= new_size <= SIZE_MAX:
        raise InvalidProof(reason=f"no proof leads from size {old_size} to size {new_size}")
    start, end = 0, new_size
    hashes: list[bytes] = []
    while end != old_size:
        middle = start + _split(end - start)
        if old_size <= middle:
            hashes.append(_range_root(middle, end, nodes))
            end = middle
        else:
            hashes.append(_range_root(start, middle, nodes))
            start = middle
    if start:
        hashes.append(_range_root(start, end, nodes))
    return hashes[::-1]


def verify_inclusion(
    index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that a leaf is in a tree at an index (RFC 9162, 2.1.3.2).

    Raises (checked in this order):
        InvalidProof: no such leaf; a hash has not 32 bytes; another length than the sizes demand;
            another root.
    """
    if not 0 <= index < size <= SIZE_MAX:
        raise InvalidProof(reason=f"a tree of size {size} has no leaf {index}")
    _check_hashes((leaf_hash, root, *proof))
    inner = (index ^ (size - 1)).bit_length()
    _check_length(proof, inner + (index >> inner).bit_count())
    computed = leaf_hash
    for level, sibling in enumerate(proof[:inner]):
        if index >> level & 1:
            computed = hash_node(sibling, computed)
        else:
            computed = hash_node(computed, sibling)
    for sibling in proof[inner:]:
        computed = hash_node(sibling, computed)
    if computed != root:
        raise InvalidProof(reason=f"the proof of leaf {index} leads to another root")


def verify_consistency(
    old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    """Check that a tree is the beginning of another one (RFC 9162, 2.1.4.2).

    Raises (checked in this order):
        InvalidProof: the old tree is empty, or larger than the new one; a hash has not 32 bytes;
            another length than the sizes demand; another root.
    """
    if not 0 < old_size <= new_size <= SIZE_MAX:
        raise InvalidProof(reason=f"no proof leads from size {old_size} to size {new_size}")
    _check_hashes((old_root, new_root, *proof))
    if old_size == new_size:
        _check_length(proof, 0)
        if old_root != new_root:
            raise InvalidProof(reason=f"two different roots of size {old_size}")
        return
    shift = (old_size & -old_size).bit_length() - 1
    whole = old_size == 1 << shift
    last = old_size - 1
    inner = (last ^ (new_size - 1)).bit_length() - shift
    _check_length(proof, inner + (last >> (inner + shift)).bit_count() + (not whole))
    old = new = old_root if whole else proof[0]
    rest = proof if whole else proof[1:]
    index = last >> shift
    for level, sibling in enumerate(rest[:inner]):
        if index >> level & 1:
            old = hash_node(sibling, old)
            new = hash_node(sibling, new)
        else:
            new = hash_node(new, sibling)
    for sibling in rest[inner:]:
        old = hash_node(sibling, old)
        new = hash_node(sibling, new)
    if old != old_root:
        raise InvalidProof(reason=f"the proof leads to another root of size {old_size}")
    if new != new_root:
        raise InvalidProof(reason=f"the proof leads to another root of size {new_size}")


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << (count - 1).bit_length() - 1


def _complete(start: int, end: int) -> Iterable[tuple[int, int]]:
    """The complete subtrees of the leaves from `start`, a multiple of a power of two over them."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def _range_root(start: int, end: int, nodes: Nodes) -> bytes:
    return _fold([nodes(level, index) for level, index in _complete(start, end)])


def _fold(peaks: Sequence[bytes]) -> bytes:
    """The root over complete subtrees, largest first."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for one in reversed(peaks[:-1]):
        root = hash_node(one, root)
    return root


def _check_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(one) != HASH_BYTES for one in hashes):
        raise InvalidProof(reason=f"a hash has not {HASH_BYTES} bytes")


def _check_length(proof: Sequence[bytes], expected: int) -> None:
    if len(proof) != expected:
        raise InvalidProof(reason=f"the proof has {len(proof)} hashes instead of {expected}")
