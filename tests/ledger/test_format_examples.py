"""FORMAT.md shows what the code writes: every example is byte-equal, every hash in it is the one computed."""

from __future__ import annotations

import hmac
import io
import json
import re
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from tests.support.cases import every_case
from tests.support.example_ledger import bundle_bytes, checkpoint, entry_line, example, ledger_files, receipt
from tests.support.sample_ledger import (
    ACKNOWLEDGEMENT,
    LOG,
    LOG_MLDSA44,
    ORIGIN,
    START,
    WITNESSED,
    depositor_signer,
    digests,
    opened_identity,
)

import hefu
import hefu_ledger
from hefu_ledger import section
from hefu_ledger.deposit import bundle, card
from hefu_ledger.deposit.acceptance import format_acceptance, parse_acceptance
from hefu_ledger.deposit.evidence import format_evidence, parse_evidence
from hefu_ledger.deposit.receipt import format_receipt, parse_receipt
from hefu_ledger.deposit.statement import format_statement, parse_statement, statement_id
from hefu_ledger.deposit.vault import Closure, Upload, format_closure, format_upload, parse_closure, parse_upload
from hefu_ledger.encoding import canonical
from hefu_ledger.number import format_number, parse_number
from hefu_ledger.records.bodies import End, Enrolment, KeyEvent, LedgerKey
from hefu_ledger.records.ending import format_end, parse_end
from hefu_ledger.records.identity import format_identity, parse_identity
from hefu_ledger.records.keyrequest import format_key_request, parse_key_request
from hefu_ledger.records.possession import format_possession, parse_possession
from hefu_ledger.records.record import format_record, parse_record, record_hash
from hefu_ledger.tlog import merkle
from hefu_ledger.tlog.checkpoint import format_checkpoint, parse_checkpoint
from hefu_ledger.tlog.cosignature import cosigned
from hefu_ledger.tlog.keys import format_vkey, parse_vkey
from hefu_ledger.tlog.note import format_note, parse_note, sign_note
from hefu_ledger.tlog.policy import format_policy, parse_policy
from hefu_ledger.tlog.proof import format_proof, parse_proof
from hefu_ledger.tlog.tiles import ENTRIES, WIDTH, Tile, parse_tile_path
from hefu_ledger.verify.verdict import TITLES

pytestmark = pytest.mark.skipif(digests(b"").sm3 is None, reason="the examples carry SM3, which this OpenSSL lacks")

FORMAT_MD = (Path(hefu_ledger.__file__).parent / "FORMAT.md").read_text(encoding="utf-8")
SEQ = 1  # the deposit that the examples are about: acme's folder, signed by two keys
REQUESTS = {"key-request", "key-request-add", "end"}
VAULT = {"vault-put", "vault-close"}
KINDS = ("genesis", "enrolment", "batch", "key", "compromised", "ledger-key", "clock", "end")
NOTES = {"statement", "acknowledgement", "possession", *REQUESTS, "checkpoint", "tlog-proof", "policy", *VAULT}


NAME = r"\bhefu-[a-z-]+/v\d+"


def shown() -> dict[str, bytes]:
    """The fenced blocks by their info strings; in those of line-based formats the last line feed counts."""
    blocks = re.findall(r"^```([a-z-]+)\n(.*?)^```$", FORMAT_MD, re.DOTALL | re.MULTILINE)
    names = [name for name, _ in blocks]
    assert len(set(names)) == len(names)
    whole = {*NOTES, "bundle", "entries", "tile-paths"}
    return {name: (text if name in whole else text[:-1]).encode() for name, text in blocks}


@cache
def examples() -> dict[str, bytes]:
    ledger = example()
    deposit = ledger.deposits[SEQ]
    enrolment, change, added, ended = (parse_record(ledger.records[index]).body for index in (3, 6, 8, 12))
    assert isinstance(enrolment, Enrolment)
    assert isinstance(change, KeyEvent)
    assert isinstance(added, LedgerKey)
    assert isinstance(ended, End)
    proof = receipt(ledger, SEQ)
    whole = bundle_bytes(ledger, SEQ)
    texts = dict(zip(card.SECTIONS, deposit.texts[0], strict=True))
    records = {"genesis": 0, "enrolment": 3, "batch": 5, "key": 6, "compromised": 7, "ledger-key": 8, "clock": 9}
    records |= {"unknown": 10, "end": 12}
    return {
        **{f"card-{name}": text for name, text in texts.items()},
        **{f"record-{name}": ledger.records[index] for name, index in records.items()},
        "statement": format_note(deposit.statement),
        "acknowledgement": proof.acknowledgement.encode(),
        "number": format_number("FX", SEQ).encode(),
        "identity": opened_identity("acme").text.encode(),
        "possession": enrolment.possession.encode(),
        "key-request": change.by.encode(),
        "key-request-add": added.by.encode(),
        "end": ended.by.encode(),
        "evidence": format_evidence(ledger.evidence(SEQ, 0, proof)),
        "bundle": whole[: whole.rindex(b"\n", 0, -1) + 1],  # all but the receipt's line
        "vkey": format_vkey(LOG.key).encode(),
        "checkpoint": format_note(checkpoint(ledger)),
        "tlog-proof": proof.proofs[0].proof.encode(),
        "policy": format_policy(WITNESSED).encode(),
        "vault-put": vault_put(),
        "vault-close": vault_close(),
        "tile-paths": "".join(f"{tile.path}\n" for tile in TILES).encode(),
        "entries": b"".join(map(entry_line, ledger.entries(5)[:1])),
    }


