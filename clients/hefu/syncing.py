"""``hefu vault sync``: this computer and the service give each other what either lacks of one vault.

What colleagues deposited is in the index from then on, and with a folder to write to its evidence is there as well.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from hefu.acknowledgement import fetch_acknowledgement, verify_acknowledgement
from hefu.atomic import make_private
from hefu.blobs import RECEIPT_SUFFIX, opened
from hefu.deposit import alone
from hefu.disk import reach
from hefu.errors import Problem, RefusedError, UnreachableError
from hefu.home import Home, Reader, load_either
from hefu.http import Service
from hefu.index import Index
from hefu.rebuilding import Proven, rebuild
from hefu.remote import Remote
from hefu.restoring import deposits_in, merge_labels
from hefu.twins import adopt, check_receipt, fetch_receipt
from hefu.vault import fetch
from hefu_ledger.errors import LedgerError


class Synced(NamedTuple):
    """How many files were given and taken, and receipts added; ``problems`` name what stays as it was.

    ``learned``: deposits that the index did not know; ``evidence``: files that were written; ``elsewhere``: deposits of
    which the vault has all, and no evidence was ever written here.
    """

    sent: int
    fetched: int
    receipts: int
    learned: int
    evidence: list[str]
    elsewhere: int
    problems: list[Problem]


def sync(home: Home | Reader, service: Service, *, out: str | None = None) -> Synced:
    """Send what the service lacks, if it is to hold the vault and this home has a key; fetch what is lacking here.

    ``out``: where the evidence is written of deposits of which there is none here. Safe to interrupt and to run again.
    """
    problems: list[Problem] = []
    reader = home.reader if isinstance(home, Home) else home
    remote = home.remote(service) if isinstance(home, Home) else Remote(service, home.recovery)
    fetched = _fetch(reader, remote, problems)
    problems += merge_labels(reader.vault)
    try:
        adopt(reader, service, remote.statements())
    except LedgerError as error:
        problems.append(Problem("", str(error)))
    sent = _send(home, remote, problems) if isinstance(home, Home) and home.config.upload else 0
    receipts = _receipts(reader, service, problems)
    with Index(reader.path) as index:
        index.catch_up()
        learned = _learn(reader, service, index, problems)
        evidence = _write(reader, index, out) if out is not None else []
        elsewhere = len(index.settled() - index.with_evidence())
    return Synced(sent, fetched, receipts, learned, evidence, elsewhere, problems)


def sync_joined(path: str) -> tuple[Synced | None, str]:
    """Bring a home that has just joined a vault what is in it; or the reason why that has to wait."""
    home = load_either(path)
    try:
        with Service(home.config.server) as service:
            return sync(home, service), ""
    except (UnreachableError, RefusedError) as error:
        return None, str(error)


def _send(home: Home, remote: Remote, problems: list[Problem]) -> int:
    there, sent = remote.names(), 0
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


def _fetch(reader: Reader, remote: Remote, problems: list[Problem]) -> int:
    fetched = 0
    for name in sorted(remote.names(), key=lambda name: "." not in name):
        try:
            fetched += fetch(reader.vault, remote, name)
        except LedgerError as error:
            problems.append(Problem(name, str(error)))
    return fetched


def _receipts(reader: Reader, service: Service, problems: list[Problem]) -> int:
    added = 0
    for identity in deposits_in(reader.vault):
        try:
            if reader.vault.receipt(identity) is not None:
                continue
            receipt = fetch_receipt(identity, service)
            if receipt is not None:
                with opened(reader.vault, identity, reader.recovery) as kept:
                    check_receipt(receipt, kept.part, reader)
                reader.vault.keep_receipt(receipt)
                added += 1
        except LedgerError as error:
            problems.append(Problem(identity, str(error)))
    return added


def _learn(reader: Reader, service: Service, index: Index, problems: list[Problem]) -> int:
    """Let the index have what the vault has; how many it did not know."""
    known = {entry.statement for entry in index.deposits()}
    settled = index.settled() | index.with_evidence()
    for identity in deposits_in(reader.vault):
        if identity not in settled:
            try:
                _take(reader, service, index, identity)
            except LedgerError as error:
                problems.append(Problem(identity, str(error)))
    return len({entry.statement for entry in index.deposits()} - known)


def _take(reader: Reader, service: Service, index: Index, identity: str) -> None:
    with opened(reader.vault, identity, reader.recovery) as kept:
        receipt, acknowledgement = reader.vault.receipt(identity), None
        if receipt is None:
            acknowledgement = fetch_acknowledgement(identity, service)
            if acknowledgement is None:
                return  # prepared on another computer, and nobody has heard of it
            verify_acknowledgement(acknowledgement, identity=bytes.fromhex(identity), home=reader)
        index.take_kept(kept, receipt, acknowledgement)


def _write(reader: Reader, index: Index, out: str) -> list[str]:
    """Write the evidence of which there is none here; another's of the same name is left alone."""
    lacking = index.settled() - index.with_evidence()
    receipts = {identity: reader.vault.receipt(identity) for identity in sorted(lacking) if reader.vault.has(identity)}
    found = [Proven(identity, receipt) for identity, receipt in receipts.items() if receipt is not None]
    make_private(out)
    with alone(out):
        taken = [name.removesuffix(".part") for name in os.listdir(reach(out))]  # what is on its way has its name
        evidence = rebuild(reader, found, out, index, taken).evidence
        index.catch_up()
    return evidence
