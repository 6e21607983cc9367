"""Serving: one granian process whose threads answer requests, and beside them the ticker that has them sealed."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from multiprocessing.util import Finalize
from typing import Final

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from hefu_service.api.context import Context
from hefu_service.app import create_app
from hefu_service.intake.committer import Committer
from hefu_service.jobs.ticker import Ticker
from hefu_service.logs import log_to_stderr
from hefu_service.parent import end_with
from hefu_service.ports import PortError
from hefu_service.services import Services
from hefu_service.settings import Settings
from hefu_service.wiring import check_data, open_services, recover, service_lock

THREADS: Final = 64  # requests answered at a time: each waits for its group's commit, so many are needed
MOST_QUEUED: Final = 1024
LOG: Final = logging.getLogger("hefu.server")


def serve(settings: Settings) -> None:
    """Repair what a crash left, then serve until SIGTERM or SIGINT. PortError if these data are served already
    and the database is a file."""
    log_to_stderr()
    read_token(settings)
    check_data(settings.data, settings.database_url)
    with service_lock(settings.data, settings.database_url):
        with open_services(settings.data, settings.database_url) as services:
            recover(services)
        _run(settings)


def _run(settings: Settings) -> None:
    """Listen, and answer in a process of its own until a signal ends both.

    PortError if nobody can listen there, ChildProcessError if the other process ended by itself.
    """
    granian = Granian(
        "hefu_service",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        workers=1,
        blocking_threads=THREADS,
        backpressure=MOST_QUEUED,
        workers_kill_timeout=30,
        log_level=LogLevels.error,
        log_dictconfig={"loggers": {"_granian": {"propagate": True}}},  # to our own lines, not its own
    )
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    granian.on_startup(lambda: LOG.info("listening", extra={"event": {"url": f"http://{host}:{settings.port}"}}))
    try:
        granian.serve(target_loader=partial(_load, settings, os.getpid()), wrap_loader=False)
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]  # granian adds a backtrace
        raise PortError(f"cannot listen on {host}:{settings.port}: {reason}") from None
    except SystemExit as ended:
        if ended.code:
            raise ChildProcessError("the process that answers ended by itself; its last lines say why") from None


def read_token(settings: Settings) -> str | None:
    """The token that admits auditors, if there is one."""
    if settings.auditor_token_file is None:
        return None
    try:
        token = settings.auditor_token_file.read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise PortError(f"cannot read the auditor token file {settings.auditor_token_file}: {error}") from error
    if len(token) < 32:
        raise PortError("the auditor token must have at least 32 characters: openssl rand -hex 32")
    return token


def _load(settings: Settings, parent: int) -> Flask:
    """Make the application in the process that will answer; what it opens is closed when that process ends."""
    log_to_stderr()
    stack = ExitStack()
    services = stack.enter_context(open_services(settings.data, settings.database_url))
    services = replace(services, vault_quota=settings.vault_quota_bytes)
    app, ticker = make_app(services, settings)
    ticker.start()
    stack.callback(ticker.stop)
    Finalize(None, stack.close, exitpriority=100)  # atexit is not run in a child of multiprocessing
    end_with(parent, lambda: os._exit(1))
    return app


def make_app(services: Services, settings: Settings) -> tuple[Flask, Ticker]:
    """Put the application and its ticker together, without starting the ticker."""
    ticker = _ticker(services, settings)
    context = Context(
        services=services,
        committer=Committer(services, accepted=ticker.accepted),
        not_ready=ticker.not_ready,
        public=settings.data / "ledger",
        auditor_token=read_token(settings),
    )
    return create_app(context), ticker


def _ticker(services: Services, settings: Settings) -> Ticker:
    if settings.redis_url is None:
        return Ticker(services, window_ms=settings.window_ms)
    from hefu_service.jobs.asking import AskingTicker  # noqa: PLC0415 -- RQ is slow to import, and not always needed

    return AskingTicker(services, settings.redis_url, window_ms=settings.window_ms)
