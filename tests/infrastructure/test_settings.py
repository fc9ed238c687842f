"""Settings: what is odd is refused, by name, with status 2."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.settings import SettingsError, load


def test_variables_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    (tmp_path / "qrledger.toml").write_text('port = 9000\nclaim_seconds = 30\nmode = "live"\n')

    settings = load({"QRLEDGER_PORT": "9100", "OTHER": "x"}, tmp_path)

    assert (settings.port, settings.claim_seconds, settings.mode) == (9100, 30, "live")
    assert settings.live_port == 8081
    assert settings.public_origin == "http://127.0.0.1:9100"


@pytest.mark.parametrize(
    ("environ", "word"),
    [
        ({"QRLEDGER_PROT": "1"}, "QRLEDGER_PROT"),
        ({"QRLEDGER_PORT": "x"}, "port"),
        ({"QRLEDGER_PORT": "0"}, "port"),
        ({"QRLEDGER_PORT": "65536"}, "port"),
        ({"QRLEDGER_CLAIM_SECONDS": "0"}, "claim_seconds"),
        ({"QRLEDGER_MODE": "prod"}, "mode"),
        ({"QRLEDGER_PUBLIC_URL": "http://pay.example"}, "public_url"),
        ({"QRLEDGER_PUBLIC_URL": "https://pay.example/x"}, "public_url"),
        ({"QRLEDGER_PUBLIC_URL": "pay.example"}, "public_url"),
        ({"QRLEDGER_LIVE_PUBLIC_URL": "ws://pay.example"}, "live_public_url"),
        ({"QRLEDGER_LIVE_PUBLIC_URL": "https://pay.example"}, "live_public_url"),
        ({"QRLEDGER_TRUSTED_PROXIES": "10.0.0.1, proxy"}, "trusted_proxies"),
        ({"QRLEDGER_PORT": "8081"}, "live_port"),
    ],
)
def test_a_wrong_variable_is_named(environ: dict[str, str], word: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=word):
        load(environ, tmp_path)


@pytest.mark.parametrize(
    ("text", "word"),
    [("prot = 1", "prot"), ("port = 'x'", "port"), ("port = ", "TOML"), ("port = 1.5", "port")],
)
def test_a_wrong_file_is_told(text: str, word: str, tmp_path: Path) -> None:
    (tmp_path / "qrledger.toml").write_text(text)

    with pytest.raises(SettingsError, match=word):
        load({}, tmp_path)


def test_a_file_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    (tmp_path / "qrledger.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(SettingsError, match="cannot be read"):
        load({}, tmp_path)


@given(st.text(max_size=200))
def test_no_file_breaks_the_reader(text: str) -> None:
    folder = Path("/nonexistent")
    try:
        load({"QRLEDGER_PUBLIC_URL": text.replace("\x00", "")}, folder)
    except SettingsError:
        return
