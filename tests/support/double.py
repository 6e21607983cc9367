"""A service for the client's tests: the protocol over a small ledger in memory, misbehaving where it is told to."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from hefu_ledger.deposit.acceptance import Acceptance, format_acceptance
from hefu_ledger.deposit.receipt import Receipt, format_receipt
from hefu_ledger.deposit.state import ACCEPTED, ANCHORED
from hefu_ledger.deposit.statement import parse_signed_statement, statement_id
from hefu_ledger.deposit.vault import Upload, parse_signed_closure, parse_signed_upload
from hefu_ledger.encoding import MAX_INTEGER, canonical
from hefu_ledger.errors import MalformedError, VerificationError
from hefu_ledger.number import format_number
from hefu_ledger.records.identity import APPROVE, parse_signed_possession
from hefu_ledger.records.keyrequest import parse_key_request
from hefu_ledger.records.record import Enrolment, KeyEvent, Record, parse_record
from hefu_ledger.records.roster import Roster
from hefu_ledger.section import close, section_value
from hefu_ledger.tlog import merkle
from hefu_ledger.tlog.keys import format_vkey
from hefu_ledger.tlog.note import format_note, parse_note, sign_note, verify_note
from hefu_ledger.tlog.policy import format_policy
from hefu_ledger.tlog.proof import TlogProof, format_proof
from hefu_ledger.tlog.tiles import ENTRIES, Tile, format_bundle, parse_tile_path, tile_bytes, tiles_at
from tests.support.sample_ledger import ACKNOWLEDGEMENT, DAY, ORIGIN, POLICY, Deposit, SampleLedger, opened_identity

DEPOSITOR = "acme"
CODE = f"{DEPOSITOR}.secret"

Reply = tuple[int, bytes, dict[str, str]]
DROPPED = "the connection is closed before the request is looked at"
LOST = "the request is done, but its answer never arrives"
SILENT = "nothing is answered until the end of the test"
Fault = str | Reply
TEXT = {"Content-Type": "text/plain"}
JSON = {"Content-Type": "application/json"}
BYTES = {"Content-Type": "application/octet-stream"}


class Double:
    """The service's side; ``faults`` are met by the next requests one by one, None standing for none."""

    def __init__(self) -> None:
        self.ledger = SampleLedger()
        self.ledger.now = time.time_ns() // 1_000_000
        self.ledger.begin()
        self.faults: list[Fault | None] = []
        self.requests: list[tuple[str, str, bytes]] = []  # but those of the vault
        self.vault = DoubleVault()
        self.sealing = True  # whether asking for a receipt seals what waits
        self.delay = DAY  # ms, promised in acknowledgements
        self.change_receipt: Callable[[Receipt], Receipt] = lambda receipt: receipt
        self.ended = threading.Event()
        self.required = 1  # signatures that a statement needs
        self._enrolled: int | None = None
        self._changes: list[int] = []  # records of keys that were added, that ended, and of codes before this one
        self._receipts: dict[bytes, Receipt] = {}

    def meet(self, path: str) -> Fault | None:
        """The fault that the next request meets; those of the vault are its own."""
        faults = self.vault.faults if path.startswith("/v1/vault") else self.faults
        return faults.pop(0) if faults else None

    def note(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
        """Remember a request."""
        if path.startswith("/v1/vault"):
            self.vault.headers.append(headers)
        else:
            self.requests.append((method, path, body))

    def reply(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        """Answer a request that meets no fault."""
        if path.startswith("/v1/vault"):
            statements = [deposit.acceptance.statement.hex() for deposit in self.ledger.deposits]
            if path == "/v1/vault-closures":
                return self.vault.close(body, self.roster())
            return self.vault.answer(method, path, body, headers, statements)
        return self.answer(method, path, body)

    def posted(self, path: str) -> list[bytes]:
        """The bodies sent to a path, in their order."""
        return [body for method, asked, body in self.requests if (method, asked) == ("POST", path)]

    def answer(self, method: str, path: str, body: bytes) -> Reply:
        """Do what a well-behaved service does."""
        if method == "POST":
            posts = {"/v1/enrolments": self.enrol, "/v1/keys": self._change}
            return posts.get(path, self._accept)(body)
        if path == "/v1/trust":
            return text(200, format_policy(POLICY))
        if path.startswith("/ledger/"):
            return self._published(path.removeprefix("/ledger/"))
        if path == f"/v1/enrolments/{DEPOSITOR}":
            return self.enrolment()
        if path.startswith("/v1/deposits/") and path.endswith("/receipt"):
            return self._receipt(bytes.fromhex(path.split("/")[3]))
        if path.startswith("/v1/deposits/"):
            return self._state(bytes.fromhex(path.split("/")[3]))
        return problem(404, "Not found")

    def forget_key(self) -> None:
        """Let the code enrol one more key, as a new one of the operator's would."""
        if self._enrolled is not None:
            self._changes.append(self._enrolled)
        self._enrolled = None

    def grow(self, count: int = 1) -> None:
        """Let others deposit."""
        for _ in range(count):
            self.ledger.deposit("beta", {"list.csv": b"customers"})
            self.ledger.seal()

    def enrol(self, body: bytes) -> Reply:
        asked = json.loads(body)
        note = asked["possession"]
        _, possession = parse_signed_possession(note.encode())
        if asked["code"] != CODE:
            return problem(403, "The enrolment code is not accepted 登记码无效", "it has expired")
        identity = opened_identity(DEPOSITOR)
        if self._enrolled is None:
            enrolment = Enrolment(len(self.ledger.deposits), close(identity), note, self.required)
            self._enrolled = self.ledger.append(enrolment)
        elif format_vkey(possession.key) not in self.ledger.records[self._enrolled].decode():
            return problem(409, "conflict", "the code was used for another key")
        answer = {"depositor": DEPOSITOR, "origin": ORIGIN, "identity": section_value(identity), "from_seq": 0}
        answer["vkey"] = format_vkey(possession.key)
        return as_json(201, answer)

    def _change(self, body: bytes) -> Reply:
        by = json.loads(body)["request"]
        if not any(record.body.by == by for record in self._records() if isinstance(record.body, KeyEvent)):
            request = parse_key_request(parse_note(by.encode()).text)
            seq = len(self.ledger.deposits)
            event = KeyEvent(request.action, by, seq, request.reason, request.vkey, request.since, request.role)
            try:
                self.roster().change(event)
            except VerificationError as error:
                return problem(403, "signature-refused", str(error))
            self._changes.append(self.ledger.append(event))
        return as_json(201, {})

    def _records(self) -> list[Record]:
        return [parse_record(self.ledger.records[index]) for index in self._indices()]

    def _indices(self) -> list[int]:
        """The records of the depositor, in the ledger's order."""
        return sorted([*self._changes, *([] if self._enrolled is None else [self._enrolled])])

    def roster(self) -> Roster:
        """The depositor's keys."""
        roster = Roster(ORIGIN, DEPOSITOR)
        for record in self._records():
            if isinstance(record.body, Enrolment):
                roster.enrol(record.body)
            elif isinstance(record.body, KeyEvent):
                roster.change(record.body)
        return roster

    def enrolment(self) -> Reply:
        if not self._indices():
            return problem(404, "Not found")
        tree, note = self.ledger.tree(), self.ledger.checkpoint()
        indices = (0, *self._indices())
        proofs = [(index, format_proof(TlogProof(index, tuple(tree.path(index)), note)).decode()) for index in indices]
        answer = {
            "depositor": DEPOSITOR,
            "pending": 0,
            "proofs": [{"index": index, "proof": proof} for index, proof in proofs],
            "records": [self.ledger.records[index].decode() for index in indices],
        }
        return as_json(200, answer)

    def _accept(self, body: bytes) -> Reply:
        note, statement = parse_signed_statement(body)
        for deposit in self.ledger.deposits:
            if deposit.acceptance.statement == statement_id(body):
                return self._acknowledge(200, deposit.acceptance)
        for deposit in self.ledger.deposits:
            if deposit.statement.text == note.text:
                identity = deposit.acceptance.statement.hex()
                return problem(409, "conflict", f"this text was deposited already: statement {identity}, deposit 1")
        ledger = self.ledger
        if statement.depositor == DEPOSITOR and self._indices():
            try:
                self.roster().verify_statement(note, len(ledger.deposits))
            except VerificationError as error:
                return problem(403, "signature-refused", str(error))
        ledger.now += 10
        before = sum(other.acceptance.depositor == statement.depositor for other in ledger.deposits)
        acceptance = Acceptance(
            anchor_by=ledger.now + self.delay,
            depositor=statement.depositor,
            nth=before,
            origin=ORIGIN,
            received_at=ledger.now,
            seq=len(ledger.deposits),
            statement=statement_id(body),
        )
        ledger.deposits.append(Deposit({}, [], b"", note, acceptance))
        return self._acknowledge(201, acceptance)

    @staticmethod
    def _acknowledge(status: int, acceptance: Acceptance) -> Reply:
        return text(status, format_note(sign_note(format_acceptance(acceptance), [ACKNOWLEDGEMENT])).decode())

    def _state(self, identity: bytes) -> Reply:
        for deposit in self.ledger.deposits:
            if deposit.acceptance.statement == identity:
                acknowledgement = self._acknowledge(200, deposit.acceptance)[1].decode()
                state = ANCHORED if deposit.acceptance.seq < self.ledger.covered else ACCEPTED
                number = format_number("FX", deposit.acceptance.seq)
                return as_json(200, {"acknowledgement": acknowledgement, "number": number, "state": state})
        return problem(404, "Not found")

    def _receipt(self, identity: bytes) -> Reply:
        found = [seq for seq, each in enumerate(self.ledger.deposits) if each.acceptance.statement == identity]
        if not found:
            return problem(404, "Not found")
        if self.sealing and self.ledger.covered < len(self.ledger.deposits):
            self.ledger.seal()
        if found[0] >= self.ledger.covered:
            return (202, b'{"state":"accepted"}', {"Retry-After": "1", **JSON})
        if identity not in self._receipts:  # under the first checkpoint that covers it, and so for ever
            relied = [index for index in self._indices() if self._from_seq(index) <= found[0]]
            self._receipts[identity] = self.ledger.receipt(found[0], relied)
        return (200, format_receipt(self.change_receipt(self._receipts[identity])), JSON)

    def _from_seq(self, index: int) -> int:
        body = parse_record(self.ledger.records[index]).body
        assert isinstance(body, (Enrolment, KeyEvent))
        return body.from_seq

    def _published(self, path: str) -> Reply:
        data = published(self.ledger, path)
        kind = TEXT if path == "checkpoint" else BYTES
        return problem(404, "Not found") if data is None else (200, data, kind)


class DoubleVault:
    """The vaults, by address, then name; a well-behaved service keeps no address, this one does."""

    def __init__(self) -> None:
        self.blobs: dict[str, dict[str, bytes]] = {}
        self.faults: list[Fault | None] = []
        self.headers: list[dict[str, str]] = []
        self.room = True
        self.damaged: set[str] = set()  # names of files that are served otherwise than they are listed
        self.closed: dict[str, bytes] = {}  # the SHA-256 of the successor's address, by the address

    def close(self, body: bytes, roster: Roster) -> Reply:
        """Close a vault in favour of another."""
        note, closure = parse_signed_closure(json.loads(body)["closure"].encode())
        approvers = roster.keys_at(MAX_INTEGER, role=APPROVE) or roster.keys_at(MAX_INTEGER)
        if not verify_note(note, approvers)[0]:
            return problem(403, "signature-refused")
        known = {sha256(address.encode()).digest(): address for address in self.blobs}
        address = known.get(closure.address)
        if address is None or closure.successor not in known:
            return problem(409, "conflict", "nobody ever put a file there")
        if self.closed.setdefault(address, closure.successor) != closure.successor:
            return problem(409, "conflict", "closed in favour of another")
        return as_json(200, {})

    def answer(self, method: str, path: str, body: bytes, headers: Mapping[str, str], statements: list[str]) -> Reply:
        """Do what a well-behaved service does."""
        address = headers.get("Authorization", "").removeprefix("Bearer ")
        name = path.removeprefix("/v1/vault").removeprefix("/")
        if address in self.closed:
            return problem(410, "vault-closed", "it was closed")
        if method == "PUT" and not self.room:
            return problem(409, "quota", "The vault is full")
        if method == "PUT":
            _, upload = parse_signed_upload(base64.b64decode(headers["Hefu-Signature"]))
            hashed = sha256(address.encode()).digest()
            assert upload == Upload(hashed, DEPOSITOR, name, sha256(body).digest(), len(body))
            there = self.blobs.setdefault(address, {}).setdefault(name, body)
            return as_json(201, {}) if there == body else problem(409, "conflict")
        kept = self.blobs.get(address)
        if kept is None or (name and name not in kept):
            return problem(404, "Not found")
        if name:
            return (200, kept[name][: -1 if name in self.damaged else None], BYTES)
        items = sorted(kept.items())
        listed = [{"name": name, "size": len(data), "sha256": sha256(data).hexdigest()} for name, data in items]
        return as_json(200, {"blobs": listed, "depositor": DEPOSITOR, "statements": statements})


def published(ledger: SampleLedger, path: str) -> bytes | None:
    """A file of the published ledger, full and newest partial tiles alone; None if there is none."""
    if path == "checkpoint":
        return format_note(ledger.checkpoint())
    if path.startswith("batches/"):
        index = int(path.split("/")[1])
        return ledger.leaves(index) if index in ledger.batches else None
    try:
        tile = parse_tile_path(path)
    except MalformedError:
        return None
    tree = ledger.tree()
    return None if tile not in set(tiles_at(tree.size)) else tile_contents(ledger, tree, tile)


def export(ledger: SampleLedger, folder: Path, *, statements: bool = False) -> Path:
    """Write a ledger as ``hefu-service export`` does."""
    paths = ["checkpoint", *(tile.path for tile in tiles_at(len(ledger.records)))]
    for path in paths + [f"batches/{index}/leaves" for index in ledger.batches]:
        data = published(ledger, path)
        assert data is not None
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    for index in ledger.batches if statements else ():
        lines = [canonical([text, note.decode()]) + b"\n" for text, note in ledger.entries(index)]
        (folder / "batches" / str(index) / "entries").write_bytes(b"".join(lines))
    return folder


def tile_contents(ledger: SampleLedger, tree: merkle.Tree, tile: Tile) -> bytes:
    """The bytes of a tile or entry bundle."""
    if tile.level == ENTRIES:
        return format_bundle(ledger.records[tile.index * 256 : tile.index * 256 + tile.width])
    return tile_bytes(tile, tree.node)


def text(status: int, content: str) -> Reply:
    return (status, content.encode(), TEXT)


def as_json(status: int, value: Any) -> Reply:
    return (status, json.dumps(value).encode(), JSON)


def problem(status: int, title: str, detail: str = "") -> Reply:
    value = {"type": "about:hefu/x", "title": title, "status": status, "detail": detail}
    return (status, json.dumps(value).encode(), {"Content-Type": "application/problem+json"})


def handler(double: Double) -> type[BaseHTTPRequestHandler]:
    """What answers for it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            del format, args

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            double.note(self.command, self.path, body, dict(self.headers.items()))
            fault = double.meet(self.path)
            self.close_connection = True
            if fault == SILENT:
                double.ended.wait(30)
            if fault in (DROPPED, SILENT):
                return
            reply = (
                fault
                if isinstance(fault, tuple)
                else double.reply(self.command, self.path, body, dict(self.headers.items()))
            )
            if fault != LOST:
                self.send(*reply)

        def send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), "Connection": "close", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = handle_any  # noqa: N815  # http.server's names
        do_POST = handle_any  # noqa: N815 -- the same
        do_PUT = handle_any  # noqa: N815 -- the same

    return Handler


@contextmanager
def running(double: Double) -> Iterator[str]:
    """Serve on a free port, and give the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(double))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        double.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
