"""How long the benchmarks take. BENCH_* variables shorten a run, which then writes no table."""

from __future__ import annotations

import os
from typing import Final

TURNS: Final = int(os.environ.get("BENCH_TURNS", "11"))
"""Turns of each comparison."""
SOCKETS: Final = int(os.environ.get("BENCH_SOCKETS", "5000"))
EVENTS: Final = int(os.environ.get("BENCH_EVENTS", "1000000"))
"""Events of the large log."""
BURST: Final = int(os.environ.get("BENCH_BURST", "100000"))
"""Sessions that expire in the same second."""
PICTURES: Final = int(os.environ.get("BENCH_PICTURES", "10000"))
"""Requests for pictures beside payers."""
DELIVERIES: Final = int(os.environ.get("BENCH_DELIVERIES", "100000"))
"""Webhooks that are pending at the same time."""
SHORTENED: Final = any(name.startswith("BENCH_") for name in os.environ)

TURN_SECONDS: Final = 1
SLICE_SECONDS: Final = 2
"""Duration of a slice when two versions of the program are compared."""
SETTLE_SECONDS: Final = 0.3
"""Pause after HTTP load in which the read models catch up; its processor time counts."""
STEADY_SECONDS: Final = int(os.environ.get("BENCH_SECONDS", "8"))
"""Duration of the runs at a steady rate."""
CONNECTIONS: Final = 64
"""Clients of the HTTP load."""
