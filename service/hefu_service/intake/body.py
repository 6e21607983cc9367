"""JSON bodies of requests, read strictly; one that holds a private half is refused and not kept."""

from __future__ import annotations

import re
from typing import Any, Final

from hefu_ledger.encoding import canonical, parse_plain
from hefu_service.intake.refusals import PrivateHalfError
from hefu_service.texts import sentence

_PRIVATE: Final = frozenset({"digests", "nonce", "sections", "seed"})  # of evidence files, bundles and opened sections
# Matches their names in any JSON, also cut short, inside a note or quoted in a string.
_PRIVATE_MEMBER: Final = re.compile(rb'"(%s)\\*"\s*:' % "|".join(sorted(_PRIVATE)).encode())


def check_not_private(data: bytes) -> None:
    """Raise PrivateHalfError if bytes of any kind hold a member of a private half; needs no parsing."""
    if _PRIVATE_MEMBER.search(data):
        raise _private_half()


def parse_json(data: bytes, *, limit: int) -> Any:
    """Read a body of at most ``limit`` bytes. MalformedError, or PrivateHalfError also where JSON escapes hide one."""
    value = parse_plain(data, limit=limit)
    _check_members(value)
    canonical(value)  # refuses lone surrogates, which could be neither stored nor answered
    return value


def _check_members(value: object) -> None:
    if isinstance(value, dict):
        if not _PRIVATE.isdisjoint(value):
            raise _private_half()
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            _check_members(member)


def _private_half() -> PrivateHalfError:
    return PrivateHalfError(sentence("refused.private_half"))
