"""Signed notes: a text, a blank line, and signature lines (c2sp.org/signed-note, c2sp.org/tlog-cosignature)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from hefu_ledger.encoding import from_base64, to_base64
from hefu_ledger.errors import MalformedError, UnknownFormatError, VerificationError
from hefu_ledger.tlog.cosignature import MAX_TIME, cosigned
from hefu_ledger.tlog.keys import (
    COSIGNATURE,
    ED25519,
    KNOWN_TYPES,
    MLDSA44,
    Signer,
    VerifierKey,
    check_key_name,
    verify_signature,
)

MAX_SIGNATURES: Final = 16
_CONTROLS: Final = bytes(set(range(0x20)) - {0x0A})
_DASH: Final = "\N{EM DASH} "


class SignatureLine(NamedTuple):
    """The name and key id (4 bytes) of a signer, and its signature, not checked yet.

    The signature is 64 bytes for Ed25519; for a cosignature 8 bytes of time and 64, or 2420 of ML-DSA-44; anything for
    unknown types.
    """

    name: str
    key_id: bytes
    signature: bytes


class Note(NamedTuple):
    """A text, which ends in a line feed, and the 1 to 16 lines below it."""

    text: str
    signatures: tuple[SignatureLine, ...]


class Verified(NamedTuple):
    """A key whose signature holds; ``time_s`` is the POSIX second that a cosignature states, else None."""

    key: VerifierKey
    time_s: int | None


class GoodLine(NamedTuple):
    """A line that verifies under ``key``; ``time_s`` as in ``Verified``."""

    line: SignatureLine
    key: VerifierKey
    time_s: int | None


class Lines(NamedTuple):
    """The lines of a note, each judged by itself, in the note's order.

    ``failed``: of a known name and key id, under which it does not verify. ``unknown``: of another, or of a key whose
    type this program does not know.
    """

    good: tuple[GoodLine, ...]
    failed: tuple[SignatureLine, ...]
    unknown: tuple[SignatureLine, ...]


def parse_note(data: bytes, *, limit: int = 65536) -> Note:
    """Read a note of at most ``limit`` bytes; its signatures are not checked."""
    if len(data) > limit:
        raise MalformedError(f"note of {len(data)} bytes, at most {limit} allowed")
    if len(data.translate(None, _CONTROLS)) != len(data):
        raise MalformedError("note holds a control character; lines end in a line feed alone, without carriage return")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise MalformedError("note is not UTF-8") from None
    head, blank, tail = text.rpartition("\n\n")
    if not blank or not tail.endswith("\n"):
        raise MalformedError(
            "note must be a text, a blank line and signature lines, the last one ended by a line feed",
            code="note-malformed",
        )
    lines = tail[:-1].split("\n", MAX_SIGNATURES)
    if len(lines) > MAX_SIGNATURES:
        raise MalformedError(f"note has more than {MAX_SIGNATURES} signature lines")
    return Note(head + "\n", tuple(map(_parse_line, lines)))


def _parse_line(text: str) -> SignatureLine:
    name, _, signature = text.removeprefix(_DASH).partition(" ")
    if not text.startswith(_DASH):
        raise MalformedError(f"not a signature line (em dash, space, key name, space, base64): {text!r:.80}")
    data = from_base64(signature)
    if len(data) < 5:
        raise MalformedError(f"signature line of {name!r:.80} holds no signature after the 4 bytes of key id")
    return SignatureLine(check_key_name(name), data[:4], data[4:])


def format_note(note: Note) -> bytes:
    """The bytes that ``parse_note`` reads."""
    lines = (f"{_DASH}{line.name} {to_base64(line.key_id + line.signature)}\n" for line in note.signatures)
    return f"{note.text}\n{''.join(lines)}".encode()


def _encode_text(text: str) -> bytes:
    """The bytes of a text; MalformedError for a text that a note could not carry."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise MalformedError("text to sign holds a lone surrogate, which no UTF-8 can carry") from None
    if not text.endswith("\n") or len(data.translate(None, _CONTROLS)) != len(data):
        raise MalformedError("text to sign must end in a line feed and hold no other control character")
    return data


def sign_note(text: str, signers: Sequence[Signer]) -> Note:
    """Sign ``text``, which ends in a line feed, with 1 to 16 keys of type ED25519 (ValueError otherwise)."""
    if not 1 <= len(signers) <= MAX_SIGNATURES or any(signer.key.type != ED25519 for signer in signers):
        raise ValueError(f"a note is signed by 1 to {MAX_SIGNATURES} keys of type 0x01")
    message = _encode_text(text)
    return Note(text, tuple(SignatureLine(s.key.name, s.key.key_id, s.sign(message)) for s in signers))


