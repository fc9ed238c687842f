"""Known bugs of the witness, and of the collecting of cosignatures."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

WITNESS = "application/witnessing/witness.py"
COSIGNING = "application/witnessing/cosigning.py"
MEMORY, HOME = "infrastructure/witnessing/memory.py", "infrastructure/witnessing/home.py"
FILES = "infrastructure/private_files.py"
SUBMISSION = "domain/audit/submission.py"
TESTS = "tests/application/witnessing/test_witness.py"
ASKED = "tests/application/witnessing/test_cosigning.py"
FOLDER = "tests/infrastructure/test_witness_home.py"
SERVER = "tests/infrastructure/test_witness_server.py"
REQUESTS = "tests/domain/audit/test_submission.py"

WITNESS_BUGS: Final = [
    Bug("a witness signs before it stores", WITNESS,
        "            self._memory.keep(request.note)\n            return self._cosign(request.note)\n",
        "            line = self._cosign(request.note)\n            self._memory.keep(request.note)\n"
        "            return line\n", TESTS),
    Bug("a witness does not store", WITNESS,
        "            self._memory.keep(request.note)\n", "", TESTS),
    Bug("a witness does not check consistency", WITNESS,
        "            verify_consistency(head.size, new.size, request.proof, head.root, new.root)\n",
        "            pass\n", TESTS),
    Bug("a witness accepts another root of the same size", WITNESS,
        "        if new.size == head.size and new.root != head.root:\n",
        "        if new.size == head.size:\n            return\n        if False:\n", TESTS),
    Bug("a witness takes the old root from the request's side", WITNESS,
        "        if request.old_size != head.size:\n",
        "        if request.old_size > head.size:\n", TESTS),
    Bug("a witness does not check the length of a proof from nothing", WITNESS,
        "        elif request.proof:\n", "        elif False:\n", TESTS),
    Bug("a witness checks and stores without a lock", WITNESS,
        "        with self._lock:\n", "        if True:\n",
        f"{TESTS} -k concurrent"),
    Bug("a witness accepts any key of any log", WITNESS,
        "[key for key in self._logs if key.name == checkpoint.origin]", "list(self._logs)", TESTS),
    Bug("a witness does not check the log's signature", WITNESS,
        "        request.note.verify(keys)\n", "", TESTS),
    Bug("a witness keeps no evidence of a fork", WITNESS,
        "            self._memory.keep_fork(request.note)\n", "", TESTS),
    Bug("a head is not synced before the rename", FILES,
        "        os.fsync(descriptor)\n\n\ndef replace", "        pass\n\n\ndef replace",
        FOLDER),
    Bug("a head is written in place", FILES,
        '    new = path.with_name(path.name + ".new")\n', "    new = path\n", FOLDER),
    Bug("a damaged head is taken for none", MEMORY,
        "            raise MemoryUnavailable(text) from None\n", "            return None\n", FOLDER),
    Bug("the head of another log is taken for this one's", MEMORY,
        "        if found.origin != origin:\n", "        if False:\n", FOLDER),
    Bug("a witness without its memory starts again", HOME,
        "        if not self._heads.is_dir():\n", "        if False:\n", FOLDER),
    Bug("a witness's key that others can read is used", FILES,
        "            if status.st_mode & OTHERS:\n", "            if False:\n", FOLDER),
    Bug("two witnesses use one memory", FILES,
        "        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)\n", "        pass\n",
        FOLDER),
    Bug("an old size larger than the new one is read", SUBMISSION,
        "    if submission.old_size > submission.checkpoint.size:\n", "    if False:\n", REQUESTS),
    Bug("a proof has any number of hashes", SUBMISSION,
        "    if len(lines) > HASHES_MAX:\n", "    if False:\n", REQUESTS),
    Bug("a conflict is answered without the known size", "api/witness.py",
        '            return HTTPStatus.CONFLICT, SIZE, f"{conflict.size}\\n".encode()\n',
        '            return HTTPStatus.CONFLICT, TEXT, f"{conflict.code}\\n".encode()\n', SERVER),
    Bug("a request to a witness has any size", "api/witness.py",
        "            if len(body) > SUBMISSION_BYTES_MAX:\n", "            if False:\n", SERVER),
    Bug("a cosignature is not verified", COSIGNING,
        "                key.verify(note.text, own[0].signature)\n", "", ASKED),
    Bug("a head is endorsed without the quorum", COSIGNING,
        "        self._policy.check(cosigned)\n", "", ASKED),
    Bug("a witness that is away is asked each time", COSIGNING,
        "            self._away_until[key] = self._now() + AWAY_SECONDS\n", "", ASKED),
    Bug("an unchanged head is never cosigned again", COSIGNING,
        "        return at is None or self._now() - at >= COSIGN_AGAIN_SECONDS\n",
        "        return at is None\n", ASKED),
    Bug("a head is published that the witnesses have not cosigned", "application/sealing/sealer.py",
        "        note = self._endorse(self._note, self._prove_from)\n", "        note = self._note\n",
        "tests/application/sealing/test_witnessed_sealer.py"),
    Bug("a head that was signed and not published is taken for published",
        "application/sealing/sealer.py",
        "        return self.published.size if self.published else 0\n",
        "        return self.signed.size if self.signed else 0\n",
        "tests/application/sealing/test_witnessed_sealer.py"),
    Bug("a witness is asked without TLS", "infrastructure/witnessing/http_witnesses.py",
        '(scheme == "http" and origins.is_loopback(host))', 'scheme == "http"', SERVER),
]  # fmt: skip
