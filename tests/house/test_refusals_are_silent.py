"""A recorded refusal is for disputes: nobody is told of it, and nothing happens because of it."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import Any

import pytest

import application.processes
import projections
from api.live.protocol import FOLLOWED
from domain.merchants.webhook_endpoint import TYPES
from domain.sessions.refusals import SessionRefusals
from infrastructure.bootstrap.notifier import MERCHANT_TOPICS

TOPIC = SessionRefusals.Recorded.TOPIC


def followers(package: ModuleType) -> list[Any]:
    """Every class of a package that names the events that it follows."""
    names = [f"{package.__name__}.{one.name}" for one in pkgutil.iter_modules(package.__path__)]
    found = [vars(importlib.import_module(name)).values() for name in names]
    classes = [one for values in found for one in values if isinstance(one, type)]
    return [one for one in classes if isinstance(getattr(one, "follows", None), tuple)]


def test_neither_live_messages_nor_webhooks_tell_of_a_refusal() -> None:
    assert TOPIC not in FOLLOWED | MERCHANT_TOPICS | TYPES


@pytest.mark.parametrize("package", [application.processes, projections])
def test_neither_a_process_nor_a_read_model_follows_refusals(package: ModuleType) -> None:
    classes = followers(package)

    assert len(classes) > 3
    for one in classes:
        assert TOPIC not in {event.TOPIC for event in one.follows}, one
