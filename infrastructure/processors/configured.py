"""The processors of an installation, as its settings name them."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final
from uuid import uuid4

from application.ports.processor import Processor
from infrastructure.processors import generic_psp, sandbox
from infrastructure.processors.breaker import Guarded
from infrastructure.processors.generic_psp import GenericPsp
from infrastructure.processors.sandbox import Sandbox
from infrastructure.processors.sandbox_store import SandboxStore
from infrastructure.settings import Settings, SettingsError

STRIPE: Final = "stripe"
"""As in `stripe_processor`, which can be imported only with the extra."""


def configured_names(settings: Settings) -> list[str]:
    """The names of the processors that `make_processors` makes."""
    has = {
        sandbox.NAME: settings.mode == "test",
        generic_psp.NAME: bool(settings.psp_base_url),
        STRIPE: bool(settings.stripe_api_key),
    }
    return [name for name, is_configured in has.items() if is_configured]


def make_sandbox(
    settings: Settings, store: SandboxStore, *, token_secret: bytes, now: Callable[[], datetime]
) -> Sandbox:
    """The sandbox of a test ledger; its secret is derived from the ledger's.

    Args:
        settings: name the origin of its page.
        store: remembers its charges.
        token_secret: the ledger's.
        now: the ledger's time.
    """
    secret = hmac.digest(token_secret, b"sandbox processor", "sha256")
    return Sandbox(store, secret=secret, public_url=settings.public_origin, now=now)


def make_processors(
    settings: Settings,
    test_processor: Sandbox,
    on_rest: Callable[[str, float], None] = lambda _name, _seconds: None,
    *,
    now: Callable[[], datetime],
) -> Mapping[str, Processor]:
    """Every processor by its name; the sandbox in test ledgers only.

    Args:
        settings: name them.
        test_processor: the sandbox.
        on_rest: told whenever the breaker of a processor opens, and for how long; 0: it closes.
        now: the ledger's time.

    Raises:
        SettingsError: Stripe is configured and its extra is not installed.
    """
    made: dict[str, Processor] = {}
    if settings.mode == "test":
        made[sandbox.NAME] = test_processor
    if settings.psp_base_url:
        secret = settings.psp_secret.encode()
        made[generic_psp.NAME] = Guarded(
            GenericPsp(settings.psp_base_url, secret, new_nonce=lambda: uuid4().hex),
            on_rest=partial(on_rest, generic_psp.NAME),
        )
    if settings.stripe_api_key:
        try:
            from infrastructure.processors import stripe_processor  # noqa: PLC0415 - an extra
        except ImportError:
            msg = "setting stripe_api_key: needs the extra: pip install 'qrledger[stripe]'"
            raise SettingsError(msg) from None
        made[stripe_processor.NAME] = Guarded(
            stripe_processor.Stripe(
                settings.stripe_api_key,
                settings.stripe_webhook_secret,
                mode=settings.mode,
                confirms_manually=settings.stripe_manual_confirmation,
                redirect_method=settings.stripe_redirect_method,
                now=now,
            ),
            on_rest=partial(on_rest, stripe_processor.NAME),
        )
    return made
