"""``hefu init``: a key is made, enrolled with a one-time code, and found again on the ledger before it is used.

Every step can be repeated: the key is written first and the configuration last, and the same code with the same key
gets the same answer. The invitation is shown by the service once, and kept until the end.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple

from hefu.errors import ClientError, RefusedError, UnreachableError
from hefu.files.atomic import replace, write_new
from hefu.home import home
from hefu.home.settings import VaultOptions, forget_new, keep_settings, recovery_of
from hefu.home.sheet import write_sheet
from hefu.keys.roster import Keys, Member, OnLedger, fetch_enrolment, fold_keys
from hefu.service import JSON, Service
from hefu.ui.language import say
from hefu.vault.secret import Sheet
from hefu_ledger.encoding import Fields, canonical, parse_canonical
from hefu_ledger.errors import VerificationError
from hefu_ledger.names import check_depositor, depositor_key_name
from hefu_ledger.records.identity import Identity, parse_identity, verify_identity
from hefu_ledger.records.possession import Possession, format_possession, parse_signed_possession
from hefu_ledger.records.role import APPROVE, PREPARE
from hefu_ledger.records.roster import MAX_SIGNATURES
from hefu_ledger.section import OpenedSection, close, parse_opened, section_value
from hefu_ledger.tlog.keyfile import format_key, parse_key
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.note import format_note, sign_note
from hefu_ledger.tlog.policy import Policy, parse_policy

_PATIENCE_S = 120.0  # how long the enrolment's record may take; the key is safe, and init can be run again
_PAUSE_S = 0.5
_HERE_AND_THERE = VaultOptions()
_INVITATION: Final = frozenset({"depositor", "identity", "origin", "role", "signatures_required"})
_KEPT: Final = frozenset({"identity", "possession"})
_LIMIT: Final = 65_536  # bytes of the file that is kept while enrolling
_TIME_REFUSED: Final = "request-time"


class Invitation(NamedTuple):
    """The meaning of a one-time code, as its holder is shown it before anything is signed."""

    depositor: str
    origin: str
    identity: Identity
    role: str
    signatures_required: int


class Enrolled(NamedTuple):
    """The result of ``init``. ``fingerprints``: of the log keys trusted at first sight, for people to compare."""

    depositor: str
    origin: str
    identity: Identity
    role: str
    signatures: int
    fingerprints: tuple[str, ...]
    checkpoint_size: int
    words: str = ""  # of the recovery sheet; empty where there is one already
    sheet: str = ""  # the file to print and delete
    unsent: str = ""  # why the service does not hold the vault's first file yet
    approver: bool = False  # whether a key of the depositor approves; else any of its keys may end the others


class _Enrolling(NamedTuple):
    """Kept between being shown the identity and the end: enough to go on, since the code shows it once."""

    identity: OpenedSection
    possession: bytes


def enrol(
    path: str,
    service: Service,
    code: str,
    vault: VaultOptions = _HERE_AND_THERE,
    *,
    confirm: Callable[[Invitation], None] = lambda _: None,
) -> Enrolled:
    """Make ``path`` the home of the depositor whose one-time code this is. Durable on return.

    ``confirm`` is shown the invitation before anything is signed; an error of its own ends the enrolment.
    """
    code = code.strip()
    depositor = check_depositor(code.partition(".")[0])
    _check_new(path, depositor)
    trust = service.get("/v1/trust").body
    policy = parse_policy(trust.decode("utf-8", "surrogateescape"))
    origin = _origin(policy)
    recovery = recovery_of(path, vault.recovery)
    signer = _key(path, depositor_key_name(origin, depositor))
    enrolling = _send(path, service, code, signer, confirm)
    found = _wait(service, policy, depositor, signer)
    keys, member = _verify(found, policy, enrolling)
    established = verify_identity(enrolling.identity, commitment=keys.roster.identity)
    replace(f"{path}/{home.POLICY}", trust)
    replace(f"{path}/{home.GENESIS}", found.records[0])
    replace(f"{path}/{home.CHECKPOINT}", format_note(found.sight.note))
    fingerprints = tuple(log.key.fingerprint for log in policy.logs)
    required = keys.roster.signatures_required
    config = home.Config(
        depositor, enrolling.identity, origin, service.url, vault.folder, vault.upload, required, member.event
    )
    keep_settings(config, path=path, genesis=found.records[0], policy=trust, recovery=recovery)
    log = home.parse_genesis(found.records[0]).log
    sheet = Sheet(recovery, depositor, origin, service.url, log.fingerprint)
    words, file = write_sheet(path, sheet, name=established.name, fingerprints=fingerprints)
    replace(f"{path}/{home.CONFIG}", home.format_config(config))
    forget_new(path)
    with suppress(FileNotFoundError):
        os.unlink(f"{path}/{home.ENROLLING}")
    unsent = next((problem.cause for problem in home.load(path).send_owed(service)), "")
    size, approver = found.sight.checkpoint.size, APPROVE in keys.roster.roles()
    return Enrolled(
        depositor, origin, established, member.role, required, fingerprints, size, words, file, unsent, approver
    )


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
    names = {log.key.name for log in policy.logs}  # one log signs with two keys of its name
    if len(names) != 1:
        raise ClientError(say("enrolment.logs", count=len(names)))
    return names.pop()


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


def _send(
    path: str, service: Service, code: str, signer: Ed25519Signer, confirm: Callable[[Invitation], None]
) -> _Enrolling:
    """Have the key enrolled: by the note that an earlier run signed, or by a new one once the code was shown."""
    kept = _read_enrolling(path)
    if kept is not None and parse_signed_possession(kept.possession)[1].key == signer.key:
        try:
            _post(service, code, kept.possession)
        except RefusedError as error:
            if error.kind != _TIME_REFUSED:
                raise
            kept = _renewed(kept, signer)  # it has lain too long, and was never enrolled
        else:
            return kept
    else:
        kept = _invited(service, code, signer, confirm)
    replace(f"{path}/{home.ENROLLING}", _format_enrolling(kept))
    _post(service, code, kept.possession)
    return kept


def _invited(service: Service, code: str, signer: Ed25519Signer, confirm: Callable[[Invitation], None]) -> _Enrolling:
    answer = service.post("/v1/enrolments", canonical({"code": code}), JSON).json("enrolment")
    fields = Fields(answer, "enrolment", _INVITATION, frozenset(answer))
    opened = parse_opened(fields.raw("identity"), "identity")
    invitation = Invitation(
        depositor=fields.text("depositor", limit=32),
        origin=fields.text("origin", limit=200),
        identity=parse_identity(opened.text),
        role=fields.text("role", limit=16),
        signatures_required=fields.whole("signatures_required", low=1, high=MAX_SIGNATURES),
    )
    name = depositor_key_name(invitation.origin, invitation.depositor)
    if name != signer.key.name or invitation.role not in (PREPARE, APPROVE):
        raise UnreachableError(say("enrolment.other"))
    confirm(invitation)
    possession = Possession(
        depositor=invitation.depositor,
        identity=close(opened),
        origin=invitation.origin,
        requested_at=_now(),
        signatures_required=invitation.signatures_required,
        key=signer.key,
        role=invitation.role,
    )
    return _Enrolling(opened, format_note(sign_note(format_possession(possession), [signer])))


def _renewed(kept: _Enrolling, signer: Ed25519Signer) -> _Enrolling:
    _, possession = parse_signed_possession(kept.possession)
    text = format_possession(possession._replace(requested_at=_now()))
    return kept._replace(possession=format_note(sign_note(text, [signer])))


def _post(service: Service, code: str, possession: bytes) -> None:
    service.post("/v1/enrolments", canonical({"code": code, "possession": possession.decode()}), JSON)


def _now() -> int:
    return time.time_ns() // 1_000_000


def _format_enrolling(kept: _Enrolling) -> bytes:
    return canonical({"identity": section_value(kept.identity), "possession": kept.possession.decode()})


def _read_enrolling(path: str) -> _Enrolling | None:
    data = home.read(path, home.ENROLLING)
    if data is None:
        return None
    fields = Fields(parse_canonical(data, limit=_LIMIT), home.ENROLLING, _KEPT)
    possession = fields.text("possession", limit=_LIMIT).encode()
    return _Enrolling(parse_opened(fields.raw("identity"), "identity"), possession)


def _wait(service: Service, policy: Policy, depositor: str, signer: Ed25519Signer) -> OnLedger:
    waited_s = 0.0
    while True:
        try:
            found = fetch_enrolment(service, policy, depositor)
        except RefusedError as error:
            if error.status != 404:
                raise
        else:
            keys = fold_keys(found.records[1:], signer.key.name.rpartition("/depositor/")[0], depositor)
            if keys.member(signer.key) is not None:
                return found
        if waited_s >= _PATIENCE_S:
            raise UnreachableError(say("enrolment.waiting"))
        service.sleep(_PAUSE_S)
        waited_s += _PAUSE_S


def _verify(found: OnLedger, policy: Policy, enrolling: _Enrolling) -> tuple[Keys, Member]:
    """Check that the records make this key the depositor's, as the note that was signed says."""
    _, possession = parse_signed_possession(enrolling.possession)
    genesis = home.parse_genesis(found.records[0])
    if genesis.log not in [log.key for log in policy.logs]:
        raise VerificationError(
            "genesis names another log key than the policy that the service gave", code="genesis-key"
        )
    keys = fold_keys(found.records[1:], possession.origin, possession.depositor)
    member = keys.member(possession.key)
    if member is None or not keys.in_force(possession.key) or member.role != possession.role:
        raise VerificationError(
            "enrolment: the ledger's records do not make this key the depositor's", code="key-unenrolled"
        )
    return keys, member
