"""``hefu init``: a key is made, enrolled with a one-time code, and found again on the ledger before it is used.

Every step can be repeated: the key is written first and the configuration last, and the same code with the same key
gets the same answer.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from hefu.errors import ClientError, RefusedError, UnreachableError
from hefu.files.atomic import replace, write_new
from hefu.home import home
from hefu.home.settings import VaultOptions, forget_new, keep_settings, recovery_of
from hefu.home.sheet import write_sheet
from hefu.monitor.checkpoint import Sight, verify_checkpoint
from hefu.service import JSON, Service
from hefu.ui.language import say
from hefu.vault.secret import Sheet
from hefu_ledger.encoding import MAX_INTEGER, Fields, canonical
from hefu_ledger.errors import VerificationError
from hefu_ledger.names import check_depositor, depositor_key_name
from hefu_ledger.records.identity import (
    APPROVE,
    PREPARE,
    Identity,
    Possession,
    format_possession,
    parse_signed_possession,
    verify_identity,
)
from hefu_ledger.records.record import Enrolment, KeyEvent, parse_record
from hefu_ledger.records.roster import Roster
from hefu_ledger.section import OpenedSection, parse_opened
from hefu_ledger.tlog.keyfile import format_key, parse_key
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.merkle import leaf_hash, verify_inclusion
from hefu_ledger.tlog.note import format_note, sign_note
from hefu_ledger.tlog.policy import Policy, parse_policy
from hefu_ledger.tlog.proof import parse_proof

_PATIENCE_S = 120.0  # how long the enrolment's record may take; the key is safe, and init can be run again
_PAUSE_S = 0.5
_HERE_AND_THERE = VaultOptions()


class Enrolled(NamedTuple):
    """The result of ``init``. ``fingerprints``: of the log keys trusted at first sight, for people to compare."""

    depositor: str
    origin: str
    identity: Identity
    fingerprints: tuple[str, ...]
    checkpoint_size: int
    words: str = ""  # of the recovery sheet; empty where there is one already
    sheet: str = ""  # the file to print and delete
    unsent: str = ""  # why the service does not hold the vault's first file yet
    approver: bool = False  # whether a key of the depositor approves; else any of its keys may end the others


class OnLedger(NamedTuple):
    """A depositor's records, each found under one signed checkpoint."""

    records: tuple[bytes, ...]
    sight: Sight
    pending: int


def enrol(
    path: str, service: Service, code: str, vault: VaultOptions = _HERE_AND_THERE, *, role: str = PREPARE
) -> Enrolled:
    """Make ``path`` the home of the depositor whose one-time code this is. Durable on return."""
    depositor = check_depositor(code.strip().partition(".")[0])
    _check_new(path, depositor)
    trust = service.get("/v1/trust").body
    policy = parse_policy(trust.decode("utf-8", "surrogateescape"))
    origin = _origin(policy)
    recovery = recovery_of(path, vault.recovery)
    signer = _key(path, depositor_key_name(origin, depositor))
    possession = Possession(depositor, origin, signer.key, role)
    identity = _send(service, code.strip(), possession, signer)
    found = _wait(service, policy, depositor, signer)
    roster = _verify(found, policy, possession)
    established = verify_identity(identity, commitment=roster.identity_of(possession.key))
    replace(f"{path}/{home.POLICY}", trust)
    replace(f"{path}/{home.GENESIS}", found.records[0])
    replace(f"{path}/{home.CHECKPOINT}", format_note(found.sight.note))
    fingerprints = tuple(log.key.fingerprint for log in policy.logs)
    required = roster.required_at(MAX_INTEGER)
    config = home.Config(depositor, identity, origin, service.url, vault.folder, vault.upload, required)
    keep_settings(config, path=path, genesis=found.records[0], policy=trust, recovery=recovery)
    log = home.parse_genesis(found.records[0]).log
    sheet = Sheet(recovery, depositor, origin, service.url, log.fingerprint)
    words, file = write_sheet(path, sheet, name=established.name, fingerprints=fingerprints)
    replace(f"{path}/{home.CONFIG}", home.format_config(config))
    forget_new(path)
    unsent = next((problem.cause for problem in home.load(path).send_owed(service)), "")
    size, approver = found.sight.checkpoint.size, bool(roster.keys_at(MAX_INTEGER, role=APPROVE))
    return Enrolled(depositor, origin, established, fingerprints, size, words, file, unsent, approver)


