from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.audit import note, vkey
from domain.audit.errors import (
    BadSignature,
    EvidenceError,
    MalformedCheckpoint,
    MalformedKey,
    MalformedNote,
    UnknownSigner,
)
from domain.audit.note import Checkpoint, Note
from domain.audit.vkey import KeyType, SigningKey

VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
PUBLISHED = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ON"
    "ncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
LOG = SigningKey.of("example.com/log", KeyType.NOTE, SEED)
WITNESS = SigningKey.of("witness.example/w1", KeyType.COSIGNATURE, bytes(range(32)))
HEAD = Checkpoint("example.com/log", 8, bytes(range(32)))
SIGNED = HEAD.note(LOG)


def test_the_published_note_is_accepted() -> None:
    found = note.parse(PUBLISHED)
    key = vkey.parse(VKEY)

    assert found.verify([key]) == {key: None}
    assert found.encode() == PUBLISHED
    assert str(key) == VKEY


def test_the_published_signature_of_ed25519() -> None:
    assert LOG.verifier.public.hex() == (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )
    assert LOG.sign("").hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701"
        "cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )


def test_a_checkpoint_is_three_lines() -> None:
    assert HEAD.text == f"example.com/log\n8\n{b64encode(HEAD.root).decode()}\n"
    assert note.parse_checkpoint(HEAD.text) == HEAD


def test_log_and_witness_sign_one_note() -> None:
    both = SIGNED.signed_by(WITNESS, time=1_679_315_147)

    found = note.parse(both.encode())

    assert found == both
    assert found.verify([LOG.verifier, WITNESS.verifier]) == {
        LOG.verifier: None,
        WITNESS.verifier: 1_679_315_147,
    }


def test_a_new_cosignature_replaces_the_old_one_of_its_key() -> None:
    again = SIGNED.signed_by(WITNESS, time=1).signed_by(WITNESS, time=3601)

    assert again.verify([WITNESS.verifier]) == {WITNESS.verifier: 3601}
    assert len(again.signatures) == 2


def test_a_witness_signs_the_time_too() -> None:
    line = SIGNED.signed_by(WITNESS, time=1).signatures[1]
    later = line._replace(signature=(2).to_bytes(8, "big") + line.signature[8:])

    with pytest.raises(BadSignature):
        Note(HEAD.text, [later]).verify([WITNESS.verifier])


@pytest.mark.parametrize("time", [None, -1, 2**63])
def test_a_cosignature_needs_a_time(time: int | None) -> None:
    with pytest.raises(ValueError, match="time"):
        WITNESS.sign(HEAD.text, time=time)


@given(st.integers(0, len(SIGNED.encode()) - 1), st.integers(0, 7))
def test_no_bit_of_a_signed_note_can_change(at: int, bit: int) -> None:
    data = bytearray(SIGNED.encode())
    data[at] ^= 1 << bit

    with pytest.raises(EvidenceError):
        note.parse(bytes(data)).verify([LOG.verifier])


def test_lines_of_unknown_keys_are_ignored() -> None:
    stranger = SigningKey.of("example.com/log", KeyType.NOTE, bytes(32))

    both = SIGNED.signed_by(stranger)

    assert both.verify([LOG.verifier]) == {LOG.verifier: None}
    with pytest.raises(UnknownSigner):
        HEAD.note(stranger).verify([LOG.verifier])


def test_a_bad_line_of_a_known_key_refuses_the_whole_note() -> None:
    forged = SIGNED.signatures[0]._replace(signature=bytes(64))

    for lines in ([forged], [SIGNED.signatures[0], forged], [forged, SIGNED.signatures[0]]):
        with pytest.raises(BadSignature):
            Note(HEAD.text, lines).verify([LOG.verifier])


def test_one_key_signs_once() -> None:
    with pytest.raises(BadSignature, match="twice"):
        Note(HEAD.text, [*SIGNED.signatures] * 2).verify([LOG.verifier])


@pytest.mark.parametrize("length", [0, 63, 65])
def test_a_signature_has_64_bytes(length: int) -> None:
    with pytest.raises(BadSignature):
        LOG.verifier.verify(HEAD.text, bytes(length))
    with pytest.raises(BadSignature):
        WITNESS.verifier.verify(HEAD.text, bytes(8 + length))


LINE = SIGNED.signatures[0].line
NOTES = {
    "nothing": b"",
    "carriage returns": SIGNED.encode().replace(b"\n", b"\r\n"),
    "one carriage return": SIGNED.encode().replace(b"8\n", b"8\r\n"),
    "a tab": SIGNED.encode().replace(b" ", b"\t"),
    "a NUL": SIGNED.encode() + b"\0",
    "not UTF-8": b"\xff" + SIGNED.encode(),
    "a lone surrogate": b"\xed\xa0\x80" + SIGNED.encode(),
    "no signature": HEAD.text.encode(),
    "no signature, an empty line": HEAD.text.encode() + b"\n",
    "no text": b"\n" + LINE.encode(),
    "no newline at the end": SIGNED.encode()[:-1],
    "an empty line at the end": SIGNED.encode() + b"\n",
    "a line after the signatures": SIGNED.encode() + b"hello\n",
    "a line between text and signature": f"{HEAD.text}\nhello\n{LINE}".encode(),
    "a hyphen": SIGNED.encode().replace("\u2014".encode(), b"-"),
    "two spaces": SIGNED.encode().replace("\u2014 ".encode(), "\u2014  ".encode()),
    "no name": SIGNED.encode().replace("\u2014 example.com/log".encode(), "\u2014 ".encode()),
    "a name with a plus": f"{HEAD.text}\n{LINE.replace('/log', '+log')}".encode(),
    "a name with a no-break space": f"{HEAD.text}\n{LINE.replace('/log', chr(0xA0))}".encode(),
    "base64 without padding": f"{HEAD.text}\n{LINE.replace('=', '')}".encode(),
    "base64 with another alphabet": f"{HEAD.text}\n\u2014 a/b {'-_' * 40}\n".encode(),
    "base64 that is not canonical": f"{HEAD.text}\n\u2014 a/b AAAAAAAAAAB=\n".encode(),
    "a key id alone": f"{HEAD.text}\n\u2014 a/b AAAAAA==\n".encode(),
    "65 signatures": f"{HEAD.text}\n{LINE * 65}".encode(),
    "too long": b"a" * note.NOTE_BYTES_MAX + SIGNED.encode(),
}


