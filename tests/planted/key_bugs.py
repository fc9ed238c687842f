"""Known bugs of the signing keys, their file, and what is signed with them."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

FILE, SET, KEYS = (
    f"infrastructure/qr_keys/{name}.py" for name in ("key_file", "key_set", "file_keys")
)
SHARED = "infrastructure/private_files.py"
OFFER, ACCEPT = "domain/qr/offer.py", "api/http/accept.py"
OF_FILE, OF_PORT = (
    "tests/infrastructure/test_qr_key_file.py",
    "tests/infrastructure/test_code_keys.py",
)
OF_OFFER, OF_API = "tests/domain/qr/test_offer.py", "tests/api/test_offers.py"
OF_COMMANDS = "tests/infrastructure/test_qr_key_commands.py"

KEY_BUGS: Final = [
    Bug("a revoked key is accepted", KEYS,
        "        if key.revoked_at is not None:\n", "        if False:\n", OF_PORT),
    Bug("a retired key is refused", KEYS,
        "        if key.revoked_at is not None:\n", "        if key.retired_at is not None:\n", OF_PORT),
    Bug("the key file is read at the start only", KEYS,
        "        if _stamp(self._path) == self._known.stamp:\n", "        if self._known.by_id:\n", OF_FILE),
    Bug("a change of the key file is noticed by its time only", KEYS,
        "found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns",
        "found.st_dev, found.st_mtime_ns", OF_FILE),
    Bug("a broken key file takes the last keys away", KEYS,
        "_Known(stamp, str(error), before.signing, before.public, before.by_id)",
        "_Known(stamp, str(error), None, (), {})", OF_FILE),
    Bug("a broken key file is reported at every look", KEYS,
        "if known.problem and known.problem != before.problem:", "if known.problem:\n"
        "            known = _Known((-2,), known.problem, known.signing, known.public, known.by_id)", OF_FILE),
    Bug("the key file is readable by others", SHARED, "FILE_MODE: Final = 0o600", "FILE_MODE: Final = 0o644", OF_FILE),
    Bug("a key file that others can read is used", SHARED,
        "            if status.st_mode & OTHERS:\n", "            if False:\n", OF_FILE),
    Bug("the key file gets its name before it is on the disk", SHARED,
        "        os.fsync(descriptor)\n\n\ndef replace", "        pass\n\n\ndef replace", OF_FILE),
    Bug("the key file is written in place", SHARED,
        'new = path.with_name(path.name + ".new")', "new = path", OF_FILE),
    Bug("a key file that cannot be used is replaced by a new one", FILE,
        "    except NoKeyFile:\n", "    except BadKeyFile:\n", OF_FILE),
    Bug("two commands change the key file at once", SHARED,
        "        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)\n", "        pass\n", OF_FILE),
    Bug("rotation keeps the old private half", SET,
        "                if key is self.current\n", "                if True\n", OF_COMMANDS),
    Bug("a revoked key goes on signing", SET,
        "self.rotated(replacement, at) if found is self.current else self", "self", OF_PORT),
    Bug("a key file of a newer format is read", SET, "    if found > FORMAT:\n", "    if False:\n", OF_FILE),
    Bug("the id in a key file need not be its key's", SET,
        "    if record.id != key_id(raw):\n", "    if False:\n", OF_FILE),
    Bug("an offer is signed without its expiry", OFFER,
        '        "expires_at": times.to_text(offer.expires_at),\n', "", OF_OFFER),
    Bug("an offer is signed without its header", OFFER,
        "_base64(key(signed.encode()))", "_base64(key(signed.partition('.')[2].encode()))", OF_API),
    Bug("an offer states when its session was changed, not when it was served",
        "api/pages/offers.py", "served_at=now,", "served_at=session.modified_on,", OF_API),
    Bug("an offer of a session that has ended looks payable", "api/pages/offers.py",
        "status=session.status_at(now).value,", 'status="created",', OF_API),
    Bug("an offer may be cached", "api/pages/offers.py", '"Cache-Control": "no-store"',
        '"Cache-Control": "max-age=60"', OF_API),
    Bug("a revoked key is published among the others", "api/views/code_keys.py",
        "keys=[_jwk_view(key) for key in keys if key.revoked_at is None],",
        "keys=[_jwk_view(key) for key in keys],", OF_API),
    Bug("qualities of media types are ignored", ACCEPT,
        '            found = int(quality.replace(".", "").ljust(4, "0"))\n',
        "            found = 1000\n", "tests/api/test_accept.py"),
    Bug("a wildcard is as good as a name", ACCEPT,
        "return quality, precision, -index if precision == NAMED else index",
        "return quality, 0, -index", "tests/api/test_accept.py"),
]  # fmt: skip
"""Each one is caught by the named tests."""
