"""The ledger's errors, by whose fault it is.

``MalformedError``: the bytes are not the format. ``UnknownFormatError``: they may well be, of a version this
program does not know (无法核验). ``VerificationError``: well-formed, and it proves nothing. Misuse by a
programmer is ``ValueError``.
"""

from __future__ import annotations


class LedgerError(Exception):
    """Anything the ledger refuses; the text says what is wrong and what would be right."""


class MalformedError(LedgerError):
    """The bytes are not the format they should be: nothing was learnt from them."""


class UnknownFormatError(MalformedError):
    """A format or version this program does not know; a newer one may."""


class VerificationError(LedgerError):
    """Well-formed, but it does not prove what it should.

    ``expected`` and ``found`` carry the evidence as text, where there is a pair to show.
    """

    def __init__(self, message: str, *, expected: str = "", found: str = "") -> None:
        super().__init__(f"{message}: expected {expected}, found {found}" if expected or found else message)
        self.expected = expected
        self.found = found


class UnknownAuthorityError(VerificationError):
    """A timestamp by an authority that none of the trusted roots vouches for: nothing for or against the evidence."""
