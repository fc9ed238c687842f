"""The metrics of requests are those that the library's own histogram would give."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from infrastructure.metrics import BUCKET_SECONDS, PrometheusMetrics

times = st.one_of(
    st.sampled_from([0.0, *BUCKET_SECONDS]),
    st.floats(0, 100, allow_nan=False, allow_infinity=False),
)


def lines(exposition: bytes) -> list[str]:
    found = [
        line for line in exposition.decode().splitlines() if "qrledger_request_seconds" in line
    ]
    return [line for line in found if "_created" not in line]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([200, 404]), times), max_size=20))
def test_the_times_of_requests_are_exposed_as_the_library_does(
    requests: list[tuple[str, int, float]],
) -> None:
    registry = CollectorRegistry()
    histogram = Histogram(
        "qrledger_request_seconds", "Time of one request", ["operation", "status"],
        buckets=BUCKET_SECONDS, registry=registry,
    )  # fmt: skip
    metrics = PrometheusMetrics()

    for operation, status, seconds in requests:
        metrics.request_served(operation=operation, status=status, seconds=seconds)
        histogram.labels(operation, str(status)).observe(seconds)

    assert lines(metrics.exposition()) == lines(generate_latest(registry))