def vault_address(secret: bytes) -> bytes:
    """The hash of the address that follows from a recovery secret."""
    return sha256(hmac.digest(secret, b"hefu-vault-address/v1", "sha256").hex().encode()).digest()


def vault_put() -> bytes:
    """A file given to the vault whose recovery secret is 32 zero bytes."""
    name = statement_id(format_note(example().deposits[SEQ].statement)).hex()
    data = b"age-encryption.org/v1\n"
    upload = Upload(vault_address(bytes(32)), START, "acme", name, ORIGIN, sha256(data).digest(), len(data))
    return format_note(sign_note(format_upload(upload), [depositor_signer("acme")]))


def vault_close() -> bytes:
    """That vault, closed in favour of the one whose recovery secret is 32 bytes of one."""
    closure = Closure(vault_address(bytes(32)), START, "acme", ORIGIN, vault_address(b"\x01" * 32))
    return format_note(sign_note(format_closure(closure), [depositor_signer("acme")]))


TILES = [
    Tile(0, 0, 13),
    Tile(ENTRIES, 0, 13),
    Tile(0, 273, WIDTH),
    Tile(1, 1234067, 8),
]


@cache
def hashes() -> dict[str, bytes]:
    ledger = example()
    deposit = ledger.deposits[SEQ]
    nonces, texts, identity = deposit.nonces.of(0), deposit.texts[0], opened_identity("acme")
    commitment = card.commit(texts, nonces)
    files = dict(ledger_files(ledger))
    acceptances = [format_acceptance(other.acceptance).encode() for other in ledger.deposits[1:3]]
    keyed = zip(card.SECTIONS, nonces, texts, strict=True)
    return {
        "seed": deposit.seed,
        **{f"nonce `0/{name}`": nonce for name, nonce in zip(card.SECTIONS, nonces, strict=True)},
        **{f"c_{name}": section.keyed_hash(nonce, text) for name, nonce, text in keyed},
        "commitment 0": commitment,
        "leaf hash of commitment 0": merkle.leaf_hash(commitment),
        "root of the deposit": deposit.tree.root,
        "statement's identity": statement_id(deposit.statement),
        "nonce of the identity": identity.nonce,
        "commitment to the identity": section.close(identity),
        "leaf hash of acceptance 1": merkle.leaf_hash(acceptances[0]),
        "leaf hash of acceptance 2": merkle.leaf_hash(acceptances[1]),
        "root of the batch": ledger.batch_tree(1, 2).root,
        "SHA-256 of record 4": record_hash(ledger.records[4]),
        "leaf hash of record 5": merkle.leaf_hash(ledger.records[5]),
        "root of the ledger at size 13": ledger.tree().root,
        "SHA-256 of its 1312 bytes": sha256(LOG_MLDSA44.key.public).digest(),
        "fingerprint of the log's ML-DSA-44 key": bytes.fromhex(LOG_MLDSA44.key.fingerprint),
        "SHA-256 of the message that the log's ML-DSA-44 key signs": sha256(
            cosigned(LOG_MLDSA44.key, checkpoint(ledger).text, 0)
        ).digest(),
        "fingerprint of the log's key": bytes.fromhex(LOG.key.fingerprint),
        "SHA-256 of the receipt": sha256(format_receipt(receipt(ledger, SEQ))).digest(),
        "SHA-256 of the evidence file": sha256(examples()["evidence"]).digest(),
        "SHA-256 of the bundle": sha256(bundle_bytes(ledger, SEQ)).digest(),
        "SHA-256 of `tile/entries/000.p/13`": sha256(files["tile/entries/000.p/13"]).digest(),
        "SHA-256 of `tile/0/000.p/13`": sha256(files["tile/0/000.p/13"]).digest(),
        "SHA-256 of `batches/5/leaves`": sha256(files["batches/5/leaves"]).digest(),
    }


def titled(parse: Callable[[str], object], write: Callable[..., str]) -> Callable[[bytes], bytes]:
    def again(data: bytes) -> bytes:
        note = parse_note(data)
        return format_note(note._replace(text=write(parse(note.text))))

    return again


