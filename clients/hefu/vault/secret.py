"""The recovery secret of a home, which opens its vault: as 24 words on paper, as an age identity, as an address.

The secret reveals every document name and digest that was ever deposited; without it and the home, all of them are
lost. It signs nothing: it cannot deposit.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from hefu.errors import ClientError
from hefu.ui.language import say
from hefu_ledger.encoding import Fields, canonical, check_format, parse_canonical
from hefu_ledger.errors import MalformedError
from hefu_ledger.names import check_depositor, check_origin

if TYPE_CHECKING:
    from mnemonic import Mnemonic

WORDS: Final = 24
_FORMAT: Final = "hefu-recovery/v1"
_ADDRESS: Final = b"hefu-vault-address/v1"
_NAME: Final = b"hefu-vault-name/v1"
_PREFIX: Final = "age-secret-key-"
_LANGUAGES: Final = ("english", "chinese_simplified")
_MEMBERS: Final = frozenset({"depositor", "fingerprint", "origin", "server", "words"})
_LIMIT: Final = 8192  # bytes of a sheet's text


class Recovery(NamedTuple):
    """``secret``: 32 random bytes, from which all else follows. ``former``: the one before it, while its words are
    being replaced: it still opens files not encrypted again yet.
    """

    secret: bytes
    former: bytes | None = None

    def __repr__(self) -> str:
        return "Recovery(…)"  # a traceback must not show it

    @property
    def address(self) -> str:
        """64 hex digits that admit to the encrypted files at a service; as secret as those are opaque."""
        return hmac.digest(self.secret, _ADDRESS, "sha256").hex()

    def name_of(self, plaintext: bytes) -> str:
        """Name a file by its contents, 64 hex digits; without the secret no guess at the contents can be tested."""
        return hmac.digest(hmac.digest(self.secret, _NAME, "sha256"), sha256(plaintext).digest(), "sha256").hex()


class Sheet(NamedTuple):
    """The contents of a recovery sheet's QR code: all that restoring on an empty computer needs.

    ``fingerprint``: SHA-256 in hex of the log key that genesis names; a home that trusts another is not restored.
    """

    recovery: Recovery
    depositor: str
    origin: str
    server: str
    fingerprint: str


def format_vault_key(recovery: Recovery) -> bytes:
    """Write the age identity (c2sp.org/age, an X25519 identity in Bech32), one line."""
    import bech32  # only homes need it; it must not slow down `hefu verify`

    text = bech32.bech32_encode(_PREFIX, bech32.convertbits(recovery.secret, 8, 5) or [])
    return f"{text.upper()}\n".encode()


def parse_vault_key(data: bytes) -> Recovery:
    """Read an age identity. Errors do not show it."""
    import bech32

    line = data.decode("ascii", "replace").removesuffix("\n")
    prefix, values = bech32.bech32_decode(line)
    secret = bech32.convertbits(values, 5, 8, False) if prefix == _PREFIX and values else None
    if secret is None or len(secret) != 32 or format_vault_key(Recovery(bytes(secret))) != data:
        raise MalformedError("not a vault key: it holds one line, AGE-SECRET-KEY-1…, with a valid checksum")
    return Recovery(bytes(secret))


def format_words(recovery: Recovery) -> str:
    """Write the secret as 24 English words (BIP-39)."""
    return str(_list("english").to_mnemonic(recovery.secret))


def parse_words(text: str) -> Recovery:
    """Read 24 words of the English or the simplified Chinese list; ClientError names a wrong word's place."""
    from mnemonic import Mnemonic

    words = Mnemonic.normalize_string(text).lower().split()
    if len(words) == 1 and not text.isascii():  # Chinese words are one character each, and often run together
        words = list(words[0])
    if len(words) != WORDS:
        raise ClientError(say("recovery.count", wanted=WORDS, found=len(words)))
    language = max(map(_list, _LANGUAGES), key=lambda known: len(set(words) & set(known.wordlist)))
    wrong = [str(place) for place, word in enumerate(words, 1) if word not in language.wordlist]
    if wrong:
        raise ClientError(say("recovery.unknown", places=", ".join(wrong)))
    try:
        return Recovery(bytes(language.to_entropy(words)))
    except ValueError:
        raise ClientError(say("recovery.checksum")) from None


def _list(language: str) -> Mnemonic:
    """A word list. ``Mnemonic`` alone would look for a file in its folder, and ``hefu.pyz`` has no such folder."""
    from pkgutil import get_data

    from mnemonic import Mnemonic

    return Mnemonic(language, (get_data("mnemonic", f"wordlist/{language}.txt") or b"").decode().split())


def format_sheet_text(sheet: Sheet) -> str:
    """Write the text of the QR code."""
    members = {**sheet._asdict(), "words": format_words(sheet.recovery)}
    del members["recovery"]
    return f"{_FORMAT}\n{canonical(members).decode()}\n"


def parse_sheet_text(text: str) -> Sheet:
    """Read the text of the QR code; white space at the end, which scanners add or drop, is ignored."""
    title, _, line = text.strip().partition("\n")
    check_format(title.strip(), _FORMAT)
    fields = Fields(parse_canonical(line.encode(), limit=_LIMIT), "recovery sheet", _MEMBERS)
    return Sheet(
        recovery=parse_words(fields.text("words", limit=1000)),
        depositor=check_depositor(fields.raw("depositor")),
        origin=check_origin(fields.raw("origin")),
        server=fields.text("server", limit=1000),
        fingerprint=fields.hash("fingerprint").hex(),
    )


def parse_recovery(text: str) -> tuple[Recovery, Sheet | None]:
    """Read a recovery sheet, typed or scanned: the words alone, or all that its QR code says."""
    if text.lstrip().startswith(_FORMAT.partition("/")[0]):
        sheet = parse_sheet_text(text)
        return sheet.recovery, sheet
    return parse_words(text), None
