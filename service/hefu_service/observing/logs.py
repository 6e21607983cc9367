"""Log lines as JSON, one an event, to standard error; nothing secret or personal ever goes into one.

A caller does not wait: a thread formats and writes the lines, many at a time. An error is written at once, by the
caller, with every line before it. The standard QueueHandler and QueueListener wake their thread for each line, which
costs a request twice the time of a line here.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final

_MOST: Final = 10_000  # lines that wait while the reader of standard error does not read
_PAUSE_S: Final = 0.05  # in which lines gather
_PATIENCE_S: Final = 1.0  # that a caller which logs an error waits for the reader
_STDERR: Final = 2
_QUIET: Final = ("alembic", "rq", "sqlalchemy", "werkzeug")  # their lines may hold depositors' data
_ENCODE: Final = json.JSONEncoder(ensure_ascii=False).encode
_ABOUT: Final[ContextVar[Mapping[str, str]]] = ContextVar("about", default={})  # noqa: B039 -- it is never written into


def log_about(**ids: str) -> None:
    """Put these ids on every line of the request that this thread answers, until it answers another."""
    _ABOUT.set(ids)


@contextmanager
def logged_about(**ids: str) -> Iterator[None]:
    """Put these ids on every line logged within."""
    token = _ABOUT.set(ids)
    try:
        yield
    finally:
        _ABOUT.reset(token)


class JsonFormatter(logging.Formatter):
    """Writes time, level, logger, message, an exception's traceback, ids, and the values of ``extra={"event": …}``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "about", _ABOUT.get()),
            **getattr(record, "event", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _ENCODE(line)


class LineHandler(logging.Handler):
    """Writes to a file descriptor, a few lines at a time, each whole; may be called from any thread.

    While the reader does not read, a number of lines wait; further ones are dropped and counted.
    """

    def __init__(self, file: int) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self._file = file
        self._begin()

    def handle(self, record: logging.LogRecord) -> bool:
        """Take a record; without the lock that the base class would hold, for which requests would queue."""
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """See ``handle``."""
        if self._process != os.getpid():
            self._begin()
        if len(self._waiting) >= _MOST:
            self._dropped += 1
            return
        record.about = _ABOUT.get()
        self._waiting.append(record)
        if record.levelno >= logging.ERROR:
            self.flush()
        elif not self._some.is_set():
            self._some.set()

    def flush(self) -> None:
        """Write every line logged so far; if the reader takes none for a second, the thread writes them later."""
        if self._process == os.getpid() and self._writing.acquire(timeout=_PATIENCE_S):
            try:
                if self._is_taken():
                    self._write()
                else:
                    self._some.set()
            finally:
                self._writing.release()

    def _begin(self) -> None:
        """Begin in this process, which may be a fork of one that logged: its lines are not ours to write."""
        self._waiting: deque[logging.LogRecord] = deque()
        self._dropped = 0
        self._some = threading.Event()
        self._writing = threading.RLock()  # a signal's handler may log while its thread writes
        self._process = os.getpid()
        threading.Thread(target=self._run, args=(self._some,), name="log", daemon=True).start()

    def _run(self, some: threading.Event) -> None:
        while True:
            some.wait()
            time.sleep(_PAUSE_S)
            some.clear()
            with self._writing:
                self._write()

    def _write(self) -> None:
        data = b""
        while self._waiting:
            line = self._line(self._waiting.popleft())
            if (
                len(data) + len(line) > select.PIPE_BUF
            ):  # a pipe takes this much in one piece, unmixed with other processes' lines
                self._put(data)
                data = b""
            data += line
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            data += self._line(_note("hefu.logs", f"{dropped} lines were dropped"))
        self._put(data)

    def _is_taken(self) -> bool:
        try:
            return bool(select.select([], [self._file], [], _PATIENCE_S)[1])
        except (OSError, ValueError):  # closed: writing finds out, and does no harm
            return True

    def _line(self, record: logging.LogRecord) -> bytes:
        try:
            line = self.format(record)
        except Exception:  # the base class would print text that is no JSON and shows every value
            line = self.format(_note(record.name, "a line that could not be formatted"))
        return line.encode("utf-8", "backslashreplace") + b"\n"

    def _put(self, data: bytes) -> None:
        with suppress(OSError):  # a log without a reader fails no work
            while data:
                data = data[os.write(self._file, data) :]


def _note(logger: str, message: str) -> logging.LogRecord:
    return logging.makeLogRecord({"name": logger, "msg": message, "levelno": logging.ERROR, "levelname": "ERROR"})


def log_to_stderr() -> None:
    """Set logging up for a process that serves or works; a fork of it sets it up anew."""
    handler = LineHandler(_STDERR)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    atexit.register(handler.flush)
    # Python's logging HOWTO, "Optimization": fields that no line shows, such as the caller's place, are not computed.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def flush_logs() -> None:
    """Write every line logged so far: for a process that ends without ``atexit``."""
    for handler in logging.getLogger().handlers:
        handler.flush()