def bundle_again(data: bytes) -> bytes:
    file = io.BytesIO(data)
    header = bundle.read_header(file)
    lines = [bundle.format_header(header), *map(bundle.format_texts, bundle.read_texts(file, header.count))]
    return b"".join([*lines, bundle.format_statement_line(bundle.read_statement(file)), file.read()])


def entry_again(data: bytes) -> bytes:
    acceptance, statement = json.loads(data)
    parse_acceptance(acceptance)
    parse_statement(parse_note(statement.encode()).text)
    return entry_line((acceptance, statement.encode()))


def section_again(name: str) -> Callable[[bytes], bytes]:
    return lambda data: card.section_text(name, card.parse_section(name, data.decode()))


AGAIN: dict[str, Callable[[bytes], bytes]] = {
    **{f"card-{name}": section_again(name) for name in card.SECTIONS},
    **dict.fromkeys(
        [f"record-{kind}" for kind in KINDS],
        lambda data: format_record(parse_record(data)),
    ),
    "record-unknown": lambda data: canonical(json.loads(data)),
    "statement": titled(parse_statement, format_statement),
    "acknowledgement": titled(parse_acceptance, format_acceptance),
    "number": lambda data: format_number("FX", parse_number(data.decode(), "FX")).encode(),
    "identity": lambda data: format_identity(parse_identity(data.decode())).encode(),
    "possession": titled(parse_possession, format_possession),
    "key-request": titled(parse_key_request, format_key_request),
    "key-request-add": titled(parse_key_request, format_key_request),
    "end": titled(parse_end, format_end),
    "evidence": lambda data: format_evidence(parse_evidence(data)),
    "bundle": bundle_again,
    "vkey": lambda data: format_vkey(parse_vkey(data.decode())).encode(),
    "checkpoint": titled(parse_checkpoint, format_checkpoint),
    "tlog-proof": lambda data: format_proof(parse_proof(data)),
    "policy": lambda data: format_policy(parse_policy(data.decode())).encode(),
    "vault-put": titled(parse_upload, format_upload),
    "vault-close": titled(parse_closure, format_closure),
    "tile-paths": lambda data: "".join(f"{parse_tile_path(line).path}\n" for line in data.decode().split()).encode(),
    "entries": entry_again,
}


def test_format_md_shows_every_example_and_nothing_else() -> None:
    assert set(shown()) == set(examples()) == set(AGAIN)


@every_case("name", sorted(AGAIN))
def test_an_example_is_byte_for_byte_what_the_code_writes(name: str) -> None:
    assert shown()[name] == examples()[name]


@every_case("name", sorted(AGAIN))
def test_an_example_parses_and_is_written_back_the_same(name: str) -> None:
    assert AGAIN[name](shown()[name]) == shown()[name]


def test_every_hash_in_the_text_is_the_one_computed() -> None:
    rows = dict(re.findall(r"^\| (.+?) \| `([0-9a-f]{64})` \|", FORMAT_MD, re.MULTILINE))
    assert rows == {name: value.hex() for name, value in hashes().items()}


def test_the_receipt_is_the_member_of_the_evidence_and_the_last_line_of_the_bundle() -> None:
    evidence = shown()["evidence"]
    start = evidence.index(b'"receipt":') + len(b'"receipt":')
    data = evidence[start : evidence.index(b',"sections":')]
    assert format_receipt(parse_receipt(data)) == data
    assert sha256(data).digest() == hashes()["SHA-256 of the receipt"]
    assert shown()["bundle"] + data + b"\n" == bundle_bytes(example(), SEQ)


def test_the_acceptance_and_the_acknowledgement_have_one_text() -> None:
    text = parse_note(shown()["acknowledgement"]).text
    assert merkle.leaf_hash(text.encode()) == hashes()["leaf hash of acceptance 1"]
    assert format_note(sign_note(text, [ACKNOWLEDGEMENT])) == shown()["acknowledgement"]


def test_the_table_of_steps_has_all_nineteen_with_their_titles() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \| ", FORMAT_MD, re.MULTILINE)
    assert {int(number): (zh, en) for number, zh, en in rows} == TITLES


def test_every_versioned_format_is_named_and_so_is_each_that_is_reserved() -> None:
    sources = [path for package in (hefu_ledger, hefu) for path in Path(package.__file__ or "").parent.rglob("*.py")]
    names = {name for source in sources for name in re.findall(NAME, source.read_text("utf-8"))}
    head, reserved = FORMAT_MD.split("\n## 15 ")
    kept = set(re.findall(NAME, reserved))
    listed = next(line for line in head.splitlines() if line.startswith("Reserved (15)"))
    assert kept == set(re.findall(NAME, listed))
    assert names | kept == set(re.findall(NAME, FORMAT_MD))
    assert not names & kept