def cosign(text: str, signer: Signer, time_s: int) -> SignatureLine:
    """Cosign a checkpoint's text at POSIX second ``time_s`` with a key of type COSIGNATURE or MLDSA44.

    ValueError for another type or a second out of range; MalformedError for a text that the key cannot cosign. A second
    of 0 states no time.
    """
    if signer.key.type not in (COSIGNATURE, MLDSA44) or not 0 <= time_s <= MAX_TIME:
        raise ValueError("a cosignature is made by a key of type 0x04 or 0x06, at a second from 0 to 2^63 - 1")
    _encode_text(text)
    signature = signer.sign(cosigned(signer.key, text, time_s))
    return SignatureLine(signer.key.name, signer.key.key_id, time_s.to_bytes(8, "big") + signature)


def verify_note(note: Note, keys: Iterable[VerifierKey]) -> tuple[list[Verified], list[SignatureLine]]:
    """Check every line of a known key; give the keys that hold and the lines of unknown keys, in the note's order.

    VerificationError if a line with a known name and key id fails, or two lines carry them. That at least one key,
    or the right one, has signed is for the caller to ask.
    """
    known = _known_keys(keys, {line.name for line in note.signatures})
    verified: dict[VerifierKey, Verified] = {}
    unknown: list[SignatureLine] = []
    for line in note.signatures:
        key = known.get((line.name, line.key_id))
        if key is None:
            unknown.append(line)
        elif key in verified:
            raise VerificationError(
                f"two signatures of {key.name} (key {key.key_id.hex()}) on one note",
                code="signed-twice",
                name=key.name,
                key=key.key_id.hex(),
            )
        else:
            verified[key] = Verified(key, _verify_line(note.text, line.signature, key))
    return list(verified.values()), unknown


def _known_keys(keys: Iterable[VerifierKey], names: set[str]) -> dict[tuple[str, bytes], VerifierKey]:
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        # Two keys that share 4 bytes of id are found in a second; which of them is meant must not be left to order.
        if key.name in names and known.setdefault((key.name, key.key_id), key) != key:
            raise VerificationError(
                f"two different keys go by {key.name} and key id {key.key_id.hex()}",
                code="two-keys-one-id",
                name=key.name,
                key=key.key_id.hex(),
            )
    return known


def judge_lines(note: Note, keys: Iterable[VerifierKey]) -> Lines:
    """Check every line by itself: a bad line takes nothing from a good one, and one key may have several."""
    known: dict[tuple[str, bytes], list[VerifierKey]] = {}
    for key in dict.fromkeys(keys):
        if key.type in KNOWN_TYPES:
            known.setdefault((key.name, key.key_id), []).append(key)
    good: list[GoodLine] = []
    failed: list[SignatureLine] = []
    unknown: list[SignatureLine] = []
    for line in note.signatures:
        named = known.get((line.name, line.key_id), [])
        try:
            held = [found for key in named if (found := _judge(note.text, line, key)) is not None]
        except UnknownFormatError:  # an OpenSSL without ML-DSA
            unknown.append(line)
            continue
        good += held
        if not held:
            (failed if named else unknown).append(line)
    return Lines(tuple(good), tuple(failed), tuple(unknown))


def _judge(text: str, line: SignatureLine, key: VerifierKey) -> GoodLine | None:
    try:
        return GoodLine(line, key, _verify_line(text, line.signature, key))
    except VerificationError:
        return None


def _verify_line(text: str, signature: bytes, key: VerifierKey) -> int | None:
    if key.type not in (COSIGNATURE, MLDSA44):
        verify_signature(key, text.encode(), signature)
        return None
    time_s = int.from_bytes(signature[:8], "big")
    if time_s > MAX_TIME:
        raise VerificationError(
            f"cosignature of {key.name} states a time above 2^63 - 1 seconds", code="cosignature-time"
        )
    try:
        message = cosigned(key, text, time_s)
    except MalformedError as error:
        raise VerificationError(
            f"signature of {key.name} (key {key.key_id.hex()}) does not verify: {error}",
            code="signature-invalid",
            name=key.name,
            key=key.key_id.hex(),
        ) from None
    verify_signature(key, message, signature[8:])
    return time_s