def fetch_enrolment(service: Service, policy: Policy, depositor: str) -> OnLedger:
    """Read a depositor's records and check that each is on the ledger at the place it says."""
    answer = service.get(f"/v1/enrolments/{depositor}").json("enrolment")
    members = frozenset({"depositor", "pending", "proofs", "records"})
    fields = Fields(answer, "enrolment", members, frozenset(answer))
    texts, proofs = fields.items("records", high=1000), fields.items("proofs", high=1000)
    records = tuple(str(text).encode() for text in texts)
    if not records or len(records) != len(proofs):
        raise UnreachableError(say("enrolment.proofs"))
    sights = [_verify_record(data, value, policy) for data, value in zip(records, proofs, strict=True)]
    return OnLedger(records, max(sights, key=lambda sight: sight.checkpoint.size), fields.whole("pending"))


def _check_new(path: str, depositor: str) -> None:
    """Refuse a home that is one; one that was restored gets a key of its own, and the vault it has."""
    if home.read(path, home.CONFIG) is None:
        return
    if not home.is_restored(path):
        raise ClientError(say("enrolment.already", path=path))
    restored = home.load_reader(path).config.depositor
    if restored != depositor:
        raise ClientError(say("init.other_depositor", path=path, restored=restored, depositor=depositor))
    os.unlink(f"{path}/{home.CONFIG}")  # from here on it is a home that is being made; the vault has the settings


def _origin(policy: Policy) -> str:
    if len(policy.logs) != 1:
        raise ClientError(say("enrolment.logs", count=len(policy.logs)))
    return policy.logs[0].key.name


def _key(path: str, name: str) -> Ed25519Signer:
    """The home's key, made before anyone hears of it, so that an enrolment never waits for a lost key."""
    home.make(path)
    data = home.read(path, home.KEY)
    if data is None:
        data = format_key(name, os.urandom(32))
        write_new(f"{path}/{home.KEY}", data)
    signer = parse_key(data)
    if signer.key.name != name:
        raise ClientError(say("enrolment.other_key", path=path, found=signer.key.name, name=name))
    return signer


def _send(service: Service, code: str, possession: Possession, signer: Ed25519Signer) -> OpenedSection:
    note = format_note(sign_note(format_possession(possession), [signer]))
    body = canonical({"code": code, "possession": note.decode()})
    answer = service.post("/v1/enrolments", body, JSON).json("enrolment")
    if (answer.get("depositor"), answer.get("origin")) != (possession.depositor, possession.origin):
        raise UnreachableError(say("enrolment.other"))
    return parse_opened(answer.get("identity"), "identity")


def _wait(service: Service, policy: Policy, depositor: str, signer: Ed25519Signer) -> OnLedger:
    waited_s = 0.0
    while True:
        try:
            found = fetch_enrolment(service, policy, depositor)
        except RefusedError as error:
            if error.status != 404:
                raise
        else:
            if any(_enrols(data, signer) for data in found.records):
                return found
        if waited_s >= _PATIENCE_S:
            raise UnreachableError(say("enrolment.waiting"))
        service.sleep(_PAUSE_S)
        waited_s += _PAUSE_S


def _enrols(data: bytes, signer: Ed25519Signer) -> bool:
    body = parse_record(data).body
    return isinstance(body, Enrolment) and parse_signed_possession(body.possession.encode())[1].key == signer.key


def _verify_record(data: bytes, value: object, policy: Policy) -> Sight:
    fields = Fields(value, "proof", frozenset({"index", "proof"}))
    proof = parse_proof(fields.text("proof", limit=131_072).encode())
    sight = verify_checkpoint(proof.checkpoint, policy)
    index = parse_record(data).index
    if not index == proof.index == fields.whole("index"):
        raise VerificationError("enrolment: the record's place", expected=f"{index}", found=f"{proof.index}")
    checkpoint = sight.checkpoint
    verify_inclusion(
        leaf_hash=leaf_hash(data), index=index, size=checkpoint.size, path=proof.path, root=checkpoint.root
    )
    return sight


def fold_roster(records: Sequence[bytes], origin: str, depositor: str) -> Roster:
    """The keys of a depositor, from genesis and its records in the ledger's order."""
    roster = Roster(origin, depositor)
    for data in records[1:]:
        body = parse_record(data).body
        if isinstance(body, Enrolment):
            roster.enrol(body)
        elif isinstance(body, KeyEvent):
            roster.change(body)
    return roster


def _verify(found: OnLedger, policy: Policy, possession: Possession) -> Roster:
    """Check that the records make this key the depositor's."""
    genesis = home.parse_genesis(found.records[0])
    if genesis.log not in [log.key for log in policy.logs]:
        raise VerificationError("genesis names another log key than the policy that the service gave")
    roster = fold_roster(found.records, possession.origin, possession.depositor)
    if possession.key not in [member.key for member in roster.members if member.until_seq is None]:
        raise VerificationError("enrolment: the ledger's records do not make this key the depositor's")
    return roster
