"""What a depositor signs for a vault's file is read strictly, and no other name is a file's."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case
from tests.support.format_strategies import depositors, origins, times
from tests.support.sample_ledger import ORIGIN, START, signer

from hefu_ledger.deposit.vault import (
    MAX_BLOB,
    MAX_CLOSURE,
    Closure,
    Upload,
    check_blob_name,
    format_closure,
    format_upload,
    parse_closure,
    parse_signed_closure,
    parse_signed_upload,
    parse_upload,
)
from hefu_ledger.encoding import canonical
from hefu_ledger.errors import MalformedError, UnknownFormatError
from hefu_ledger.tlog.note import format_note, sign_note

HASHES = st.binary(min_size=32, max_size=32)
NAMES = st.builds(
    lambda stem, place: stem.hex() + (f".{place}" if place else ""), HASHES, st.integers(min_value=0, max_value=9999)
)
UPLOADS = st.builds(
    Upload,
    address=HASHES,
    at=times,
    depositor=depositors,
    name=NAMES,
    origin=origins,
    sha256=HASHES,
    size=st.integers(min_value=1, max_value=MAX_BLOB),
)
CLOSURES = st.builds(Closure, address=HASHES, at=times, depositor=depositors, origin=origins, successor=HASHES).filter(
    lambda closure: closure.address != closure.successor
)
CLOSED = Closure(sha256(b"old").digest(), START, "acme", ORIGIN, sha256(b"new").digest())
ONE = Upload(sha256(b"address").digest(), START, "acme", "ab" * 32, ORIGIN, sha256(b"blob").digest(), 4)


@given(UPLOADS)
def test_an_upload_reads_back(upload: Upload) -> None:
    assert parse_upload(format_upload(upload)) == upload


def test_a_whole_note_reads_back() -> None:
    note = sign_note(format_upload(ONE), [signer("log.example/depositor/acme", "upload")])
    assert parse_signed_upload(format_note(note)) == (note, ONE)


@every_case(
    "change",
    [
        {"size": 0},
        {"size": MAX_BLOB + 1},
        {"size": True},
        {"size": "4"},
        {"name": "ab" * 31},
        {"name": "AB" * 32},
        {"depositor": "Acme"},
        {"address": "00" * 31},
        {"at": "2026-01-01"},
        {"origin": "log example"},
        {"sha256": None},
        {"more": 1},
    ],
)
def test_any_other_member_is_refused(change: dict[str, object]) -> None:
    members = json.loads(format_upload(ONE).splitlines()[1])
    with pytest.raises(MalformedError):
        parse_upload(f"hefu-vault-put/v1\n{canonical(members | change).decode()}\n")


def test_another_version_or_format_is_told_apart() -> None:
    with pytest.raises(UnknownFormatError):
        parse_upload(format_upload(ONE).replace("/v1", "/v2"))
    with pytest.raises(MalformedError):
        parse_upload(format_upload(ONE).replace("hefu-vault-put", "hefu-deposit"))


@every_case(
    "name",
    [
        "",
        "ab" * 31,
        "ab" * 33,
        "AB" * 32,
        "ag" * 32,
        "..",
        "../" + "ab" * 31,
        "ab" * 32 + ".",
        "ab" * 32 + ".0",
        "ab" * 32 + ".01",
        "ab" * 32 + ".10000",
        "ab" * 32 + ".99999999999999999999",
        "ab" * 32 + ".1.1",
        "ab" * 32 + ".²",
        "ab" * 32 + ".receipt",
        "ab" * 32 + "\n",
        None,
        7,
    ],
)
def test_no_other_name_is_that_of_a_vault_s_file(name: object) -> None:
    with pytest.raises(MalformedError, match="not the name of a vault file"):
        check_blob_name(name)


@pytest.mark.parametrize("name", ["ab" * 32, "0" * 64 + ".1", "f" * 64 + ".9999"])
def test_names_of_files_and_of_further_pieces_are(name: str) -> None:
    assert check_blob_name(name) == name


@given(CLOSURES)
def test_a_closure_reads_back(closure: Closure) -> None:
    assert parse_closure(format_closure(closure)) == closure


def test_a_whole_closure_reads_back() -> None:
    note = sign_note(format_closure(CLOSED), [signer("log.example/depositor/acme", "closure")])
    assert parse_signed_closure(format_note(note)) == (note, CLOSED)
    with pytest.raises(MalformedError, match="at most 4096"):
        parse_signed_closure(b"x" * (MAX_CLOSURE + 1))


@every_case(
    "change",
    [
        {"depositor": "Acme"},
        {"address": "00" * 31},
        {"at": None},
        {"origin": ""},
        {"successor": "00" * 33},
        {"successor": CLOSED.successor.hex().upper()},
        {"successor": None},
        {"more": 1},
    ],
)
def test_any_other_member_of_a_closure_is_refused(change: dict[str, object]) -> None:
    members = json.loads(format_closure(CLOSED).splitlines()[1])
    with pytest.raises(MalformedError):
        parse_closure(f"hefu-vault-close/v1\n{canonical(members | change).decode()}\n")


def test_a_vault_does_not_take_its_own_place() -> None:
    itself = CLOSED._replace(successor=CLOSED.address)
    with pytest.raises(MalformedError, match="its own place"):
        format_closure(itself)
    with pytest.raises(MalformedError, match="its own place"):
        parse_closure(format_closure(CLOSED).replace(CLOSED.successor.hex(), CLOSED.address.hex()))


def test_an_upload_is_no_closure_and_another_version_is_told_apart() -> None:
    with pytest.raises(MalformedError):
        parse_closure(format_upload(ONE))
    with pytest.raises(UnknownFormatError):
        parse_closure(format_closure(CLOSED).replace("/v1", "/v2"))
