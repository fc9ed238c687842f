"""The composition root: the only package that imports every other layer."""

from __future__ import annotations

from api.v1.dashboard_links import operator_link
from infrastructure.bootstrap.api_process import WRITER_LANES, ApiProcess, make_api
from infrastructure.bootstrap.common import (
    ledger_status,
    make_config,
    read_model_names,
    read_model_versions,
    read_tokens,
)
from infrastructure.bootstrap.notifier import notifying
from infrastructure.bootstrap.worker import (
    account_credits,
    make_runners,
    open_subjects,
    process_ports,
    working,
)
from infrastructure.opening import make_guard, make_log

__all__ = [
    "WRITER_LANES",
    "ApiProcess",
    "account_credits",
    "ledger_status",
    "make_api",
    "make_config",
    "make_guard",
    "make_log",
    "make_runners",
    "notifying",
    "open_subjects",
    "operator_link",
    "process_ports",
    "read_model_names",
    "read_model_versions",
    "read_tokens",
    "working",
]
