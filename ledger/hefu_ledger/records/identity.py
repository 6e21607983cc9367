"""A depositor's identity, and the proof that it holds its key.

The identity 实名信息 is private: the ledger holds only its keyed hash, ``HMAC-SHA-256(nonce, text)``. The possession
note 持钥声明 is public: the new key signs for itself, and an earlier key of the same depositor, if there is one, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple
from unicodedata import category

from hefu_ledger.encoding import Fields, canonical, format_time, parse_canonical, parse_titled, titled
from hefu_ledger.errors import MalformedError, VerificationError
from hefu_ledger.names import check_depositor, check_origin, depositor_key_name
from hefu_ledger.section import OpenedSection, close
from hefu_ledger.tlog.keys import ED25519, VerifierKey, format_vkey, parse_vkey
from hefu_ledger.tlog.note import Note, parse_note, verify_note
from hefu_ledger.uscc import parse_uscc

POSSESSION: Final = "hefu-possession/v1"
PREPARE: Final = "prepare"  # 经办: the role of a key that states none
APPROVE: Final = "approve"  # 审批: also vouches for keys and ends them
MAX_IDENTITY: Final = 4096  # bytes
MAX_POSSESSION: Final = 4096  # bytes of the whole note
_UNSEEN: Final = frozenset({"Cc", "Cf", "Zl", "Zp"})  # controls, bidirectional marks, line and paragraph separators
_IDENTITY: Final = frozenset({"method", "name", "uscc", "verified_at", "verified_by"})
_POSSESSION: Final = frozenset({"depositor", "origin", "vkey"})


class Identity(NamedTuple):
    """A depositor's name and 统一社会信用代码, how and by whom they were verified, and when (ms)."""

    method: str
    name: str
    uscc: str
    verified_at: int
    verified_by: str


class Possession(NamedTuple):
    """The statement that a key belongs to a depositor of a log, with its role: ``prepare`` or ``approve``."""

    depositor: str
    origin: str
    key: VerifierKey
    role: str = PREPARE


def format_identity(identity: Identity) -> str:
    """Write an identity's canonical JSON."""
    members = identity._asdict() | {"verified_at": format_time(identity.verified_at)}
    return canonical(members).decode()


def parse_identity(text: str) -> Identity:
    """Read an identity, its 统一社会信用代码 with its check character."""
    fields = Fields(parse_canonical(text.encode(errors="surrogatepass"), limit=MAX_IDENTITY), "identity", _IDENTITY)
    uscc = fields.text("uscc", limit=18)
    if parse_uscc(uscc).code != uscc:
        raise MalformedError(f"identity: uscc: not in its plain form: {uscc!r}")
    return Identity(
        method=_plain(fields, "method", 100),
        name=_plain(fields, "name", 200),
        uscc=uscc,
        verified_at=fields.time("verified_at"),
        verified_by=_plain(fields, "verified_by", 200),
    )


def _plain(fields: Fields, name: str, limit: int) -> str:
    """A text for people to read, which must be one line: a line break could forge a verdict's next step."""
    text = fields.text(name, limit=limit)
    if any(category(character) in _UNSEEN for character in text):
        raise MalformedError(f"identity: {name}: holds a line break or another character that cannot be seen")
    return text


def verify_identity(opened: OpenedSection, *, commitment: bytes) -> Identity:
    """Check that an identity shown is the one an enrolment record committed to (32 bytes), and read it."""
    if close(opened) != commitment:
        raise VerificationError("identity", code="identity-other", expected=commitment.hex(), found=close(opened).hex())
    return parse_identity(opened.text)


def parse_signing_key(text: str) -> VerifierKey:
    """Read the vkey of a key that signs notes; a witness's type 0x04 would sign another text than the note's."""
    key = parse_vkey(text)
    if key.type != ED25519:
        raise MalformedError(f"key {key.name!r:.80} is of type 0x{key.type:02x}; one that signs notes is of type 0x01")
    return key


def read_role(fields: Fields) -> str:
    """Read the optional member ``role``: ``approve``, or not there, which is ``prepare``."""
    if fields.has("role") and fields.raw("role") != APPROVE:
        raise MalformedError("role is approve, or not there 角色只有 approve（审批）一种写法，缺省为经办")
    return APPROVE if fields.has("role") else PREPARE


def role_member(role: str) -> dict[str, str]:
    """The members that a role adds to a note or record; see ``read_role``."""
    return {} if role == PREPARE else {"role": role}


def format_possession(possession: Possession) -> str:
    """Write the note text for the new key, and any earlier one, to sign."""
    members = {
        "depositor": possession.depositor,
        "origin": possession.origin,
        "vkey": format_vkey(possession.key),
    }
    return titled(POSSESSION, members | role_member(possession.role))


def parse_possession(text: str) -> Possession:
    """Read a possession's note text; the key's name must be the depositor's."""
    members = parse_titled(text, POSSESSION, limit=MAX_POSSESSION)
    fields = Fields(members, "possession", _POSSESSION, frozenset({"role"}))
    depositor = check_depositor(fields.raw("depositor"))
    origin = check_origin(fields.raw("origin"))
    key = parse_signing_key(fields.text("vkey", limit=400))
    if key.name != depositor_key_name(origin, depositor):
        raise MalformedError(
            f"possession: a key of {depositor_key_name(origin, depositor)!r} is named {key.name!r:.100}"
        )
    return Possession(depositor, origin, key, read_role(fields))


def parse_signed_possession(data: bytes) -> tuple[Note, Possession]:
    """Read a whole possession note (at most 4 KiB); signatures are not checked."""
    note = parse_note(data, limit=MAX_POSSESSION)
    return note, parse_possession(note.text)


def verify_possession(
    note: Note,
    possession: Possession,
    *,
    earlier: Sequence[VerifierKey],
    approvers: Sequence[VerifierKey] = (),
) -> bool:
    """Check that the new key signed, and return whether an earlier key of the depositor vouched for it.

    Where some of the earlier keys are ``approvers``, only theirs vouch. Lines by keys that are neither new nor earlier
    are refused, since they have no meaning.
    """
    verified, unknown = verify_note(note, [possession.key, *earlier])
    if unknown:
        raise VerificationError(f"possession: a line by an unknown key {unknown[0].name!r:.100}", code="possession")
    signers = [line.key for line in verified]
    if possession.key not in signers:
        raise VerificationError("possession: the new key itself has not signed", code="possession")
    return any(key in (approvers or earlier) for key in signers)
