"""A no-op Litestar application: the cost of framework and server alone."""

from __future__ import annotations

import sys

import msgspec
import uvicorn
from litestar import Litestar, Request, Response, post


class Money(msgspec.Struct):
    """The same shape as in the real request."""

    minor: int
    currency: str


class Order(msgspec.Struct):
    """The same shape as in the real request."""

    order_id: str
    amount: Money


@post("/")
async def echo(request: Request) -> Response[bytes]:  # type: ignore[type-arg]
    """Decode the body and return it."""
    order = msgspec.json.decode(await request.body(), type=Order)
    return Response(msgspec.json.encode(order), media_type="application/json")


if __name__ == "__main__":
    app = Litestar([echo], openapi_config=None, logging_config=None)
    uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_config=None)
