"""Known bugs of the sealer, its files, and what is served of the sealed log."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

SEALER, TREE = "application/sealing/sealer.py", "application/sealing/growing_tree.py"
HOME, KEYS = "infrastructure/sealing/home.py", "infrastructure/sealing/key_file.py"
FILES = "infrastructure/private_files.py"
TESTS = "tests/application/sealing/test_sealer.py"
PROCESS = "tests/infrastructure/test_seal_home.py"
SERVED = "tests/api/test_sealed_log.py"

SEAL_BUGS: Final = [
    Bug("a checkpoint is published before its note is on the disk", SEALER,
        "            self._notes.append(note.encode().decode())\n            self.signed, self._note = head, note\n"
        "        self._publish()\n",
        "            self.signed, self._note = head, note\n        self._publish()\n"
        "        self._notes.append(self._note.encode().decode())\n", TESTS),
    Bug("the sealed position is off by one", SEALER,
        "            if leaf.position != self._tree.size + 1:\n",
        "            if leaf.position not in (self._tree.size + 1, self._tree.size + 2):\n", TESTS),
    Bug("a shorter log is sealed again", SEALER,
        "        if head < last.size:\n", "        if False:\n", TESTS),
    Bug("the root of the last note is not compared", SEALER,
        "or self._tree.root() != last.root:", "or False:", TESTS),
    Bug("a head is signed without a proof", SEALER,
        "            self._prove(head)\n", "", TESTS),
    Bug("a start without notes begins anew", SEALER,
        "            if published is not None:\n                raise NotesMissing",
        "            if False:\n                raise NotesMissing", TESTS),
    Bug("notes older than what was published are good enough", SEALER,
        "        if published is not None and published.checkpoint.size > last.size:\n",
        "        if False:\n", TESTS),
    Bug("a note that was not published is trusted to be on the disk", SEALER,
        "        self._notes.append(text)  # it may not have reached the disk when it was written first\n",
        "", TESTS),
    Bug("a checkpoint is published before its tiles are stored", SEALER,
        "            self._store.add_tiles(tiles)\n", "            pass\n", TESTS),
    Bug("a tile above is made one leaf too early", TREE,
        "            if len(row) < TILE_WIDTH:\n", "            if len(row) < TILE_WIDTH - 1:\n",
        "tests/application/sealing/test_growing_tree.py"),
    Bug("a note is not synced to the disk", HOME,
        "                os.fsync(file)\n", "                pass\n", PROCESS),
    Bug("a line that was cut off stays in the notes", HOME,
        "                if whole < len(tail):\n", "                if False:\n", PROCESS),
    Bug("a file of sealing keys that others can read is used", FILES,
        "            if status.st_mode & OTHERS:\n", "            if False:\n", PROCESS),
    Bug("a key that nobody was told of signs", KEYS,
        " and one.id in announced", "", PROCESS),
    Bug("a rotated key signs for ever", KEYS,
        "        return self.signs_until is None or at < self.signs_until\n",
        "        return True\n", PROCESS),
    Bug("a halted sealer starts again", "infrastructure/sealing/process.py",
        "        if reason := self._home.halted():\n", '        if reason := "":\n', PROCESS),
    Bug("the sealer's login is not checked", "infrastructure/postgres/migrate.py",
        "    if excess := sealer_login.excess_rights(connection, login):\n", '    if excess := "":\n',
        "tests/infrastructure/test_sealing_privileges.py"),
    Bug("the end of a receipt's tree is not the checkpoint's", "application/sealing/evidence.py",
        "            inclusion_proof(position - 1, size, nodes),",
        "            inclusion_proof(position - 1, size - 1 if position < size else size, nodes),",
        SERVED),
    Bug("a tile beyond the checkpoint is served", "application/sealing/evidence.py",
        "        if tile.index * TILE_WIDTH + tile.width > hashes:\n", "        if False:\n", SERVED),
    Bug("a partial tile may be kept for ever", "api/v1/sealed_log.py",
        "caching = FULL_TILE if tile.width == TILE_WIDTH else PARTIAL_TILE",
        "caching = FULL_TILE", SERVED),
    Bug("the log is compared with its last note only", "infrastructure/sealing/restart.py",
        "        if same:\n            common_size = head.size\n",
        "        common_size = head.size if same else 0\n",
        "tests/infrastructure/test_seal_restart.py"),
]  # fmt: skip
