"""Shared by the commands: settings, one-line error messages, Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import urlsplit

import psycopg

from application.errors import LogUnavailable
from domain.errors import InvalidRequest, LedgerError
from infrastructure import origins
from infrastructure.http_server import PortInUse
from infrastructure.logs import safe_message
from infrastructure.postgres.failures import is_transient, reason_of
from infrastructure.postgres.migrate import DatabaseNotReady
from infrastructure.postgres.server_process import EmbeddedError
from infrastructure.qr_keys.key_file import BadKeyFile
from infrastructure.runtime import tune_garbage_collector
from infrastructure.settings import Settings, SettingsError, load
from infrastructure.witnessing.collecting import BadWitnessPolicy

EXIT_FAILED: Final = 1
EXIT_BAD_INPUT: Final = 2
EXIT_INTERRUPTED: Final = 130


def fail(text: str, code: int = EXIT_BAD_INPUT) -> NoReturn:
    """Write one line to standard error and exit."""
    sys.stderr.write(f"qrledger: {text}\n")
    sys.exit(code)


def settings() -> Settings:
    """The settings; an invalid one ends the program with status 2."""
    try:
        return load(os.environ, Path.cwd())
    except SettingsError as error:
        fail(str(error))


def check_reach(settings: Settings, *, lan: bool = False) -> None:
    """Payers use https, or are on this machine; only `demo --lan` serves a network by http.

    Anything else ends the program with status 2.
    """
    own = urlsplit(settings.public_origin)
    if lan or own.scheme == "https" or origins.is_loopback(own.hostname or ""):
        return
    fail(
        f"payers would reach {settings.public_origin} by http: set QRLEDGER_PUBLIC_URL to an https "
        "origin, or use `qrledger demo --lan`"
    )


_WHOLE_NUMBER: Final = re.compile("[0-9]{1,15}", re.ASCII)


def whole_number(option: str, value: str) -> int:
    """The number of an option; anything but decimal digits ends the program with status 2."""
    if not _WHOLE_NUMBER.fullmatch(value):
        fail(f"{option} must be a whole number in decimal digits")
    return int(value)


@contextmanager
def report_errors() -> Iterator[None]:
    """Turn expected errors into one line and status 2, or 1 for a refusal."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except (
        EmbeddedError,
        DatabaseNotReady,
        PortInUse,
        SettingsError,
        BadKeyFile,
        BadWitnessPolicy,
    ) as error:
        fail(str(error))
    except psycopg.Error as error:
        if not is_transient(error):
            fail(f"the database refused a statement: {safe_message(error)}", EXIT_FAILED)
        fail(
            f"the database cannot be reached: {reason_of(error)}; check QRLEDGER_DATABASE_URL "
            "or, for migrate, QRLEDGER_MIGRATE_URL"
        )
    except (LogUnavailable, InvalidRequest) as error:
        fail(error.detail)
    except LedgerError as error:
        fail(error.detail, EXIT_FAILED)


def run_until_stopped(serve: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run a coroutine. SIGINT or SIGTERM sets its event; a second signal exits at once."""

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def on_signal() -> None:
            if stop.is_set():
                os._exit(EXIT_INTERRUPTED)
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, on_signal)
        tune_garbage_collector()
        await serve(stop)

    try:
        import uvloop  # noqa: PLC0415 - absent on Windows
    except ImportError:
        asyncio.run(run())
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run())
