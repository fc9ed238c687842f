"""Refused scans are exported by cause: every cause from the start, and no other."""

from __future__ import annotations

import re

from application.scanning import CAUSES
from infrastructure.metrics import PrometheusMetrics


def counted(metrics: PrometheusMetrics) -> dict[str, float]:
    text = metrics.exposition().decode()
    return {
        cause: float(value)
        for cause, value in re.findall(r'qrledger_scans_refused_total{cause="([^"]+)"} (\S+)', text)
    }


def test_every_cause_is_exported_before_its_first_refusal() -> None:
    metrics = PrometheusMetrics()

    assert counted(metrics) == dict.fromkeys(CAUSES, 0.0)
    metrics.scan_refused(cause="bad-signature")
    assert counted(metrics) == {**dict.fromkeys(CAUSES, 0.0), "bad-signature": 1.0}
