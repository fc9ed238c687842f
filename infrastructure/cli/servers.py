"""`serve`, `work`, `notify`: the three processes of an installation."""

from __future__ import annotations

import asyncio

import rich_click as click

from infrastructure import bootstrap, logs
from infrastructure.cli import _support
from infrastructure.database import open_database


@click.command()
def serve() -> None:
    """Run the API. Any number of API processes may run."""
    settings = _support.settings()
    logs.configure()
    with _support.report_errors(), open_database(settings) as url:
        api = bootstrap.make_api(settings, url)

        async def run(stop: asyncio.Event) -> None:
            async with api.running():
                click.echo(f"serving {settings.public_origin}")
                await stop.wait()

        _support.run_until_stopped(run)


@click.command()
def work() -> None:
    """Run projections and processes. One worker leads; the others stand by."""
    settings = _support.settings()
    logs.configure()
    with _support.report_errors(), open_database(settings) as url:

        async def run(stop: asyncio.Event) -> None:
            with bootstrap.working(url, settings):
                click.echo("working")
                await stop.wait()

        _support.run_until_stopped(run)


@click.command()
def notify() -> None:
    """Run the live socket. Any number of notifiers may run."""
    settings = _support.settings()
    logs.configure()
    with _support.report_errors(), open_database(settings) as url:

        async def run(stop: asyncio.Event) -> None:
            async with bootstrap.notifying(settings, url):
                click.echo(f"notifying {settings.live_origin}")
                await stop.wait()

        _support.run_until_stopped(run)
