"""Prometheus metrics of this process: write path, read models, requests, sockets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from application.health import Health
from application.refusals import OUTCOMES
from application.scanning import CAUSES
from infrastructure.task_counts import LATE_SECONDS, TaskCounts

_FAST = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
LABELS_MAX: Final = 512
_TASK_GAUGES: Final = {
    "due": "Tasks that are due and not done",
    "late": f"Tasks that have been due for more than {LATE_SECONDS:.0f} s",
    "retried": "Tasks to be repeated",
    "parked": "Tasks that wait for a person",
    "oldest_seconds": "For how long the oldest due task has been due",
}


class PrometheusMetrics:
    """Metrics in a registry of their own."""

    def __init__(
        self,
        health: Callable[[], Health] | None = None,
        loops: Callable[[], Mapping[str, bool]] = dict,
        tasks: Callable[[], Sequence[TaskCounts]] = tuple,
    ) -> None:
        """Register the metrics.

        Args:
            health: called at each scrape for lags and the worker's loops; may raise.
            loops: this process's own loops by name, true for a halted one.
            tasks: called at each scrape for the tasks of every process; may raise.
        """
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
        self._clock = Gauge(
            "qrledger_clock_doubt",
            "1 while the database's clock is in doubt",
            registry=self.registry,
        )
        self._signing_keys = Gauge(
            "qrledger_signing_keys_unusable",
            "1 while the file of signing keys cannot be used",
            registry=self.registry,
        )
        self._requests = Histogram(
            "qrledger_request_seconds", "Time of one request", ["operation", "status"],
            buckets=_FAST, registry=self.registry,
        )  # fmt: skip
        self._request = lru_cache(LABELS_MAX)(
            self._requests.labels
        )  # looking up a label is expensive
        self._verdict = lru_cache(LABELS_MAX)(self._verdicts.labels)
        self._projected = Counter(
            "qrledger_projected_events",
            "Events applied to a read model",
            ["name"],
            registry=self.registry,
        )
        self.displaced = Counter(
            "qrledger_connections_displaced",
            "Connections closed or refused because their port or address was full",
            registry=self.registry,
        )
        self.sockets = Gauge("qrledger_live_sockets", "Open sockets", registry=self.registry)
        self.streams = Gauge("qrledger_live_streams", "Open streams", registry=self.registry)
        self.disconnects = Counter(
            "qrledger_live_partings",
            "Sockets and event streams closed by the server, by code",
            ["code"],
            registry=self.registry,
        )
        self._callbacks = Counter(
            "qrledger_callbacks",
            "Callbacks of processors: stored, repeated, irrelevant, malformed, unauthentic",
            ["processor", "outcome"],
            registry=self.registry,
        )
        self._unknown = Counter(
            "qrledger_unknown_events",
            "Events that were read and skipped because this program does not know their topic",
            registry=self.registry,
        )
        self._tasks = Counter(
            "qrledger_tasks",
            "Tasks of processes by what became of them",
            ["process", "outcome"],
            registry=self.registry,
        )
        self._scans_refused = Counter(
            "qrledger_scans_refused",
            "Scans of codes that were refused, by cause",
            ["cause"],
            registry=self.registry,
        )
        self._refusals = Counter(
            "qrledger_refusals",
            "Refusals that payers may dispute: recorded, skipped, dropped",
            ["outcome"],
            registry=self.registry,
        )
        for outcome in OUTCOMES:
            self._refusals.labels(outcome)
        for cause in CAUSES:  # an alarm on a rate needs the zero before the first one
            self._scans_refused.labels(cause)
        self.registry.register(_Health(health, loops))
        self.registry.register(_Tasks(tasks))

    def batch_appended(self, *, commands: int, events: int, seconds: float) -> None:
        """Count one append; `seconds` from the call to the verdicts."""
        self._batch.observe(commands)
        self._append.observe(seconds)
        self._events.inc(events)

    def verdicts_given(self, kind: str, commands: int) -> None:
        """Count the commands of a batch that had this verdict."""
        self._verdict(kind).inc(commands)

    def queue_depth(self, commands: int) -> None:
        """Set the number of commands waiting for the writer."""
        self._queue.set(commands)

    def refusal_settled(self, outcome: str) -> None:
        """Count a refusal that a payer may dispute."""
        self._refusals.labels(outcome).inc()

    def signing_keys_read(self, *, unusable: bool) -> None:
        """Set whether the file of signing keys could not be used when it was last read."""
        self._signing_keys.set(unusable)

    def clock_judged(self, *, in_doubt: bool) -> None:
        """Set whether the database's clock was in doubt when it was last read."""
        self._clock.set(in_doubt)

    def projected(self, *, name: str, events: int, position: int) -> None:  # noqa: ARG002
        """Count a page applied to a read model."""
        self._projected.labels(name).inc(events)

    def tasks_settled(self, *, process: str, outcome: str, tasks: int) -> None:
        """Count tasks of a process: done, retried, parked, refused or lost."""
        self._tasks.labels(process, outcome).inc(tasks)

    def scan_refused(self, *, cause: str) -> None:
        """Count a refused scan by its cause."""
        self._scans_refused.labels(cause).inc()

    def request_served(self, *, operation: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._request(operation, str(status)).observe(seconds)

    def callback_received(self, *, processor: str, outcome: str) -> None:
        """Count a callback of a configured processor."""
        self._callbacks.labels(processor, outcome).inc()

    def disconnected(self, code: int) -> None:
        """Count a socket or an event stream that this process closed."""
        self.disconnects.labels(str(code)).inc()

    def unknown_event(self, _topic: str) -> None:
        """Count a skipped event, without its topic: stored text must not create time series."""
        self._unknown.inc()

    def exposition(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self.registry)


class _Health(Collector):
    """The lags of the read models and the halted loops, read at each scrape."""

    def __init__(
        self, health: Callable[[], Health] | None, loops: Callable[[], Mapping[str, bool]]
    ) -> None:
        self._health = health
        self._loops = loops

    def describe(self) -> list[GaugeMetricFamily]:
        """No metrics: registering must not query the database."""
        return []

    def collect(self) -> list[GaugeMetricFamily]:
        """Two gauges per read model and one per loop; without the database, the own loops only."""
        events = GaugeMetricFamily("qrledger_lag_events", "Events behind the log", labels=["name"])
        seconds = GaugeMetricFamily(
            "qrledger_lag_seconds", "Seconds behind the log", labels=["name"]
        )
        halted = GaugeMetricFamily(
            "qrledger_loop_halted", "1 if the loop is halted", labels=["name"]
        )
        for name, is_halted in self._loops().items():
            halted.add_metric([name], float(is_halted))
        if self._health is None:
            return [halted]
        try:
            health = self._health()
        except Exception:  # noqa: BLE001 - a scrape shows what it can
            return [halted]
        for name, is_halted in health.loops.items():
            halted.add_metric([name], float(is_halted))
        for lag in health.lags:
            events.add_metric([lag.name], lag.events)
            seconds.add_metric([lag.name], lag.seconds)
        return [events, seconds, halted]


class _Tasks(Collector):
    """The tasks of every process, counted at each scrape."""

    def __init__(self, tasks: Callable[[], Sequence[TaskCounts]]) -> None:
        self._tasks = tasks

    def describe(self) -> list[GaugeMetricFamily]:
        """No metrics: registering must not query the database."""
        return []

    def collect(self) -> list[GaugeMetricFamily]:
        """Five gauges per process; none without the database."""
        try:
            counted = self._tasks()
        except Exception:  # noqa: BLE001 - a scrape shows what it can
            return []
        gauges = []
        for name, what in _TASK_GAUGES.items():
            gauge = GaugeMetricFamily(f"qrledger_tasks_{name}", what, labels=["process"])
            for tasks in counted:
                gauge.add_metric([tasks.process], getattr(tasks, name))
            gauges.append(gauge)
        return gauges
