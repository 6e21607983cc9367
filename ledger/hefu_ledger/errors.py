"""The ledger's errors, by cause.

``MalformedError``: the bytes are not the format. ``UnknownFormatError``: they may be, in a version that this program
does not know (无法核验). ``VerificationError``: well-formed, and it proves nothing. A mistake of a programmer is
``ValueError``.

``str(error)`` is exact English, for programmers. ``code`` and ``values`` choose and fill the sentence for people, in
``verify/sentences.json``.
"""

from __future__ import annotations

from typing import Any


class LedgerError(Exception):
    """An input that the ledger refuses; the text says the fault, and the right form.

    ``values``: JSON values, for the placeholders of the sentence.
    """

    code = "refused"

    def __init__(self, message: str = "", *, code: str = "", **values: Any) -> None:
        super().__init__(message)
        self.code = code or self.code
        self.values = values

    def at(self, place: str, code: str, **values: Any) -> LedgerError:
        """The same error, with the place where it was found before it: ``place`` in English, the others as data."""
        named = type(self)(f"{place}: {self}", code="at", place=[code, values], error=[self.code, self.values])
        if isinstance(self, VerificationError) and isinstance(named, VerificationError):
            named.expected, named.found = self.expected, self.found
        return named


class MalformedError(LedgerError):
    """The bytes are not the format they should be: nothing was learnt from them."""

    code = "malformed"


class UnknownFormatError(MalformedError):
    """A format or version this program does not know; a newer one may."""

    code = "unknown-format"


class VerificationError(LedgerError):
    """Well-formed, but it does not prove what it should.

    ``expected`` and ``found`` carry the evidence as text, where there is a pair to show; they are in ``values`` too.
    """

    code = "contradiction"

    def __init__(self, message: str, *, expected: str = "", found: str = "", code: str = "", **values: Any) -> None:
        pair = {"expected": expected, "found": found} if expected or found else {}
        shown = f"{message}: expected {expected}, found {found}" if pair else message
        super().__init__(shown, code=code, **values, **pair)
        self.expected = expected
        self.found = found


class UnknownAuthorityError(VerificationError):
    """A timestamp by an authority that none of the trusted roots vouches for: nothing for or against the evidence."""

    code = "unknown-authority"
