"""Known bugs of the evidence for auditors."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

MERKLE, LEAF = "domain/audit/merkle.py", "domain/audit/leaf.py"
NOTE, RECEIPT = "domain/audit/note.py", "domain/audit/receipt.py"
TREE = "tests/domain/audit/test_merkle.py"
NOTES = "tests/domain/audit/test_note.py"
SECOND = "infrastructure/bundles/second.py"
BUNDLES, TAMPERING = "tests/infrastructure/test_bundles.py", "tests/tampering"

AUDIT_BUGS: Final = [
    Bug("leaves are hashed without their prefix", MERKLE,
        '_LEAF: Final = sha256(b"\\x00")', "_LEAF: Final = sha256()", TREE),
    Bug("nodes are hashed without their prefix", MERKLE,
        'NODE_PREFIX: Final = b"\\x01"', 'NODE_PREFIX: Final = b""', TREE),
    Bug("the length of a proof is not checked", MERKLE,
        "    if len(proof) != expected:\n", "    if False:\n", TREE),
    Bug("a hash of a proof has any length", MERKLE,
        "    if any(len(one) != HASH_BYTES for one in hashes):\n", "    if False:\n", TREE),
    Bug("the empty tree proves everything", MERKLE,
        "    if not 0 < old_size <= new_size <= SIZE_MAX:\n"
        '        raise InvalidProof(reason=f"no proof leads from size {old_size} to size {new_size}")\n'
        "    _check_hashes(",
        "    if not old_size:\n        return\n    _check_hashes(", TREE),
    Bug("the position of a receipt is off by one", RECEIPT,
        "        if found.position != self.index + 1:\n",
        "        if found.position != self.index:\n", "tests/domain/audit/test_receipt.py"),
    Bug("the position of a leaf is off by one", "infrastructure/bundles/events.py",
        "    return tile.index * TILE_WIDTH + 1\n", "    return tile.index * TILE_WIDTH\n", BUNDLES),
    Bug("a leaf is made over JSON that was encoded again", LEAF,
        '    return b"".join((head, actor, _U16.pack(len(topic)), topic, tail, leaf.state))\n',
        "    import json\n    state = json.dumps(json.loads(leaf.state)).encode()\n"
        "    tail = _U32.pack(len(state))\n"
        '    return b"".join((head, actor, _U16.pack(len(topic)), topic, tail, state))\n',
        "tests/domain/audit/test_leaf.py"),
    Bug("a signature is checked without the time of the witness", "domain/audit/vkey.py",
        'return f"cosignature/v1\\ntime {time}\\n{text}".encode()',
        'return f"cosignature/v1\\n{text}".encode()', NOTES),
    Bug("a forged line of a known key is passed over", NOTE,
        "            signers[key] = key.verify(self.text, one.signature)\n",
        "            try:\n                signers[key] = key.verify(self.text, one.signature)\n"
        "            except BadSignature:\n                continue\n", NOTES),
    Bug("a note may have carriage returns", NOTE,
        '    if any(ord(one) < 0x20 and one != "\\n" for one in whole):',
        '    whole = whole.replace("\\r\\n", "\\n")\n    if False:', NOTES),
    Bug("extension lines of a checkpoint are passed over", NOTE,
        "    if len(lines) != _LINES + 1 or lines[-1]:\n", "    if len(lines) <= _LINES:\n", NOTES),
    Bug("a quorum counts witnesses that are not in it", "domain/audit/policy.py",
        "return sum(self._met(one, times) for one in group.members) >= group.threshold",
        "return len(times) >= group.threshold", "tests/domain/audit/test_policy.py"),
    Bug("events are not compared with their tiles", "infrastructure/bundles/hashing.py",
        '            if b"".join(hashes) != stated:\n', "            if False:\n", TAMPERING),
    Bug("an older note that is ahead is passed over", "infrastructure/bundles/older_notes.py",
        "        if old.size > self._head.size:\n",
        "        if old.size > self._head.size:\n            return old.size, None\n"
        "        if False:\n", TAMPERING),
    Bug("a member of a bundle may be there twice", "infrastructure/bundles/tar_file.py",
        "        if name in members:\n", "        if False:\n", BUNDLES),
    Bug("rows that are there twice count once", "infrastructure/bundles/group_file.py",
        "            if key in keys:\n", "            if False:\n", BUNDLES),
    Bug("a file that no process checked is not noticed", SECOND,
        "    if sorted(one.number for one in found) != list(range(count)):\n",
        "    if False:\n", "tests/infrastructure/test_second_process.py"),
    Bug("events that no process checked are not noticed", SECOND,
        "    if (checked := sum(one.events for one in found)) != events:\n",
        "    checked = events\n    if False:\n", "tests/infrastructure/test_second_process.py"),
    Bug("a second process that died is taken for one that found nothing", SECOND,
        "        if self._process.returncode:\n", "        if False:\n",
        "tests/infrastructure/test_second_process.py"),
    Bug("a file of a spool that is missing is an empty one", "infrastructure/bundles/spool.py",
        "    path = _path(folder, kind, number)\n",
        "    path = _path(folder, kind, number)\n    path.touch()\n",
        "tests/infrastructure/test_second_process.py"),
    Bug("what a restart has lost is passed over", "infrastructure/bundles/older_notes.py",
        "        if old.size <= kept:\n", "        if True:\n",
        "tests/house/test_rotate_seal_keys_page.py"),
]  # fmt: skip
"""Each one is caught by a test of its format, or by the trials."""
