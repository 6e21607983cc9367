"""Serving: one granian process whose threads answer requests, and beside them the ticker that has them sealed."""

from __future__ import annotations

import gc
import logging
import os
import resource
import ssl
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Final

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels

from hefu_service.api.context import Context
from hefu_service.api.strangers import Strangers
from hefu_service.intake.accept import FrontDoor
from hefu_service.intake.committer import Committer
from hefu_service.jobs.messages import SlowTicker
from hefu_service.jobs.ticker import Ticker
from hefu_service.observing.gauges import Gauges
from hefu_service.observing.logs import flush_logs, log_to_stderr
from hefu_service.observing.metrics import Metrics, page
from hefu_service.observing.readiness import Readiness
from hefu_service.outside.deposit_limits import DepositLimits
from hefu_service.outside.parent import end_with, outlive_shell
from hefu_service.outside.process_slots import take_slot
from hefu_service.outside.verifier import ProcessVerifier
from hefu_service.ports.errors import PortError, StorageError
from hefu_service.ports.verifier import Verifier
from hefu_service.receipts.receipts import Receipts
from hefu_service.sealing.continuity import check_connection
from hefu_service.services import Services
from hefu_service.serving.address import claimed
from hefu_service.serving.app import create_app
from hefu_service.serving.slow_clients import Stalled
from hefu_service.settings import Settings
from hefu_service.texts import sentence
from hefu_service.wiring import (
    check_data,
    comparing,
    look_at_clock,
    make_senders,
    open_services,
    recover,
    service_lock,
    telling,
)

THREADS: Final = 64  # requests answered at a time: each waits for its group's commit, so many are needed
MOST_CONNECTIONS: Final = 16_384  # open at a time, idle ones too; more wait in the kernel's queue, unanswered
FILES: Final = 512  # that the service itself may have open
MAX_HEAD: Final = 65_536  # bytes of a request's line and headers; more are answered 431
LOG: Final = logging.getLogger("hefu.server")


def serve(settings: Settings) -> None:
    """Repair the ledger after a crash, then serve until SIGTERM or SIGINT. PortError if these data are served already
    and the database is a file."""
    log_to_stderr()
    read_token(settings.auditor_token_file)
    read_token(settings.metrics_token_file)
    if settings.redis_url is None:  # otherwise the workers tell
        make_senders(settings)
    check_data(settings.data, settings.database_url)
    with service_lock(settings.data, settings.database_url), claimed(settings.host, settings.port):
        with open_services(settings.data, settings.database_url) as services:
            recover(services)
        _run(settings)


def _run(settings: Settings) -> None:
    """Listen, and answer in a process of its own until a signal ends both.

    PortError if the address cannot be listened on, ChildProcessError if the other process ended by itself.
    """
    check_certificate(settings)
    granian = Granian(
        "hefu_service",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        workers=1,
        blocking_threads=THREADS,
        backpressure=most_connections(),
        http1_settings=HTTP1Settings(max_buffer_size=MAX_HEAD),
        ssl_cert=settings.tls_cert_file,
        ssl_key=settings.tls_key_file,
        ssl_protocol_min=SSLProtocols.tls12,
        workers_kill_timeout=30,
        log_level=LogLevels.error,
        log_dictconfig={"loggers": {"_granian": {"propagate": True}}},  # to our own lines, not its own
    )
    scheme = "http" if settings.tls_cert_file is None else "https"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    granian.on_startup(outlive_shell)  # granian itself would begin anew at the end of a terminal
    granian.on_startup(lambda: LOG.info("listening", extra={"event": {"url": f"{scheme}://{host}:{settings.port}"}}))
    try:
        granian.serve(target_loader=partial(_load, settings, os.getpid()), wrap_loader=False)
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]  # granian adds a backtrace
        raise PortError(sentence("serve.listen", place=f"{host}:{settings.port}", reason=reason)) from None
    except SystemExit as ended:
        if ended.code:
            raise ChildProcessError(sentence("serve.ended")) from None


