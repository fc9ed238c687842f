"""Which processors an installation has."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from infrastructure.processors.configured import (
    configured_names,
    make_processors,
    make_sandbox,
)
from infrastructure.processors.sandbox_store import MemorySandboxStore
from infrastructure.settings import Settings, SettingsError
from tests.support.processors import NOW

STRIPE: dict[str, Any] = {
    "stripe_api_key": "sk_live_0123456789",
    "stripe_webhook_secret": "whsec_0123456789",
}
PSP: dict[str, Any] = {"psp_base_url": "https://psp.example", "psp_secret": "0123456789" * 3}


def names(settings: Settings) -> set[str]:
    sandbox = make_sandbox(settings, MemorySandboxStore(), token_secret=bytes(32), now=lambda: NOW)
    made = set(make_processors(settings, sandbox, now=lambda: NOW))
    assert made == set(configured_names(settings))
    return made


def test_only_a_test_ledger_has_the_sandbox() -> None:
    assert names(Settings(mode="test")) == {"sandbox"}
    assert names(Settings(mode="live")) == set()


def test_each_configured_processor_has_its_name() -> None:
    assert names(Settings(mode="live", **STRIPE, **PSP)) == {"psp", "stripe"}


def test_without_its_extra_stripe_is_refused_by_its_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "stripe", None)
    for name in [name for name in sys.modules if "stripe_processor" in name]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if "stripe_transport" in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("infrastructure.processors.stripe_processor", raising=False)

    with pytest.raises(SettingsError, match="qrledger\\[stripe\\]"):
        names(Settings(mode="live", **STRIPE))
