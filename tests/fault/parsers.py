"""Every parser of the ledger, with valid examples, and how what it reads is written again: the fuzzer's corpus."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from inspect import getmembers, isfunction
from types import ModuleType
from typing import Any, NamedTuple

from tests.support.sample_ledger import DAY, ORIGIN, START, WITNESSED, WITNESSES, SampleLedger, depositor_signer, sample

import hefu_ledger
from hefu_ledger import encoding, number, section, uscc
from hefu_ledger.deposit import acceptance, card, evidence, receipt, statement, vault
from hefu_ledger.records import ending, identity, keyrequest, possession, record, roster, signing_key
from hefu_ledger.records.bodies import Batch, Enrolment
from hefu_ledger.records.keyrequest import KeyRequest
from hefu_ledger.tlog import checkpoint, keyfile, keys, note, policy, proof, tiles
from hefu_ledger.tlog.merkle import leaf_hash
from hefu_ledger.tlog.note import format_note, sign_note

Parse = Callable[[bytes], object]
LIMIT = 1 << 20


class Parser(NamedTuple):
    """``write`` gives what must be the very bytes that were read.

    None where spellings are many; it gives None for what is read and never written.
    """

    parse: Parse
    examples: list[bytes]
    write: Callable[[Any], bytes | None] | None = None


def every_parser() -> dict[str, Callable[..., object]]:
    """Each ``parse_…`` of the package, by its module and name."""
    found: dict[str, Callable[..., object]] = {}
    for module in pkgutil.walk_packages(hefu_ledger.__path__, "hefu_ledger."):
        found |= _parsers_of(importlib.import_module(module.name))
    return found


def _parsers_of(module: ModuleType) -> dict[str, Callable[..., object]]:
    own = [
        (name, function) for name, function in getmembers(module, isfunction) if function.__module__ == module.__name__
    ]
    return {f"{module.__name__}.{name}": function for name, function in own if name.startswith("parse_")}


def known_parsers() -> dict[str, Parser]:
    """Those that there are examples for."""
    ledger = sample()
    signed = _signed(ledger)
    parsers = _notes(ledger, signed) | _private(ledger) | _ledger(ledger) | _small()
    return {f"hefu_ledger.{name}": parser for name, parser in parsers.items()}


def _text(parse: Callable[[str], object]) -> Parse:
    """A parser of texts, given bytes; those that are no UTF-8 reach it as Python's arguments and file names do."""
    return lambda data: parse(data.decode(errors="surrogateescape"))


def _written(write: Callable[[Any], str]) -> Callable[[Any], bytes]:
    return lambda value: write(value).encode(errors="surrogateescape")


def _valued(parse: Callable[[object], object]) -> Parse:
    """A parser of what JSON holds."""
    return lambda data: parse(encoding.parse_plain(data, limit=LIMIT))


def _first(value: tuple[note.Note, object]) -> bytes:
    return format_note(value[0])


def _signed(ledger: SampleLedger) -> dict[str, bytes]:
    key = depositor_signer("acme")
    address = sha256(b"address").digest()
    put = vault.Upload(address, START, "acme", "ab" * 32, ORIGIN, bytes(32), 7)
    closure = vault.Closure(address, START, "acme", ORIGIN, bytes(32))
    return {
        "statement": format_note(ledger.deposits[1].statement),
        "upload": format_note(sign_note(vault.format_upload(put), [key])),
        "closure": format_note(sign_note(vault.format_closure(closure), [key])),
        "possession": format_note(
            sign_note(
                possession.format_possession(possession.Possession("acme", bytes(32), ORIGIN, START, 1, key.key)), [key]
            )
        ),
    }


