"""Limits on deposits, as the front door asks for them."""

# ruff: noqa: D102 -- where a name says it all, the signature is the contract
from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class Excess(NamedTuple):
    """A limit that has no room: its text for the sender, and the seconds (1 or more) until there may be room."""

    reason: str
    retry_after_s: int


class Limiter(Protocol):
    """The limits of depositors; called from any thread for every deposit, so it answers from memory if it can."""

    def take(self, counts: Mapping[str, int]) -> Excess | None:
        """Take room for so many deposits (1 or more) of each depositor, or none at all and say which limit is full."""

    def give_back(self, counts: Mapping[str, int]) -> None:
        """Return room that was taken and not used."""


class Unlimited:
    """A ``Limiter`` without limits."""

    def take(self, counts: Mapping[str, int]) -> Excess | None:  # noqa: ARG002 -- the port's signature
        return None

    def give_back(self, counts: Mapping[str, int]) -> None: ...
