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
from hefu_ledger.encoding import canonical
from hefu_ledger.errors import MalformedError, VerificationError
from hefu_ledger.names import depositor_key_name
from hefu_ledger.number import format_number
from hefu_ledger.records.bodies import Enrolment, KeyEvent
from hefu_ledger.records.fold import DepositorEvent
from hefu_ledger.records.keyrequest import parse_key_request
from hefu_ledger.records.possession import parse_signed_possession
from hefu_ledger.records.record import parse_record
from hefu_ledger.records.role import APPROVE, PREPARE
from hefu_ledger.records.roster import NO_ROSTER, Roster, roster_value, verifier_key
from hefu_ledger.records.signatures import verify_statement
from hefu_ledger.section import section_value
from hefu_ledger.tlog import merkle
from hefu_ledger.tlog.keys import format_vkey
from hefu_ledger.tlog.note import Note, format_note, parse_note, sign_note, verify_note
from hefu_ledger.tlog.policy import format_policy
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
        self.role = PREPARE  # that the code stands for
        self._code_used = ""  # the vkey that the code enrolled
        self._receipts: dict[tuple[bytes | int, ...], Receipt] = {}
        self._first: dict[bytes, Note] = {}

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
            statements = self.statements()
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
        self._code_used = ""

    def grow(self, count: int = 1) -> None:
        """Let others deposit."""
        for _ in range(count):
            self.ledger.deposit("beta", {"list.csv": b"customers"})
            self.ledger.seal()

    def enrol(self, body: bytes) -> Reply:
        asked = json.loads(body)
        if "code" in asked and asked["code"] != CODE:
            return problem(403, "The enrolment code is not accepted 登记码无效", "it has expired")
        if "possession" not in asked:
            return self._invite()
        note = asked["possession"]
        vkey = format_vkey(parse_signed_possession(note.encode())[1].key)
        known = [body for body in self.bodies() if isinstance(body, Enrolment) and body.possession == note]
        if "code" in asked:
            if self._code_used not in ("", vkey):
                return problem(409, "conflict", "the code was used for another key")
            self._code_used = vkey
        if not known:
            try:
                self.ledger.event(DEPOSITOR, Enrolment(0, len(self.ledger.deposits), note, NO_ROSTER))
            except VerificationError as error:
                return problem(422, "possession-refused", str(error))
        return as_json(201, {"depositor": DEPOSITOR, "event": 0, "origin": ORIGIN, "from_seq": 0, "vkey": vkey})

    def _invite(self) -> Reply:
        if self._code_used:
            return problem(403, "The enrolment code is not accepted 登记码无效", "it was used")
        roster = self.roster()
        answer = {
            "depositor": DEPOSITOR,
            "identity": section_value(opened_identity(DEPOSITOR)),
            "origin": ORIGIN,
            "role": self.role,
            "signatures_required": roster.signatures_required if roster.identity else self.required,
        }
        return as_json(200, answer)

    def _change(self, body: bytes) -> Reply:
        by = json.loads(body)["request"]
        if not any(body.by == by for body in self.bodies() if isinstance(body, KeyEvent)):
            request = parse_key_request(parse_note(by.encode()).text)
            seq = len(self.ledger.deposits)
            event = KeyEvent(request.action, by, 0, seq, request.reason, NO_ROSTER, request.vkey, request.since)
            try:
                self.ledger.event(DEPOSITOR, event)
            except VerificationError as error:
                return problem(403, "signature-refused", str(error))
        return as_json(201, {})

    def bodies(self) -> list[DepositorEvent]:
        """The depositor's events."""
        found = [parse_record(self.ledger.records[index]).body for index in self._indices()]
        return [body for body in found if isinstance(body, Enrolment | KeyEvent)]

    def _indices(self) -> list[int]:
        """The records of the depositor, in the ledger's order."""
        return sorted(index for (depositor, _), index in self.ledger.places.items() if depositor == DEPOSITOR)

    def roster(self) -> Roster:
        """The depositor's keys."""
        return self.ledger.roster(DEPOSITOR)

    def enrolment(self) -> Reply:
        if not self._indices():
            return problem(404, "Not found")
        tree = self.ledger.tree()
        indices = (0, *self._indices())
        answer = {
            "checkpoint": format_note(self.ledger.checkpoint()).decode(),
            "depositor": DEPOSITOR,
            "paths": [[node.hex() for node in tree.path(index)] for index in indices],
            "pending": 0,
            "records": [self.ledger.records[index].decode() for index in indices],
            "roster": roster_value(self.roster()),
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
                verify_statement(note, self.roster(), depositor_key_name(ORIGIN, DEPOSITOR))
            except VerificationError as error:
                return problem(403, "signature-refused", str(error))
        ledger.now += 10
        before = sum(other.acceptance.depositor == statement.depositor for other in ledger.deposits)
        acceptance = Acceptance(
            anchor_by=ledger.now + self.delay,
            depositor=statement.depositor,
            event=ledger.event_at(statement.depositor, len(ledger.deposits)),
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

    def statements(self) -> list[str]:
        """The ids of all statements, as the vault's listing tells them."""
        return [deposit.acceptance.statement.hex() for deposit in self.ledger.deposits]

    def _receipt(self, identity: bytes) -> Reply:
        found = [seq for seq, each in enumerate(self.ledger.deposits) if each.acceptance.statement == identity]
        if not found:
            return problem(404, "Not found")
        if self.sealing and self.ledger.covered < len(self.ledger.deposits):
            self.ledger.seal()
        if found[0] >= self.ledger.covered:
            return (202, b'{"state":"accepted"}', {"Retry-After": "1", **JSON})
        first = self._first.setdefault(identity, self.ledger.checkpoint())  # that covers it, and so for ever
        told = [index for index in self._indices()[-1:] if index not in self.ledger.relied(found[0])]
        receipt = self._receipts.get((identity, *told))
        if receipt is None:
            newest = self.ledger.checkpoint()
            checkpoints = [first, newest] if told and newest.text != first.text else [first]
            receipt = self.ledger.receipt(found[0], checkpoints=checkpoints, told=told)
            self._receipts[identity, *told] = receipt
        return (200, format_receipt(self.change_receipt(receipt)), JSON)

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
        able = [key for key in roster.keys if key.role == APPROVE] or roster.keys
        name = depositor_key_name(ORIGIN, DEPOSITOR)
        if not verify_note(note, [verifier_key(name, key.key) for key in able])[0]:
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
            assert upload == Upload(hashed, upload.at, DEPOSITOR, name, ORIGIN, sha256(body).digest(), len(body))
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
    value = {
        "type": f"about:hefu/{title}" if title.islower() else "about:hefu/x",
        "title": title,
        "status": status,
        "detail": detail,
    }
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
