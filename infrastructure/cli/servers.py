"""`serve`, `work`, `notify`: the three processes of an installation."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import rich_click as click

from infrastructure import logs
from infrastructure.bootstrap.api_process import make_api
from infrastructure.bootstrap.notifier import notifying
from infrastructure.bootstrap.worker import working
from infrastructure.cli import _process_group, _support
from infrastructure.database import open_database
from infrastructure.settings import Settings

_of_demo = click.option("--demo", is_flag=True, hidden=True, help="Run as a process of the demo.")


@click.command()
def serve() -> None:
    """Run the API. Any number of API processes may run."""
    _support.check_reach(_support.settings())
    with _opened() as (settings, url):
        api = make_api(settings, url)

        async def run(stop: asyncio.Event) -> None:
            async with api.running():
                click.echo(f"serving {settings.public_origin}")
                await stop.wait()

        _support.run_until_stopped(run)


@click.command()
@_of_demo
def work(*, demo: bool) -> None:
    """Run projections and processes. One worker leads; the others stand by."""
    with _opened(demo=demo) as (settings, url):

        async def run(stop: asyncio.Event) -> None:
            with working(url, settings):
                click.echo("working")
                await stop.wait()

        _support.run_until_stopped(run)


@click.command()
@_of_demo
def notify(*, demo: bool) -> None:
    """Run the live socket. Any number of notifiers may run."""
    with _opened(demo=demo) as (settings, url):

        async def run(stop: asyncio.Event) -> None:
            async with notifying(settings, url):
                click.echo(f"notifying {settings.live_origin}")
                await stop.wait()

        _support.run_until_stopped(run)


@contextmanager
def _opened(*, demo: bool = False) -> Iterator[tuple[Settings, str]]:
    """The settings, and the URL of a database that is ready; errors are reported on one line."""
    settings = _support.settings()
    logs.configure(logging.WARNING if demo else logging.INFO)
    with _support.report_errors():
        if demo:
            yield settings, _process_group.join()  # the demo has opened and checked the database
        else:
            with open_database(settings) as url:
                yield settings, url
