"""The live source: the ECB's daily file, over HTTPS."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Final

import httpx2

from application.ports.rates import DailyRates, RatesNotFetched
from infrastructure.fx.ecb_files import FILE_BYTES_MAX, read_xml

URL: Final = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml"
STEP_SECONDS: Final = 5.0
"""The limit of connecting, and of each read."""
FETCH_SECONDS: Final = 15.0
"""The limit of the whole call."""


class EcbLive:
    """`application.ports.rates.RateProvider` over the ECB's web site. Follows no redirect."""

    def __init__(self, transport: httpx2.BaseTransport | None = None, *, url: str = URL) -> None:
        """Fetch rates.

        Args:
            transport: takes the requests; None for the network.
            url: of the file.
        """
        self._transport = transport
        self._url = url

    def fetch(self) -> Sequence[DailyRates]:
        """See the port."""
        try:
            with (
                httpx2.Client(transport=self._transport, timeout=STEP_SECONDS) as client,
                client.stream("GET", self._url, headers={"Accept-Encoding": "identity"}) as answer,
            ):
                if answer.status_code != httpx2.codes.OK:
                    msg = f"the ECB answered {answer.status_code}"
                    raise RatesNotFetched(msg)
                if answer.headers.get("Content-Encoding", "identity") != "identity":
                    msg = "the ECB answered with a compressed file, which could expand"
                    raise RatesNotFetched(msg)
                return read_xml(_body(answer))
        except httpx2.HTTPError as error:
            msg = f"the ECB did not answer: {type(error).__name__}"
            raise RatesNotFetched(msg) from error


def _body(answer: httpx2.Response) -> bytes:
    """The body, read no further than its limit."""
    body, end = bytearray(), monotonic() + FETCH_SECONDS
    for part in answer.iter_bytes():
        body += part
        if len(body) > FILE_BYTES_MAX:
            msg = f"the ECB answered more than {FILE_BYTES_MAX} bytes"
            raise RatesNotFetched(msg)
        if monotonic() > end:
            msg = f"the ECB took more than {FETCH_SECONDS:.0f} s"
            raise RatesNotFetched(msg)
    return bytes(body)


class NoProvider:
    """`RateProvider` of a ledger whose live source is switched off."""

    def fetch(self) -> Sequence[DailyRates]:
        """See the port."""
        return ()
