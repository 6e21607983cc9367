"""Verification for strangers, at a price that depositors do not pay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Verifier(Protocol):
    """Verifies one receipt at a time; called from any thread."""

    def check_free(self) -> None:
        """Raise VerifierBusyError while another receipt is being verified: its body need not be read then."""

    def verdict(self, receipt: bytes, policy: bytes, known: Callable[[bytes], bytes]) -> bytes:
        """The verdict of a receipt, as JSON, by a trust policy (c2sp.org/tlog-policy).

        ``known``: gives the service's own records that a receipt wants (see ``receipts.verdict``).

        Raises VerifierBusyError, also if it takes too long; MalformedError or a RefusedError of the receipt.
        """
