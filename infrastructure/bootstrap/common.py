"""What several processes are made with: settings of responses, tokens, limits, read models."""

from __future__ import annotations

from typing import Final

from api.context import ApiConfig
from api.http.connections import CONNECTIONS_MAX, ConnectionLimits
from api.tokens import Tokens
from infrastructure import descriptors
from infrastructure.database import read_token_secret
from infrastructure.postgres.connections import (
    DatabaseRole,
)
from infrastructure.processors.configured import configured_names
from infrastructure.settings import Settings
from infrastructure.status import Status, read_status
from projections._read_model import all_models
from projections._runner import read_lags

READ_CONNECTIONS_MAX: Final = 8


def read_tokens(url: str, database_role: DatabaseRole) -> Tokens:
    """Signs and verifies tokens with the ledger's secret."""
    return Tokens(read_token_secret(url, database_role))


def connection_limits() -> ConnectionLimits:
    """The limits of one port, with as many connections as the file descriptors allow."""
    allowed = descriptors.connections_max(descriptors.raise_limit())
    return ConnectionLimits(total=min(CONNECTIONS_MAX, allowed))


def make_config(settings: Settings) -> ApiConfig:
    """The settings that affect responses and webhooks."""
    return ApiConfig(
        public_url=settings.public_origin,
        live_public_url=settings.live_origin,
        mode=settings.mode,
        claim_seconds=settings.claim_seconds,
        rate_limit=settings.rate_limit,
        trusted_proxies=settings.trusted_proxies,
        cors_origins=settings.cors_origins,
        fx_spread_basis_points=settings.fx_spread_basis_points,
        fx_rate_days_max=settings.fx_rate_days_max,
        webhook_loopback=settings.webhook_loopback,
    )


def read_model_names() -> list[str]:
    """The name of every read model."""
    return [model.name for model in all_models()]


def read_model_versions() -> dict[str, int]:
    """The version of every read model of this program."""
    return {model.name: model.version for model in all_models()}


def ledger_status(url: str, settings: Settings) -> Status:
    """The state of the ledger, within about 10 s; a failure is a problem of the status."""
    return read_status(url, settings.mode, read_lags, processors=configured_names(settings))
