"""Public keys as C2SP verifier keys, and their signers (c2sp.org/signed-note, RFC 8032, FIPS 204)."""

from __future__ import annotations

from hashlib import sha256
from typing import Final, NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from hefu_ledger.encoding import from_base64, from_hex, to_base64
from hefu_ledger.errors import MalformedError, UnknownFormatError, VerificationError
from hefu_ledger.tlog import ed25519

ED25519: Final = 0x01  # signs the text of a note
COSIGNATURE: Final = 0x04  # signs a time and a checkpoint with Ed25519 (c2sp.org/tlog-cosignature)
MLDSA44: Final = 0x06  # signs a time and a checkpoint with ML-DSA-44 (the same)
KNOWN_TYPES: Final = (ED25519, COSIGNATURE, MLDSA44)
MAX_VKEY: Final = 4096  # characters
_MLDSA44_SIZE: Final = 1312  # bytes


class VerifierKey(NamedTuple):
    """A public key under its name.

    ``public``: for ED25519 and COSIGNATURE the 32 bytes of RFC 8032, for MLDSA44 the 1312 of FIPS 204; for a type that
    is not known here, bytes without a meaning.
    """

    name: str
    type: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The 4 bytes that signature lines carry. They find a key and prove nothing: anyone can meet them."""
        return sha256(b"%b\n%c%b" % (self.name.encode(), self.type, self.public)).digest()[:4]

    @property
    def fingerprint(self) -> str:
        """Hex SHA-256 of the key's vkey text, for people to compare: ``printf %s VKEY | sha256sum``."""
        return sha256(format_vkey(self).encode()).hexdigest()


def check_key_name(name: str) -> str:
    """Refuse a key name that is empty or holds white space, ``+`` or a control character (signed-note)."""
    if name.split() != [name] or "+" in name or min(name) < " ":
        raise MalformedError(f"not a key name (no space, no '+', not empty): {name!r:.80}")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise MalformedError(f"key name holds a lone surrogate: {name!r:.80}") from None
    return name


def check_public(key_type: int, public: bytes) -> bytes:
    """Refuse bytes that are no public key of a known type, or one that is never to be trusted (see ``ed25519``)."""
    if key_type in (ED25519, COSIGNATURE):
        return ed25519.check_public(public)
    if key_type == MLDSA44 and len(public) != _MLDSA44_SIZE:
        raise MalformedError(f"ML-DSA-44 public key of {len(public)} bytes, not {_MLDSA44_SIZE}")
    return public


def check_type(key: VerifierKey, types: tuple[int, ...], use: str) -> VerifierKey:
    """Refuse a key that is not of one of ``types``; UnknownFormatError for a type that is not known here at all."""
    if key.type not in KNOWN_TYPES:
        raise UnknownFormatError(f"key {key.name!r:.80} is of type 0x{key.type:02x}, which this program does not know")
    if key.type not in types:
        expected = " or ".join(f"0x{known:02x}" for known in types)
        raise MalformedError(f"key {key.name!r:.80} is of type 0x{key.type:02x}; {use} is of type {expected}")
    return key


def parse_vkey(text: str) -> VerifierKey:
    """Read ``<name>+<key id>+<base64>``, at most 4096 characters; a key of an unknown type is kept as bytes."""
    if len(text) > MAX_VKEY:
        raise MalformedError(f"verifier key of {len(text)} characters, at most {MAX_VKEY} allowed")
    parts = text.split("+", 2)  # the base64 may hold '+' itself
    if len(parts) != 3:
        raise MalformedError(f"not a verifier key like name+0123abcd+base64: {text!r:.80}")
    name, key_id, data = check_key_name(parts[0]), from_hex(parts[1], size=4), from_base64(parts[2])
    if len(data) < 2:
        raise MalformedError(f"verifier key {name!r:.80} holds no public key")
    key = VerifierKey(name, data[0], check_public(data[0], data[1:]))
    if key.key_id != key_id:
        raise MalformedError(f"key id of {name!r:.80} should be {key.key_id.hex()}, not {key_id.hex()}")
    return key


def format_vkey(key: VerifierKey) -> str:
    """Write ``<name>+<key id in hex>+<base64 of type and public key>``."""
    return f"{key.name}+{key.key_id.hex()}+{to_base64(bytes((key.type,)) + key.public)}"


def verify_signature(key: VerifierKey, message: bytes, signature: bytes) -> None:
    """Check a bare signature: VerificationError names the key, and the text is not shown.

    Of Ed25519: 64 bytes by RFC 8032, without cofactor, S below the group's order. Of ML-DSA-44: 2420 bytes by FIPS 204,
    with an empty context. UnknownFormatError for a type that this program, or its OpenSSL, does not know.
    """
    try:
        check_public(key.type, key.public)
        _public_key(key).verify(signature, message)
    except UnsupportedAlgorithm:
        raise UnknownFormatError(
            f"signature of {key.name}: this program's OpenSSL does not know type 0x{key.type:02x}"
        ) from None
    except (InvalidSignature, MalformedError):
        raise VerificationError(
            f"signature of {key.name} (key {key.key_id.hex()}) does not verify",
            code="signature-invalid",
            name=key.name,
            key=key.key_id.hex(),
        ) from None


def _public_key(key: VerifierKey) -> Ed25519PublicKey | MLDSA44PublicKey:
    if key.type == MLDSA44:
        return MLDSA44PublicKey.from_public_bytes(key.public)
    if key.type in KNOWN_TYPES:
        return Ed25519PublicKey.from_public_bytes(key.public)
    raise UnsupportedAlgorithm(f"type 0x{key.type:02x}")


class Signer(Protocol):
    """A holder of the secret half of ``key``: a seed in memory, a file, a hardware module."""

    @property
    def key(self) -> VerifierKey:
        """The public half, under the name it signs as."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Sign exactly these bytes: MUST give a bare signature that ``key`` verifies (see ``verify_signature``)."""
        ...


class Ed25519Signer:
    """Signs with a seed of 32 secret bytes (RFC 8032 section 5.1.5), which it never shows again."""

    __slots__ = ("_private", "key")

    def __init__(self, name: str, seed: bytes, type: int = ED25519) -> None:
        if type not in (ED25519, COSIGNATURE):
            raise ValueError(f"signature type 0x{type:02x}; those of Ed25519 are 0x01 and 0x04")
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.key = VerifierKey(check_key_name(name), type, self._private.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """Sign these bytes; the same bytes give the same signature."""
        return self._private.sign(message)


class MLDSA44Signer:
    """Cosigns with a seed of 32 secret bytes (FIPS 204 section 6.1), which it never shows again."""

    __slots__ = ("_private", "key")

    def __init__(self, name: str, seed: bytes) -> None:
        self._private = MLDSA44PrivateKey.from_seed_bytes(seed)
        self.key = VerifierKey(check_key_name(name), MLDSA44, self._private.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """Sign these bytes; hedged, so that each time gives another signature."""
        return self._private.sign(message)
