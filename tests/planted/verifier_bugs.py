"""Known bugs of the verifier's page, which Node runs, and of the pages that hand out receipts."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

TREE, NOTES = "api/verifier/tree.js", "api/verifier/notes.js"
POLICIES, BUNDLES = "api/verifier/policies.js", "api/verifier/bundles.js"
RECEIPTS = "tests/end_to_end/test_verifier_receipts.py"
TARS = "tests/end_to_end/test_verifier_bundles.py"
HANDED_OUT = "tests/api/test_receipts.py"

VERIFIER_BUGS: Final = [
    Bug("the page hashes leaves without their prefix", TREE,
        "sha256(joinBytes(Uint8Array.of(0), leaf))", "sha256(leaf)", RECEIPTS),
    Bug("the page takes every sibling for the right one", TREE,
        "const onTheLeft = level >= inner || (index >> BigInt(level)) & 1n;",
        "const onTheLeft = level >= inner;", RECEIPTS),
    Bug("the page does not look at the position of a leaf", "api/verifier/receipts.js",
        "if (leaf.position !== receipt.index + 1n)", "if (false)", RECEIPTS),
    Bug("the page reads base64 in several spellings", "api/verifier/bytes.js",
        "return toBase64(data) === text ? data : null;", "return data;", RECEIPTS),
    Bug("the page accepts every signature", NOTES,
        "  if (!isValid)", "  if (false)", RECEIPTS),
    Bug("the page does not check the time of a witness", NOTES,
        "`cosignature/v1\\ntime ${time}\\n${text}`", "`cosignature/v1\\ntime 0\\n${text}`", RECEIPTS),
    Bug("the page accepts a signature twice", NOTES,
        "    if (signers.has(key))", "    if (false)", RECEIPTS),
    Bug("the page needs no witness", POLICIES,
        "  if (name === NO_QUORUM) return true;", "  if (name) return true;", RECEIPTS),
    Bug("the page takes the key of a witness for a log's", POLICIES,
        "key.type === type, ", "Boolean(key.type), ", RECEIPTS),
    Bug("the page accepts a signature in two forms", "api/verifier/ed25519.js",
        " || scalar >= ORDER", "", RECEIPTS),
    Bug("the page does not compare events with their tiles", BUNDLES,
        "if (areTilesWhole && !sameBytes(hash, claimed))", "if (false)", TARS),
    Bug("the page does not compare the root of the events", BUNDLES,
        "if (!byEvents || !sameBytes(byEvents, signed))", "if (!byEvents)", TARS),
    Bug("the page does not compare older checkpoints", BUNDLES,
        "else if (roots && !(computed && sameBytes(computed, old.root)))", "else if (false)", TARS),
    Bug("the page accepts a bundle with an end that is missing", BUNDLES,
        "else if (old.size > checkpoint.size)", "else if (false)", TARS),
    Bug("the page reads on after the end of a tar", BUNDLES,
        "    if (rest.some((byte) => byte !== 0))", "    if (false)", TARS),
    Bug("the page takes a link for a file", BUNDLES,
        " || !sameBytes(headerOf(name, size), block)", "", TARS),
    Bug("a receipt is offered before it is sealed", "api/v1/receipts.py",
        "sealed=latest[id].position <= sealed", "sealed=True", HANDED_OUT),
    Bug("a wallet that lost sees the winner's receipts", "api/v1/receipts.py",
        "        if call.identity.role in PAYERS:\n            await self._check_payer(call, session)\n", "",
        HANDED_OUT),
    Bug("a note that is too long is drawn as a code", "api/pages/checkpoints.py",
        "if one.signatures and len(text) <= CODE_BYTES_MAX:", "if one.signatures:",
        "tests/api/test_verifier.py"),
    Bug("the verifier's policy allows the scripts of the host", "api/pages/verifier.py",
        "script-src {_hash(script())};", "script-src 'self' {_hash(script())};",
        "tests/api/test_verifier.py"),
]  # fmt: skip