def _notes(ledger: SampleLedger, signed: dict[str, bytes]) -> dict[str, Parser]:
    cosigned = format_note(ledger.checkpoint(cosigners=WITNESSES))
    texts = {name: [note.parse_note(data).text.encode()] for name, data in signed.items()}
    request = KeyRequest("compromised", "stolen", START, depositor_signer("acme").key, START)
    asked = keyrequest.format_key_request(request).encode()
    ended = ending.format_end(ending.EndRequest(ORIGIN, "moved", START, depositor_signer("acme").key)).encode()
    accepted = [acceptance.format_acceptance(deposit.acceptance).encode() for deposit in ledger.deposits]
    return {
        "tlog.note.parse_note": Parser(note.parse_note, [cosigned, *signed.values()], format_note),
        "deposit.statement.parse_statement": Parser(
            _text(statement.parse_statement), texts["statement"], _written(statement.format_statement)
        ),
        "deposit.statement.parse_signed_statement": Parser(
            statement.parse_signed_statement, [signed["statement"]], _first
        ),
        "deposit.vault.parse_upload": Parser(_text(vault.parse_upload), texts["upload"], _written(vault.format_upload)),
        "deposit.vault.parse_signed_upload": Parser(vault.parse_signed_upload, [signed["upload"]], _first),
        "deposit.vault.parse_closure": Parser(
            _text(vault.parse_closure), texts["closure"], _written(vault.format_closure)
        ),
        "deposit.vault.parse_signed_closure": Parser(vault.parse_signed_closure, [signed["closure"]], _first),
        "records.possession.parse_possession": Parser(
            _text(possession.parse_possession), texts["possession"], _written(possession.format_possession)
        ),
        "records.possession.parse_signed_possession": Parser(
            possession.parse_signed_possession, [signed["possession"]], _first
        ),
        "records.ending.parse_end": Parser(_text(ending.parse_end), [ended], _written(ending.format_end)),
        "records.keyrequest.parse_key_request": Parser(
            _text(keyrequest.parse_key_request), [asked], _written(keyrequest.format_key_request)
        ),
        "records.keyrequest.parse_signed_key_request": Parser(
            keyrequest.parse_signed_key_request,
            [format_note(sign_note(asked.decode(), [depositor_signer("acme")]))],
            _first,
        ),
        "deposit.acceptance.parse_acceptance": Parser(
            _text(acceptance.parse_acceptance), accepted, _written(acceptance.format_acceptance)
        ),
        "tlog.checkpoint.parse_checkpoint": Parser(
            _text(checkpoint.parse_checkpoint),
            [note.parse_note(cosigned).text.encode()],
            _written(checkpoint.format_checkpoint),
        ),
    }


def _private(ledger: SampleLedger) -> dict[str, Parser]:
    whole = ledger.evidence(1, 2, _receipt(ledger))
    opened = whole.sections[0]
    assert isinstance(opened, section.OpenedSection)
    shown = encoding.canonical(section.section_value(opened))
    closed = encoding.canonical(section.section_value(section.close(opened)))
    assert whole.identity is not None
    document, _, circumstances = ledger.deposits[1].texts[0]
    return {
        "deposit.evidence.parse_evidence": Parser(
            evidence.parse_evidence, [evidence.format_evidence(whole)], evidence.format_evidence
        ),
        "deposit.card.parse_document": Parser(_text(card.parse_document), [document], card.document_text),
        "deposit.card.parse_section": Parser(
            lambda data: card.parse_section("circumstances", data.decode(errors="surrogateescape")),
            [circumstances],
        ),
        "section.parse_section_value": Parser(
            _valued(lambda value: section.parse_section_value(value, "label")), [shown, closed]
        ),
        "section.parse_opened": Parser(_valued(lambda value: section.parse_opened(value, "label")), [shown]),
        "records.identity.parse_identity": Parser(
            _text(identity.parse_identity), [whole.identity.text.encode()], _written(identity.format_identity)
        ),
    }


def _receipt(ledger: SampleLedger) -> receipt.Receipt:
    return ledger.receipt(1, [1], [ledger.checkpoint(cosigners=WITNESSES)])


