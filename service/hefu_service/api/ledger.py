"""The published ledger, as c2sp.org/tlog-tiles has it, and each batch's leaves; and, for auditors, its private half."""

from __future__ import annotations

from pathlib import Path
from threading import BoundedSemaphore
from typing import Final
from weakref import finalize

from flask import Blueprint, Response, send_file
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Forbidden, NotFound

from hefu_ledger.encoding import parse_decimal
from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.tiles import parse_tile_path
from hefu_service.api.context import check_bearer, context, text
from hefu_service.intake.refusals import BusyError
from hefu_service.language import error_text
from hefu_service.publishing.entries import batch_entries
from hefu_service.texts import sentence

ledger: Final = Blueprint("ledger", __name__)
_IMMUTABLE: Final = "public, max-age=31536000, immutable"
_FRESH: Final = "no-cache"
_SHORT: Final = 262_144  # bytes sent from memory; a longer file holds a thread while its client is slow
_LONG: Final = BoundedSemaphore(8)


@ledger.get("/ledger/checkpoint")
def checkpoint() -> ResponseReturnValue:
    """The newest checkpoint."""
    return _file(Path("checkpoint"), "text/plain", _FRESH)


@ledger.get("/ledger/tile/<path:name>")
def tile(name: str) -> ResponseReturnValue:
    """A hash tile or entry bundle, full or partial."""
    try:
        path = parse_tile_path(f"tile/{name}").path
    except MalformedError as error:
        raise NotFound(error_text(error)) from None
    return _file(Path(path), "application/octet-stream", _IMMUTABLE)


@ledger.get("/ledger/batches/<index>/leaves")
def leaves(index: str) -> ResponseReturnValue:
    """The leaf hashes of the batch whose record has this index, 32 bytes each, so that anyone can replay."""
    return _file(Path("batches", str(_index(index)), "leaves"), "application/octet-stream", _IMMUTABLE)


@ledger.get("/v1/batches/<index>/entries")
def entries(index: str) -> Response:
    """Acceptances and statements of a batch, for an auditor whom the operator gave the token."""
    _check_auditor()
    found = batch_entries(context().services, _index(index))
    if found is None:
        raise NotFound(sentence("http.no_batch"))
    response = text(found, content_type="application/x-ndjson")
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _file(name: Path, mimetype: str, caching: str) -> Response:
    path = context().public.absolute() / name
    try:
        found = path.stat()
        if found.st_size <= _SHORT:
            response = Response(path.read_bytes(), mimetype=mimetype)
            response.last_modified = found.st_mtime  # type: ignore[assignment]  # it takes a number as well
        else:
            response = _long_file(path, mimetype)
    except FileNotFoundError:
        raise NotFound(sentence("http.unpublished")) from None
    response.headers["Cache-Control"] = caching
    response.headers["Access-Control-Allow-Origin"] = "*"  # a verifier in a browser reads it from anywhere
    return response


def _long_file(path: Path, mimetype: str) -> Response:
    if not _LONG.acquire(blocking=False):
        raise BusyError(sentence("http.long_files"))
    try:
        response = send_file(path, mimetype=mimetype, etag=False, conditional=False, max_age=None)
    except BaseException:
        _LONG.release()
        raise
    response.direct_passthrough = False  # or nothing is called when it is closed
    response.call_on_close(finalize(response, _LONG.release))  # once, also for an answer that is never closed
    return response


def _index(index: str) -> int:
    try:
        return parse_decimal(index)
    except MalformedError as error:
        raise NotFound(error_text(error)) from None


def _check_auditor() -> None:
    token = context().auditor_token
    if token is None:
        raise Forbidden(sentence("http.no_auditors"))
    check_bearer(token, sentence("http.auditor"))