@pytest.mark.parametrize("name", NOTES)
def test_what_is_no_note_is_refused(name: str) -> None:
    with pytest.raises(MalformedNote):
        note.parse(NOTES[name])


ROOT = b64encode(bytes(32)).decode()
TEXTS = {
    "an extension line": f"a/b\n8\n{ROOT}\nmore\n",
    "an empty line": f"a/b\n8\n{ROOT}\n\n",
    "two lines": "a/b\n8\n",
    "no newline": f"a/b\n8\n{ROOT}",
    "no origin": f"\n8\n{ROOT}\n",
    "an origin with a space": f"a b\n8\n{ROOT}\n",
    "an origin with a plus": f"a+b\n8\n{ROOT}\n",
    "a leading zero": f"a/b\n08\n{ROOT}\n",
    "a sign": f"a/b\n+8\n{ROOT}\n",
    "a negative size": f"a/b\n-8\n{ROOT}\n",
    "digits of another script": f"a/b\n٨\n{ROOT}\n",
    "a size with a space": f"a/b\n8 \n{ROOT}\n",
    "a huge size": f"a/b\n{2**63}\n{ROOT}\n",
    "a very long size": f"a/b\n{'9' * 5000}\n{ROOT}\n",
    "a short root": "a/b\n8\nAAAA\n",
    "a root that is not canonical": f"a/b\n8\n{ROOT[:-2]}B=\n",
    "a root with a space": f"a/b\n8\n {ROOT}\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_no_checkpoint_is_refused(name: str) -> None:
    with pytest.raises(MalformedCheckpoint):
        note.parse_checkpoint(TEXTS[name])


KEYS = {
    "nothing": "",
    "no key": "example.com/foo+530d903a",
    "another id": VKEY.replace("530d903a", "530d903b"),
    "an id in upper case": VKEY.replace("530d903a", "530D903A"),
    "another name": VKEY.replace("foo", "bar"),
    "a name with a space": VKEY.replace("example", "exam ple"),
    "no name": VKEY.removeprefix("example.com/foo"),
    "an algorithm that is not used": VKEY.replace("+Ae", "+Bu"),
    "a short key": "a/b+00000000+AQAA",
    "no base64": "a/b+00000000+****",
    "an empty key": "a/b+00000000+",
    "a newline": VKEY + "\n",
    "a long name": VKEY.replace("foo", "f" * 300),
    "a signing key": LOG.private_text(),
}


@pytest.mark.parametrize("name", KEYS)
def test_what_is_no_key_is_refused(name: str) -> None:
    with pytest.raises(MalformedKey):
        vkey.parse(KEYS[name])


@pytest.mark.parametrize("key", [LOG, WITNESS], ids=["log", "witness"])
def test_a_signing_key_is_read_as_it_was_written(key: SigningKey) -> None:
    read = vkey.parse_private(key.private_text())

    assert read == key
    assert vkey.parse(str(key.verifier)) == key.verifier


@pytest.mark.parametrize("text", ["", VKEY, LOG.private_text()[:-4], LOG.private_text() + "\n"])
def test_what_is_no_signing_key_is_refused(text: str) -> None:
    with pytest.raises(MalformedKey):
        vkey.parse_private(text)


def test_a_signing_key_does_not_show_its_private_half() -> None:
    private = LOG.private_text().rpartition("+")[2]

    assert private not in repr(LOG)
    assert SEED.hex() not in repr(LOG)
    with pytest.raises(MalformedKey) as caught:
        vkey.parse_private(LOG.private_text().replace("log", "lag"))
    assert private not in str(caught.value)


def test_a_seed_has_32_bytes() -> None:
    with pytest.raises(MalformedKey):
        SigningKey.of("a/b", KeyType.NOTE, bytes(31))


def test_one_key_in_two_roles_has_two_ids() -> None:
    witness = SigningKey.of("example.com/log", KeyType.COSIGNATURE, SEED)

    assert witness.verifier.key_id != LOG.verifier.key_id
    with pytest.raises(UnknownSigner):
        SIGNED.verify([witness.verifier])


def test_the_lines_that_a_witness_answers_with_are_read() -> None:
    lines = SIGNED.signed_by(WITNESS, time=7).signatures[1:]

    assert note.parse_lines(lines[0].line) == tuple(lines)
    for bad in ("", "\n", "hello\n", lines[0].line[:-1], lines[0].line + "\n", "\ud800\n"):
        with pytest.raises(MalformedNote):
            note.parse_lines(bad)
