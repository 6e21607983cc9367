"""Ed25519 keys as C2SP verifier keys, and their signers (c2sp.org/signed-note, RFC 8032)."""

from __future__ import annotations

from hashlib import sha256
from typing import Final, NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hefu_ledger.encoding import from_base64, from_hex, to_base64
from hefu_ledger.errors import MalformedError, UnknownFormatError, VerificationError

ED25519: Final = 0x01  # signs the text of a note
COSIGNATURE: Final = 0x04  # signs a time and a checkpoint (c2sp.org/tlog-cosignature)
_TYPES: Final = (ED25519, COSIGNATURE)

_P: Final = 2**255 - 19
_ORDER_8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
# The y of all eight points whose order divides the cofactor. Under such a key a signature can be made without a
# secret, and one that fits any text.
_SMALL_ORDER_Y: Final = frozenset((0, 1, _P - 1, _ORDER_8, _P - _ORDER_8))


class VerifierKey(NamedTuple):
    """A public key under its name; ``type`` is ED25519 or COSIGNATURE, ``public`` the 32 bytes of RFC 8032."""

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


def _check_public(public: bytes) -> bytes:
    if len(public) != 32:
        raise MalformedError(f"Ed25519 public key of {len(public)} bytes, not 32")
    y = int.from_bytes(public, "little") & (2**255 - 1)
    if y >= _P:
        raise MalformedError("Ed25519 public key is not written canonically (y is not below 2^255 - 19)")
    if y in _SMALL_ORDER_Y:
        raise MalformedError("Ed25519 public key is a point of small order: anyone could sign under it")
    return public


def parse_vkey(text: str) -> VerifierKey:
    """Read ``<name>+<key id>+<base64>``; UnknownFormatError for a signature type other than the two known here."""
    parts = text.split("+", 2)  # the base64 may hold '+' itself
    if len(parts) != 3:
        raise MalformedError(f"not a verifier key like name+0123abcd+base64: {text!r:.80}")
    name, key_id, data = check_key_name(parts[0]), from_hex(parts[1], size=4), from_base64(parts[2])
    if data and data[0] not in _TYPES:
        raise UnknownFormatError(f"verifier key {name!r:.80} is of type 0x{data[0]:02x}; known are 0x01 and 0x04")
    key = VerifierKey(name, data[0] if data else 0, _check_public(data[1:]))
    if key.key_id != key_id:
        raise MalformedError(f"key id of {name!r:.80} should be {key.key_id.hex()}, not {key_id.hex()}")
    return key


def format_vkey(key: VerifierKey) -> str:
    """Write ``<name>+<key id in hex>+<base64 of type and public key>``."""
    return f"{key.name}+{key.key_id.hex()}+{to_base64(bytes((key.type,)) + key.public)}"


def verify_signature(key: VerifierKey, message: bytes, signature: bytes) -> None:
    """Check a bare Ed25519 signature of 64 bytes; VerificationError names the key, and the text is not shown."""
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
    except InvalidSignature:
        raise VerificationError(
            f"signature of {key.name} (key {key.key_id.hex()}) does not verify",
            code="signature-invalid",
            name=key.name,
            key=key.key_id.hex(),
        ) from None


class Signer(Protocol):
    """A holder of the secret half of ``key``: a seed in memory, a file, a hardware module."""

    @property
    def key(self) -> VerifierKey:
        """The public half, under the name it signs as."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Sign exactly these bytes: MUST give the 64 bytes of an Ed25519 signature that ``key`` verifies."""
        ...


class Ed25519Signer:
    """Signs with a seed of 32 secret bytes (RFC 8032 section 5.1.5), which it never shows again."""

    __slots__ = ("_private", "key")

    def __init__(self, name: str, seed: bytes, type: int = ED25519) -> None:
        if type not in _TYPES:
            raise ValueError(f"signature type 0x{type:02x}; known are 0x01 and 0x04")
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.key = VerifierKey(check_key_name(name), type, self._private.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """Sign these bytes; the same bytes give the same signature."""
        return self._private.sign(message)
