"""What a watcher has seen, as a text file for Prometheus (the node exporter's textfile format)."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, write_to_textfile

from infrastructure.watching.watch import AlarmKind


class WatchMetrics:
    """The figures of one watcher. The file is replaced as a whole after every look."""

    def __init__(self, path: Path | None) -> None:
        """Count; `path` None: nothing is written."""
        self._path = path
        self._registry = registry = CollectorRegistry()
        prefix = "qrledger_audit_watch"
        self._looks = Counter(
            f"{prefix}_looks", "Times that the log was looked at.", registry=registry
        )
        self._failures = Counter(
            f"{prefix}_failures", "Looks without a usable answer.", registry=registry
        )
        self._size = Gauge(
            f"{prefix}_size", "Events of the newest trusted head.", registry=registry
        )
        self._looked_at = Gauge(
            f"{prefix}_last_look_timestamp_seconds",
            "When the log last gave a head that is trusted.",
            registry=registry,
        )
        self._alarms = Gauge(
            f"{prefix}_alarm", "1 after an alarm of this kind.", ["kind"], registry=registry
        )
        for kind in AlarmKind:
            self._alarms.labels(kind.value).set(0)

    def looked(self, size: int, at: float) -> None:
        """A look has found a head to be trusted."""
        self._looks.inc()
        self._size.set(size)
        self._looked_at.set(at)
        self._write()

    def failed(self) -> None:
        """A look had no usable answer."""
        self._looks.inc()
        self._failures.inc()
        self._write()

    def alarm(self, kind: AlarmKind) -> None:
        """An alarm was raised."""
        self._looks.inc()
        self._alarms.labels(kind.value).set(1)
        self._write()

    def _write(self) -> None:
        """Write the file.

        Raises:
            OSError: it cannot be written.
        """
        if self._path is not None:
            write_to_textfile(str(self._path), self._registry)
