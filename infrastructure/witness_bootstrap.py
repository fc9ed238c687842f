"""The composition root of the witness, which has neither a database nor the ledger's API."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.http.connections import ConnectionTable
from api.http.security_headers import security_headers
from api.witness import LIMITS, WitnessApplication, WitnessRefusals
from application.witnessing.witness import Witness
from infrastructure.http_server import listen, serving
from infrastructure.settings import Settings
from infrastructure.witnessing.home import WitnessHome


@asynccontextmanager
async def witnessing(settings: Settings) -> AsyncIterator[Witness]:
    """Serve the witness within the context; on exit, complete the requests in flight.

    Raises (checked in this order):
        WitnessHomeError: the folder is in use, or key, logs or memory cannot be used.
        PortInUse: the port cannot be bound.
    """
    home = WitnessHome(settings.witness_folder)
    key, logs = home.key(), home.logs()
    with home.locked():
        witness = Witness(key, logs, home.memory(), lambda: int(time.time()))
        listening = listen(settings.host, settings.witness_port, setting="QRLEDGER_WITNESS_PORT")
        table = ConnectionTable(LIMITS)
        refusals = WitnessRefusals(LIMITS, security_headers(secure=False))
        app = WitnessApplication(witness.add_checkpoint)
        async with serving(app, listening, table, refusals):
            yield witness
