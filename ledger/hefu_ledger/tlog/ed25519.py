"""Ed25519 public keys that may be trusted: written canonically, not of small order, of prime order (RFC 8032)."""

from __future__ import annotations

from typing import Final

from hefu_ledger.errors import MalformedError

_P: Final = 2**255 - 19
_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
_D: Final = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_ONE: Final = pow(2, (_P - 1) // 4, _P)
_ORDER_8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
# The y of all eight points whose order divides the cofactor. Under such a key a signature can be made without a
# secret, and one that fits any text.
_SMALL_ORDER_Y: Final = frozenset((0, 1, _P - 1, _ORDER_8, _P - _ORDER_8))

_Point = tuple[int, int, int, int]  # X, Y, Z, T of section 5.1.4
_NEUTRAL: Final[_Point] = (0, 1, 1, 0)


def check_public(public: bytes) -> bytes:
    """Refuse a public key that is not 32 bytes, not canonical, or of small order. OpenSSL takes all but the first."""
    if len(public) != 32:
        raise MalformedError(f"Ed25519 public key of {len(public)} bytes, not 32")
    y = int.from_bytes(public, "little") & (2**255 - 1)
    if y >= _P:
        raise MalformedError("Ed25519 public key is not written canonically (y is not below 2^255 - 19)")
    if y in _SMALL_ORDER_Y:
        raise MalformedError("Ed25519 public key is a point of small order: anyone could sign under it")
    return public


def check_prime_order(public: bytes) -> bytes:
    """Refuse a public key that is no point of prime order as well. Ten times a verification, so once a key.

    A key with a part of small order is made on purpose: verifiers with and without cofactor judge it differently.
    """
    point = _decompress(check_public(public))
    if point is None:
        raise MalformedError("Ed25519 public key is no point of the curve: nothing verifies under it")
    total = _NEUTRAL
    for bit in f"{_ORDER:b}":
        total = _add(total, total)
        if bit == "1":
            total = _add(total, point)
    if total[0] or total[1] != total[2]:
        raise MalformedError("Ed25519 public key is not of prime order: an honest program makes no such key")
    return public


def _decompress(public: bytes) -> _Point | None:
    """Section 5.1.3."""
    encoded = int.from_bytes(public, "little")
    y, sign = encoded & (2**255 - 1), encoded >> 255
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if x * x % _P != square:
        x = x * _ROOT_OF_MINUS_ONE % _P
    if x * x % _P != square:
        return None
    x = x if x & 1 == sign else _P - x
    return x, y, 1, x * y % _P


def _add(one: _Point, other: _Point) -> _Point:
    """Section 5.1.4; it doubles as well."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c = 2 * one[3] * other[3] * _D % _P
    d = 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P
