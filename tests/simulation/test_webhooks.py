"""Deliveries on virtual time, in small; `python -m tests.simulation.webhooks` runs many more."""

from __future__ import annotations

from tests.simulation.webhooks import WebhookSimulation


def test_none_is_lost_and_none_is_out_of_order() -> None:
    report = WebhookSimulation(1500, seed=7).run()

    assert report.deliveries == 1500
    assert report.delivered + report.parked == 1500
    assert report.kills > 0
    assert report.attempts > 1500
