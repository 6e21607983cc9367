"""Refusals, one class for each remedy that a sender has. A refused request has changed nothing."""

from __future__ import annotations


class RefusedError(Exception):
    """A request that was understood and is not granted; the text names the cause and holds no secret."""


class PrivateHalfError(RefusedError):
    """A body that holds an enterprise's private half; it is neither kept nor logged."""


class UnknownDepositorError(RefusedError):
    """No such depositor 存证主体 is enrolled here."""


class WrongLedgerError(RefusedError):
    """A statement for another ledger, or one that has seen more of this ledger than there is."""


class KeyNotInForceError(RefusedError):
    """A key that was never enrolled for the depositor, or is retired or compromised."""


class SignatureRefusedError(RefusedError):
    """A statement's signatures do not verify, or are too few."""


class CodeRefusedError(RefusedError):
    """An enrolment code that is wrong, expired or unknown; the answer does not tell which."""


class PossessionRefusedError(RefusedError):
    """A possession note 持钥声明 that does not prove that the sender holds the key."""


class TooLateError(RefusedError):
    """A statement that its depositor wanted received earlier."""


class RequestTimeError(RefusedError):
    """A note about keys that was made too long ago, or in the future."""


class ConflictError(RefusedError):
    """The request contradicts an earlier one: a code used for another key, a key enrolled already."""


class NotTheirVaultError(RefusedError):
    """A vault 保管库 that belongs to another depositor."""


class VaultClosedError(RefusedError):
    """A vault that its depositor has closed: its files are in another one, under other recovery words 恢复词."""


class QuotaError(RefusedError):
    """A vault's quota, set by the operator, is used up."""


class BusyError(RefusedError):
    """Too many requests wait already; ``retry_after_s`` is when to try again."""

    retry_after_s = 1


class VerifierBusyError(RefusedError):
    """A receipt is being verified already, or this one would take too long."""


class OverLimitError(RefusedError):
    """A sender's limit is used up; ``retry_after_s`` seconds later there is room."""

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class OneOfManyError(RefusedError):
    """One statement of a request of many is refused, and with it all of them; the reason is ``__cause__``."""

    def __init__(self, index: int) -> None:
        super().__init__(f"statement {index} of the request is refused; none was accepted")
        self.index = index
