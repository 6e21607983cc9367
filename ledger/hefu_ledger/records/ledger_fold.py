"""The ledger's own keys: which are in force after a ``ledger-key`` record. The recovery key alone decides."""

from __future__ import annotations

from hefu_ledger.errors import LedgerError, VerificationError
from hefu_ledger.names import acknowledgement_key_name, recovery_key_name
from hefu_ledger.records.bodies import MAX_LEDGER_KEYS, Genesis, LedgerKey, LedgerKeys
from hefu_ledger.records.keyrequest import ADD, RETIRE, KeyRequest, parse_signed_key_request
from hefu_ledger.tlog.keys import ED25519, MLDSA44, VerifierKey
from hefu_ledger.tlog.note import verify_note


def keys_of_genesis(genesis: Genesis) -> LedgerKeys:
    """The keys with which a ledger begins."""
    return LedgerKeys((genesis.acknowledgement,), (genesis.log,), (genesis.log_mldsa44,), genesis.recovery)


def fold_ledger_key(before: LedgerKeys, body: LedgerKey, *, origin: str) -> LedgerKeys:
    """The keys that a record leads to; VerificationError where it breaks a rule.

    A key that ended before is not known here: that none comes back, and that ``compromised`` names a key that there
    was, is for the caller to ask.
    """
    purpose = purpose_of(body.vkey, origin)
    verify_ledger_request(body, before.recovery)
    if purpose == "recovery":
        if body.action != ADD:
            raise VerificationError(
                "ledger-key record: a recovery key ends by the next one alone", code="ledger-key-end"
            )
        return before._replace(recovery=body.vkey)
    keys: tuple[VerifierKey, ...] = getattr(before, purpose)
    if body.action == ADD:
        if body.vkey in keys or len(keys) == MAX_LEDGER_KEYS:
            raise VerificationError(
                f"ledger-key record: added before, or more than {MAX_LEDGER_KEYS}", code="ledger-key-add"
            )
        return _with_list(before, purpose, (*keys, body.vkey))
    left = tuple(key for key in keys if key != body.vkey)
    if not left or (body.action == RETIRE and left == keys):
        raise VerificationError(
            "ledger-key record: not in force, or the last of its kind: another is added first", code="ledger-key-end"
        )
    return _with_list(before, purpose, left)


def _with_list(before: LedgerKeys, purpose: str, keys: tuple[VerifierKey, ...]) -> LedgerKeys:
    return LedgerKeys(**{**before._asdict(), purpose: keys})


def purpose_of(key: VerifierKey, origin: str) -> str:
    """The list of ``LedgerKeys`` that a key belongs to, by its name and type."""
    purposes = {
        (origin, ED25519): "log",
        (origin, MLDSA44): "log_mldsa44",
        (acknowledgement_key_name(origin), ED25519): "acknowledgement",
        (recovery_key_name(origin), ED25519): "recovery",
    }
    purpose = purposes.get((key.name, key.type))
    if purpose is None:
        raise VerificationError(
            f"ledger-key record: {key.name!r:.200} of type 0x{key.type:02x} has no purpose here", code="ledger-key-name"
        )
    return purpose


def verify_ledger_request(body: LedgerKey, recovery: VerifierKey) -> None:
    """Check that the recovery key asked for it, and that a new key of type 01 has signed for itself."""
    note, request = parse_signed_key_request(body.by.encode())
    if request != KeyRequest(body.action, body.reason, request.requested_at, body.vkey, body.since):
        raise VerificationError("ledger-key record: its request asks for something else", code="request-other")
    new = [body.vkey] if body.action == ADD and body.vkey.type == ED25519 else []
    verified, unknown = verify_note(note, [recovery, *new])
    if unknown or {line.key for line in verified} != {recovery, *new}:
        raise VerificationError(
            "ledger-key record: not signed by the recovery key, and by the new key for itself",
            code="request-unrecovered",
        )


def is_asked_for(body: LedgerKey) -> bool:
    """Whether the recovery key that a record itself states asked for it: all that one record can show alone."""
    try:
        verify_ledger_request(body, body.keys.recovery)
    except LedgerError:
        return False
    return True
