"""The files of logos: one contract, in PostgreSQL and in memory; and the command that keeps them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from application.ports.logos import LogoFile, LogoStore
from infrastructure.cli import program
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.logos import PostgresLogos
from tests.support.ledger_fixture import LedgerFixture
from tests.support.logos import largest, picture
from tests.support.memory_logos import MemoryLogos
from tests.support.postgres import rows

Run = Callable[..., Result]
DATA = picture()
SHA256 = hashlib.sha256(DATA).hexdigest()
FILE = LogoFile("image/png", DATA)


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest) -> Iterator[LogoStore]:
    if request.param == "memory":
        yield MemoryLogos()
        return
    pool = ConnectionPool(request.getfixturevalue("database_url"), DatabaseRole.WRITER, size_max=1)
    yield PostgresLogos(pool.connection)
    pool.close()


@pytest.fixture
def run(database_url: str) -> Run:
    environment = {"QRLEDGER_DATABASE_URL": database_url, "QRLEDGER_MODE": "test"}
    words = ("merchants", "branding")
    return lambda *more: CliRunner().invoke(program, (*words, *more), env=environment)


@pytest.fixture
def merchant(postgres_log: PostgresLog) -> str:
    return LedgerFixture(postgres_log).merchant


def test_a_file_is_found_by_its_digest(store: LogoStore) -> None:
    store.keep(SHA256, FILE)
    store.keep(SHA256, FILE)

    assert store.read(SHA256) == FILE
    assert store.read("0" * 64) is None


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("sha256", "file"),
    [
        ("0" * 64, FILE),
        (SHA256, LogoFile("image/svg+xml", DATA)),
        (hashlib.sha256(bytes(16_385)).hexdigest(), LogoFile("image/png", bytes(16_385))),
        (hashlib.sha256(b"").hexdigest(), LogoFile("image/png", b"")),
    ],
)
def test_the_database_keeps_only_what_it_says(
    database_url: str, sha256: str, file: LogoFile
) -> None:
    pool = ConnectionPool(database_url, DatabaseRole.WRITER, size_max=1)

    with pytest.raises(psycopg.errors.CheckViolation):
        PostgresLogos(pool.connection).keep(sha256, file)

    pool.close()


@pytest.mark.postgres
def test_the_operator_sets_and_takes_back(
    run: Run, merchant: str, database_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "logo.svg"  # what it is, its bytes say
    file.write_bytes(largest())

    nothing = run(merchant)
    both = run(merchant, "--logo", str(file), "--accent", "#C8102E")
    shown = json.loads(run(merchant, "--json").output)
    one = run(merchant, "--no-logo")
    none = json.loads(run(merchant, "--no-accent", "--json").output)

    sha256 = hashlib.sha256(largest()).hexdigest()
    assert (nothing.exit_code, nothing.output) == (0, "")
    assert both.output == f"logo image/png, 144 x 48 pixels, {sha256}\naccent #c8102e\n"
    logo = {"sha256": sha256, "media_type": "image/png", "width": 144, "height": 48}
    assert shown == {"merchant": merchant, "logo": logo, "accent": "#c8102e"}
    assert one.output == "accent #c8102e\n"
    assert none == {"merchant": merchant, "logo": None, "accent": None}
    assert rows(database_url, "select encode(sha256, 'hex') from ledger.logos") == [(sha256,)]


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--accent", "red"), "accent: must be a colour such as #0b6b3f"),
        (("--accent", ""), "--accent has no colour; --no-accent takes it back"),
        (("--accent", "#0b6b3f", "--no-accent"), "give a new one or its --no- option, not both"),
        (("--logo", __file__), "logo: must be a whole PNG, JPEG or WebP file"),
        (("--logo", "/dev/zero"), "logo: may have at most 16384 bytes"),
    ],
)
def test_bad_input_is_one_line(
    run: Run, merchant: str, database_url: str, words: tuple[str, ...], said: str
) -> None:
    result = run(merchant, *words)

    assert result.exit_code != 0
    assert said in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert rows(database_url, "select * from ledger.logos") == []


@pytest.mark.postgres
def test_an_unknown_merchant_is_named(run: Run, merchant: str) -> None:
    nobody = "mer_01h455vb4pex5vsknk084sn02q"

    assert f"there is no merchant {nobody}" in run(nobody, "--accent", "#0b6b3f").output
    assert "is not a merchant's id" in run(merchant[:-1], "--accent", "#0b6b3f").output
