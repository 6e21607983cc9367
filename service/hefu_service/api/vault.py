"""Vaults 保管库: encrypted files in and out. The vault's address is the bearer token, so no URL or log holds it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, get_ident
from typing import Final

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound, RequestEntityTooLarge, Unauthorized

from hefu_ledger.deposit.vault import MAX_BLOB, MAX_CLOSURE, check_blob_name, parse_signed_upload
from hefu_ledger.encoding import from_base64
from hefu_ledger.errors import MalformedError
from hefu_service.api.context import BEARER, bearer, body_of, context, fields_of, named, text
from hefu_service.intake.refusals import BusyError, SignatureRefusedError
from hefu_service.intake.vault import check_upload, close_vault, list_vault, put_blob, read_blob
from hefu_service.texts import sentence

vault: Final = Blueprint("vault", __name__)
_OCTETS: Final = "application/octet-stream"
_ADDRESS: Final = re.compile(r"[0-9a-f]{64}")
_AT_ONCE: Final = BoundedSemaphore(4)  # files of up to 64 MiB, in memory
_SENDERS: Final[dict[str, int]] = {}  # the depositors whose files are arriving, and the threads that receive them


@vault.put("/v1/vault/<name>")
def put(name: str) -> ResponseReturnValue:
    """Keep a file under a name, once and for all; 200 if it was there before."""
    address = _address()
    checked = named(check_blob_name, name)
    # Checked before a slot is taken: a sender without an enrolled key cannot hold a slot by sending slowly.
    if (request.content_length or 0) > MAX_BLOB:
        raise RequestEntityTooLarge
    size = check_upload(context().services, address, checked, _signed())
    if request.content_length not in (None, size):
        raise SignatureRefusedError(f"the signed note is about {size} bytes, not {request.content_length}")
    with _place(parse_signed_upload(_signed())[1].depositor):
        data = body_of(_OCTETS, limit=MAX_BLOB)
        new = put_blob(context().services, address, checked, _signed(), data)
    return jsonify(name=checked, size=len(data)), 201 if new else 200


@vault.get("/v1/vault")
def show() -> Response:
    """The vault's files, and the ids of its depositor's statements."""
    found = list_vault(context().services, _address())
    if found is None:
        raise NotFound(sentence("http.no_vault"))
    blobs = [{"name": blob.name, "sha256": blob.sha256.hex(), "size": blob.size} for blob in found.blobs]
    statements = [statement_id.hex() for statement_id in found.statements]
    return _private(jsonify(blobs=blobs, depositor=found.depositor, statements=statements))


@vault.get("/v1/vault/<name>")
def fetch(name: str) -> Response:
    """One file, as it was put there."""
    found = read_blob(context().services, _address(), named(check_blob_name, name))
    if found is None:
        raise NotFound(sentence("http.no_blob"))
    return _private(text(found, content_type=_OCTETS))


@vault.post("/v1/vault-closures")
def shut() -> ResponseReturnValue:
    """Close a vault in favour of another, for ever; 200 if it was closed so before."""
    done = close_vault(context().services, fields_of("closure").text("closure", limit=MAX_CLOSURE).encode())
    closure = done.closure
    answer = {"address": closure.address.hex(), "depositor": closure.depositor, "successor": closure.successor.hex()}
    return jsonify(answer), 200 if done.again else 201


@contextmanager
def _place(depositor: str) -> Iterator[None]:
    """Hold a place for one arriving file. A depositor has one place, so it cannot take all by sending slowly."""
    if not _AT_ONCE.acquire(blocking=False):
        raise BusyError(sentence("http.files"))
    try:
        if _SENDERS.setdefault(depositor, get_ident()) != get_ident():
            raise BusyError(sentence("http.one_file"))
        try:
            yield
        finally:
            del _SENDERS[depositor]
    finally:
        _AT_ONCE.release()


def _address() -> str:
    shown = bearer()
    if shown is None or not _ADDRESS.fullmatch(shown):
        raise Unauthorized(sentence("http.vault"), www_authenticate=BEARER)
    return shown


def _signed() -> bytes:
    try:
        return from_base64(request.headers.get("Hefu-Signature"))
    except MalformedError as error:
        raise MalformedError(f"Hefu-Signature: {error}") from None


def _private(response: Response) -> Response:
    response.headers["Cache-Control"] = "private, no-store"
    return response
