"""Texts that several dashboards share."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from api.pages.texts import Language


@cache
def status_names(language: Language) -> Mapping[str, str]:
    """What has become of a delivery, by its status."""
    _ = language.gettext
    return {
        # Translators: a webhook delivery that is or will be attempted.
        "pending": _("Pending"),
        "delivered": _("Delivered"),
        # Translators: a webhook delivery that was given up.
        "failed": _("Failed"),
        # Translators: a webhook delivery that was not attempted, or not again.
        "skipped": _("Skipped"),
    }


@cache
def endpoint_status_names(language: Language) -> Mapping[str, str]:
    """Whether an endpoint is called, by its status."""
    _ = language.gettext
    return {
        # Translators: a webhook endpoint that is called.
        "enabled": _("Enabled"),
        # Translators: a webhook endpoint that the merchant has paused.
        "paused": _("Paused"),
        # Translators: a webhook endpoint that the ledger no longer calls.
        "disabled": _("Disabled"),
    }


@cache
def refund_status_names(language: Language) -> Mapping[str, str]:
    """What has become of a refund, by its status."""
    _ = language.gettext
    return {
        # Translators: a refund that has not ended.
        "pending": _("Refund pending"),
        "succeeded": _("Refunded"),
        # Translators: a refund that was not made.
        "failed": _("Refund failed"),
    }
