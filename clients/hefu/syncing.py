"""``hefu vault sync``: this computer and the service give each other what either lacks of one vault."""

from __future__ import annotations

from typing import NamedTuple

from hefu.blobs import RECEIPT_SUFFIX, opened
from hefu.errors import Problem, RefusedError
from hefu.home import Home, Reader
from hefu.http import Service
from hefu.remote import Remote
from hefu.restoring import check_receipt, deposits_in, fetch_receipt, merge_labels
from hefu.vault import fetch
from hefu_ledger.errors import LedgerError


class Synced(NamedTuple):
    """How many files were given and taken, and receipts added; ``problems`` name what stays as it was."""

    sent: int
    fetched: int
    receipts: int
    problems: list[Problem]


def sync(home: Home | Reader, service: Service) -> Synced:
    """Send what the service lacks, if it is to hold the vault and this home has a key; fetch what is lacking here."""
    problems: list[Problem] = []
    remote = home.remote(service) if isinstance(home, Home) else Remote(service, home.recovery)
    sent = _send(home, remote, problems) if isinstance(home, Home) and home.config.upload else 0
    fetched = _fetch(home, remote, problems)
    problems += merge_labels(home.vault)
    return Synced(sent, fetched, _receipts(home, service, problems), problems)


def _send(home: Home, remote: Remote, problems: list[Problem]) -> int:
    there, sent = _listed(remote), 0
    for name in sorted(home.vault.names(), key=lambda name: "." not in name):  # beginnings of deposits last
        if name in there or name.endswith(RECEIPT_SUFFIX):
            continue
        reason = home.vault.send(name, remote)
        if reason:
            problems.append(Problem(name, reason))
            break  # what holds one up holds up all
        sent += 1
    home.vault.send_owed(remote)  # notes of what is there by now
    return sent


def _fetch(home: Home | Reader, remote: Remote, problems: list[Problem]) -> int:
    fetched = 0
    for name in sorted(_listed(remote), key=lambda name: "." not in name):
        try:
            fetched += fetch(home.vault, remote, name)
        except LedgerError as error:
            problems.append(Problem(name, str(error)))
    return fetched


def _receipts(home: Home | Reader, service: Service, problems: list[Problem]) -> int:
    added = 0
    reader = home.reader if isinstance(home, Home) else home
    for identity in deposits_in(home.vault):
        try:
            if home.vault.receipt(identity) is not None:
                continue
            receipt = fetch_receipt(identity, service)
            if receipt is not None:
                with opened(home.vault, identity, home.recovery) as kept:
                    check_receipt(receipt, kept.part, reader)
                home.vault.keep_receipt(receipt)
                added += 1
        except LedgerError as error:
            problems.append(Problem(identity, str(error)))
    return added


def _listed(remote: Remote) -> set[str]:
    try:
        return set(remote.listing().blobs)
    except RefusedError as error:
        if error.status != 404:
            raise
        return set()