def _ledger(ledger: SampleLedger) -> dict[str, Parser]:
    written = receipt.format_receipt(_receipt(ledger))
    return {
        "records.record.parse_record": Parser(record.parse_record, ledger.records, _record),
        "records.roster.parse_roster_value": Parser(
            _valued(partial(roster.parse_roster_value, event=9)),
            [encoding.canonical(roster.roster_value(body.roster)) for body in _enrolments(ledger)],
        ),
        "records.record.parse_body": Parser(partial(record.parse_body, "batch"), _batches(ledger), record.format_body),
        "deposit.receipt.parse_receipt": Parser(receipt.parse_receipt, [written], receipt.format_receipt),
        "deposit.receipt.parse_receipt_value": Parser(_valued(receipt.parse_receipt_value), [written]),
        "tlog.proof.parse_proof": Parser(
            proof.parse_proof, [_receipt(ledger).proofs[0].proof.encode()], proof.format_proof
        ),
        "tlog.policy.parse_policy": Parser(_text(policy.parse_policy), [policy.format_policy(WITNESSED).encode()]),
        "tlog.tiles.parse_tile_path": Parser(
            _text(tiles.parse_tile_path),
            [b"tile/0/x001/x234/067.p/8", b"tile/entries/000"],
            lambda tile: tile.path.encode(),
        ),
        "tlog.tiles.parse_bundle": Parser(
            lambda data: tiles.parse_bundle(data, 3), [tiles.format_bundle(ledger.records[:3])], tiles.format_bundle
        ),
    }


def _batches(ledger: SampleLedger) -> list[bytes]:
    bodies = [record.parse_record(data).body for data in ledger.records]
    return [record.format_body(body) for body in bodies if isinstance(body, Batch)]


def _enrolments(ledger: SampleLedger) -> list[Enrolment]:
    bodies = [record.parse_record(data).body for data in ledger.records]
    return [body for body in bodies if isinstance(body, Enrolment)]


def _record(value: record.Record) -> bytes | None:
    return None if value.body is None else record.format_record(value)


def _small() -> dict[str, Parser]:
    quantum = keys.MLDSA44Signer(ORIGIN, leaf_hash(b"")).key
    known = [depositor_signer("acme").key, WITNESSES[0].key, quantum, keys.VerifierKey(ORIGIN, 0x07, b"newer")]
    vkeys = [keys.format_vkey(key).encode() for key in known]
    plain: list[object] = [{"a": [1, None, True, "存证"], "b": {"c": 2**53 - 1}}, [[[]]]]
    values = [*map(encoding.canonical, plain)]
    return {
        "tlog.keyfile.parse_key": Parser(
            keyfile.parse_key, [keyfile.format_key(f"{ORIGIN}/depositor/acme", leaf_hash(b""))]
        ),
        "tlog.keyfile.parse_mldsa44_key": Parser(
            keyfile.parse_mldsa44_key, [keyfile.format_mldsa44_key(ORIGIN, leaf_hash(b""))]
        ),
        "tlog.keys.parse_vkey": Parser(_text(keys.parse_vkey), vkeys, _written(keys.format_vkey)),
        "records.signing_key.parse_signing_key": Parser(
            _text(signing_key.parse_signing_key), vkeys[:1], _written(keys.format_vkey)
        ),
        "records.signing_key.parse_depositor_key": Parser(
            _text(signing_key.parse_depositor_key), [vkeys[0], vkeys[3]], _written(keys.format_vkey)
        ),
        "number.parse_number": Parser(
            _text(lambda text: number.parse_number(text, "FX")),
            [number.format_number("FX", seq).encode() for seq in (0, 123456, 10**12 - 1)],
            lambda seq: number.format_number("FX", seq).encode(),
        ),
        "uscc.parse_uscc": Parser(_text(uscc.parse_uscc), [b"91310120MA1HP00194"]),
        "encoding.parse_decimal": Parser(
            _text(encoding.parse_decimal), [b"0", b"9007199254740991"], lambda n: b"%d" % n
        ),
        "encoding.parse_time": Parser(
            _text(encoding.parse_time),
            [encoding.format_time(START + DAY).encode()],
            _written(encoding.format_time),
        ),
        "encoding.parse_canonical": Parser(
            lambda data: encoding.parse_canonical(data, limit=LIMIT), values, encoding.canonical
        ),
        "encoding.parse_plain": Parser(lambda data: encoding.parse_plain(data, limit=LIMIT), values),
        "encoding.parse_titled": Parser(
            _text(lambda text: encoding.parse_titled(text, "hefu-example/v1", limit=LIMIT)),
            [encoding.titled("hefu-example/v1", {"a": 1, "b": [2]}).encode()],
            _written(lambda value: encoding.titled("hefu-example/v1", value)),
        ),
    }