def most_connections() -> int:
    """How many connections may be open at a time, with as many files as this process may open."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        most = MOST_CONNECTIONS + FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # of the process that answers as well, which we start
    return min(MOST_CONNECTIONS, max(most // 2, most - FILES))


def check_certificate(settings: Settings) -> None:
    """Raise PortError unless the certificate and its key, where there are any, can be used."""
    if settings.tls_cert_file is None or settings.tls_key_file is None:
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(settings.tls_cert_file, settings.tls_key_file, password=lambda: "")  # or it would ask
    except (OSError, ValueError) as error:
        raise PortError(
            sentence("serve.certificate", certificate=settings.tls_cert_file, key=settings.tls_key_file, error=error)
        ) from error


def read_token(path: Path | None) -> str | None:
    """The token in a file, if there is one; PortError if it cannot be read or could be guessed."""
    if path is None:
        return None
    try:
        token = path.read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise PortError(sentence("serve.token", path=path, error=error)) from error
    if len(token) < 32:
        raise PortError(sentence("serve.short_token", path=path))
    return token


def _load(settings: Settings, parent: int) -> Flask:
    """Make the application in the process that will answer; its resources are closed when that process ends."""
    log_to_stderr()
    stack = ExitStack()
    stack.callback(flush_logs)
    services = stack.enter_context(open_services(settings.data, settings.database_url))
    metrics = Metrics(settings.data / "metrics")
    verifier = ProcessVerifier()  # knows all cores, so it is made before
    stack.callback(verifier.close)
    _keep_to_one_core(settings.data)
    services = replace(comparing(services, settings), vault_quota=settings.vault_quota_bytes, observer=metrics)
    look_at_clock(services)
    app, ticker = make_app(services, settings, metrics, verifier)
    ticker.start()
    Stalled(app.extensions["hefu"].arrivals, port=settings.port, threads=THREADS).watch()
    stack.callback(ticker.stop)
    if settings.redis_url is None:
        slow = SlowTicker(telling(services, settings))
        slow.start()
        stack.callback(slow.stop)
    Finalize(None, stack.close, exitpriority=100)  # atexit is not run in a child of multiprocessing
    end_with(parent, lambda: os._exit(1))
    gc.collect()
    gc.freeze()  # these objects stay: each collection that looks through them would hold every request up
    return app


def _keep_to_one_core(data: Path) -> None:
    """Stay on one core, where the system lets us choose; processes that answer for one service each have another.

    One interpreter lock lets one thread run at a time. On two cores its threads wake one another across them, which
    costs time (figures: deploy/SCALING.md).
    """
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        with suppress(StorageError):  # then it is slower, and works
            place = take_slot(data / "metrics" / "webs", (), 0).number  # held as long as this process lives
            # Services of one machine begin anywhere, or all would be on the first core.
            os.sched_setaffinity(0, {cores[(data.stat().st_ino + place) % len(cores)]})


def make_app(services: Services, settings: Settings, metrics: Metrics, verifier: Verifier) -> tuple[Flask, Ticker]:
    """Put the application and its ticker together, without starting the ticker."""
    services.store.guard(partial(check_connection, services))
    ticker = _ticker(services, settings)
    committer = Committer(services, accepted=ticker.accepted)
    ready = Readiness(services, settings.data, ticker.trouble)
    context = Context(
        services=services,
        front_door=FrontDoor(committer, _limits(settings)),
        durable=committer.durable,
        receipts=Receipts(services),
        not_ready=ready.not_ready,
        answered=metrics.answered,
        metrics=page(metrics, Gauges(services, settings.data, ready.not_ready)),
        public=settings.data / "ledger",
        auditor_token=read_token(settings.auditor_token_file),
        metrics_token=read_token(settings.metrics_token_file),
        verifier=verifier,
        strangers=Strangers(settings.trusted_proxies),
    )
    return create_app(context), ticker


def _limits(settings: Settings) -> DepositLimits:
    shared = None
    if settings.redis_url is not None:
        from hefu_service.outside.shared_counts import shared_counter  # noqa: PLC0415 -- Redis is not always needed

        shared = shared_counter(settings.redis_url)
    return DepositLimits(rate=settings.rate, daily_quota=settings.daily_quota, shared=shared)


def _ticker(services: Services, settings: Settings) -> Ticker:
    if settings.redis_url is None:
        return Ticker(services, window_ms=settings.window_ms)
    from hefu_service.jobs.queue import AskingTicker  # noqa: PLC0415 -- RQ is slow to import, and not always needed

    return AskingTicker(services, settings.redis_url, window_ms=settings.window_ms)
