"""Figures for Prometheus: the write path, the read models, requests and sockets of this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from api.context import Lag

_FAST = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
LABELS_MAX: Final = 512


class PrometheusMetrics:
    """Counts into a registry of its own."""

    def __init__(self, lags: Callable[[], Sequence[Lag]] | None = None) -> None:
        self.registry = CollectorRegistry()
        self._batch = Histogram(
            "qrledger_batch_commands", "Commands per append", buckets=_SIZES, registry=self.registry
        )
        self._append = Histogram(
            "qrledger_append_seconds", "Time of one append", buckets=_FAST, registry=self.registry
        )
        self._events = Counter("qrledger_events", "Events sent to the log", registry=self.registry)
        self._verdicts = Counter(
            "qrledger_verdicts", "Commands by verdict", ["verdict"], registry=self.registry
        )
        self._queue = Gauge("qrledger_queue_commands", "Commands waiting", registry=self.registry)
        self._requests = Histogram(
            "qrledger_request_seconds", "Time of one request", ["operation", "status"],
            buckets=_FAST, registry=self.registry,
        )  # fmt: skip
        self._request = lru_cache(LABELS_MAX)(self._requests.labels)  # finding a label is not free
        self._verdict = lru_cache(LABELS_MAX)(self._verdicts.labels)
        self._projected = Counter(
            "qrledger_projected_events", "Events taken in", ["name"], registry=self.registry
        )
        self.displaced = Counter(
            "qrledger_connections_displaced",
            "Connections closed or turned away because their port or address was full",
            registry=self.registry,
        )
        self.sockets = Gauge("qrledger_live_sockets", "Open sockets", registry=self.registry)
        self.partings = Counter(
            "qrledger_live_partings",
            "Sockets closed by us, by code",
            ["code"],
            registry=self.registry,
        )
        if lags is not None:
            self.registry.register(_Lags(lags))

    def batch_appended(self, *, commands: int, events: int, seconds: float) -> None:
        """One append, from call to verdicts."""
        self._batch.observe(commands)
        self._append.observe(seconds)
        self._events.inc(events)

    def verdicts_given(self, kind: str, commands: int) -> None:
        """So many commands of a batch had this verdict."""
        self._verdict(kind).inc(commands)

    def queue_depth(self, commands: int) -> None:
        """Commands waiting for the writer."""
        self._queue.set(commands)

    def projected(self, *, name: str, events: int, position: int) -> None:  # noqa: ARG002
        """A read model took a page in."""
        self._projected.labels(name).inc(events)

    def request_served(self, *, operation: str, status: int, seconds: float) -> None:
        """One request."""
        self._request(operation, str(status)).observe(seconds)

    def exposition(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self.registry)


class _Lags(Collector):
    """How far read models are behind, asked of the database at each scrape."""

    def __init__(self, lags: Callable[[], Sequence[Lag]]) -> None:
        self._lags = lags

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing is asked before the first scrape."""
        return []

    def collect(self) -> list[GaugeMetricFamily]:
        """Two gauges per read model; none while the database is away."""
        events = GaugeMetricFamily("qrledger_lag_events", "Events behind the log", labels=["name"])
        seconds = GaugeMetricFamily("qrledger_lag_seconds", "Seconds behind", labels=["name"])
        try:
            found = self._lags()
        except Exception:  # noqa: BLE001 - a scrape shows what it can
            return []
        for lag in found:
            events.add_metric([lag.name], lag.events)
            seconds.add_metric([lag.name], lag.seconds)
        return [events, seconds]
