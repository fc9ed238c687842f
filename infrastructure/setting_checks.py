"""What single settings have to be. Messages name the setting, and quote no secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.sealing import sealed_log
from infrastructure import origins
from infrastructure.postgres import urls
from infrastructure.processors import checks


class SettingsError(Exception):
    """A setting is unknown or invalid; the message names it and says what is expected."""


def check_database_url(name: str, url: str) -> None:
    """A URL of a database is one that this program can use; empty: it is not set."""
    if not url:
        return
    try:
        urls.check(url)
    except urls.BadDatabaseUrl as error:
        msg = f"setting {name}: {error}"
        raise SettingsError(msg) from None


def listen_host(host: str) -> str:
    """The host to listen on, as addresses are written."""
    try:
        return origins.listen_host(host)
    except ValueError:
        msg = "setting host: must be an IP address or a host name, without a port"
        raise SettingsError(msg) from None


def check_log_origin(host: str) -> None:
    """The host in the name of the log."""
    if host and not sealed_log.HOST.fullmatch(host):
        msg = "setting log_origin: must be a host name in lower case, with or without a port"
        raise SettingsError(msg)


def public_origin(name: str, url: str, schemes: tuple[str, str]) -> str:
    """The origin as browsers write it, or empty."""
    if not url:
        return url
    try:
        scheme, host, port = origins.parse(url, schemes)
    except ValueError:
        msg = (
            f"setting {name}: must be an origin such as {schemes[1]}://pay.example, without a path "
            "or a trailing slash"
        )
        raise SettingsError(msg) from None
    if scheme == schemes[0] and not origins.is_loopback(host):
        msg = f"setting {name}: must be {schemes[1]} unless the host is loopback"
        raise SettingsError(msg)
    return origins.write(scheme, host, port)


def check_processors(mode: str, settings: Mapping[str, Any]) -> None:
    """Each processor has all of its settings or none; messages quote no secret."""
    for name, other in (
        ("stripe_api_key", "stripe_webhook_secret"),
        ("stripe_webhook_secret", "stripe_api_key"),
        ("psp_base_url", "psp_secret"),
        ("psp_secret", "psp_base_url"),
    ):
        if settings[name] and not settings[other]:
            msg = f"setting {other}: is missing, and {name} is set"
            raise SettingsError(msg)
    checked = {
        "stripe_api_key": lambda key: checks.check_api_key(key, mode),
        "stripe_webhook_secret": checks.check_webhook_secret,
        "psp_base_url": checks.check_base_url,
        "psp_secret": checks.check_shared_secret,
    }
    for name, check in checked.items():
        if value := settings[name]:
            try:
                check(value)
            except ValueError as error:
                msg = f"setting {name}: {error}"
                raise SettingsError(msg) from None
