"""The early evidence of documents that were deposited before, found by their digests: the earliest date counts.

A document that is deposited again has a later date. So the evidence of the first deposit is brought back instead:
where it lies, from the vault, or cut out of the bundle of a folder.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from hefu.deposit.answers import fetch_receipt
from hefu.deposit.depositor import Deposited, verified
from hefu.deposit.plan import Target, documents
from hefu.errors import ClientError
from hefu.evidence.extract import cut_out
from hefu.evidence.verify import is_bundle
from hefu.files.atomic import PRIVATE, make_private, write_new
from hefu.files.document import digest_document
from hefu.files.platform import reach
from hefu.files.scan import printable
from hefu.home.entries import Entry
from hefu.home.home import Home
from hefu.home.index import Index
from hefu.recovery.rebuild import Proven, rebuild
from hefu.service import Service
from hefu.ui.language import say
from hefu_ledger.deposit.state import ANCHORED
from hefu_ledger.verify.case import Trust
from hefu_ledger.verify.union import first_receipt


def early_evidence(home: Home, service: Service | None, index: Index, target: Target) -> Deposited | None:
    """The evidence of the first deposit of the very same documents, brought back; None where there was none.

    ClientError where they were deposited, and neither the evidence nor the vault's copy is there. ``service``: where a
    receipt may be asked for, None without a network.
    """
    if os.path.lexists(reach(target.part)) or os.path.lexists(reach(target.final)):
        return None
    found = _first(index, target)
    if found is None:
        return None
    entry, name = found
    path = _there(home, service, index, entry, target)
    if path is None:
        gone = {"number": entry.number, "time": entry.received_at, "evidence": entry.evidence}
        key = "early.no_receipt" if home.vault.has(entry.statement) else "early.gone"
        raise ClientError(say(key, path=printable(target.path), **gone))
    if is_bundle(path) and not target.is_folder:
        make_private(os.path.dirname(target.final))
        write_new(reach(target.final), cut_out(path, name), mode=PRIVATE)
        path = target.final
    return verified(target._replace(final=path), home)


def _first(index: Index, target: Target) -> tuple[Entry, str] | None:
    """The earliest deposit that the ledger has of the target's documents, and the name of a single one in it."""
    entries = [entry for entry in index.deposits() if entry.state == ANCHORED]
    found = _of_folder(index, target, entries) if target.is_folder else _of_file(index, target, entries)
    return min(found, key=lambda each: (each[0].received_at, each[0].id), default=None)


def _of_file(index: Index, target: Target, entries: Sequence[Entry]) -> list[tuple[Entry, str]]:
    if not index.has_size(os.path.getsize(reach(target.path))):
        return []
    known = {entry.statement: entry for entry in entries}
    same = index.with_digest(digest_document(target.path).sha256)
    return [(known[each.statement], each.name) for each in same if each.statement in known]


def _of_folder(index: Index, target: Target, entries: Sequence[Entry]) -> list[tuple[Entry, str]]:
    """Deposits of the same names, and then, as a folder takes long to read, of the same digests."""
    names = documents(target, skip_unreadable=True).names
    alike = []
    for entry in entries:
        if entry.documents == len(names) and not entry.evidence.endswith(".json"):
            listed = {each.name: each.sha256 for each in index.documents(entry.id)}
            alike += [(entry, listed)] if listed.keys() == set(names) else []
    digests = _digests(target.folder, names) if alike else {}
    return [(entry, "") for entry, listed in alike if listed == digests]


def _digests(folder: str, names: Sequence[str]) -> dict[str, str]:
    return {name: digest_document(f"{folder}/{name}").sha256.hex() for name in names}


def _there(home: Home, service: Service | None, index: Index, entry: Entry, target: Target) -> str | None:
    """Where the evidence of a deposit is, after it was written again from the vault if need be."""
    if entry.evidence and os.path.lexists(reach(entry.evidence)):
        return entry.evidence
    if not home.vault.has(entry.statement):
        return None
    receipt = home.vault.receipt(entry.statement)
    if receipt is None and service is not None:
        fetched = fetch_receipt(entry.statement, service)
        receipt = None if fetched is None else first_receipt(fetched, Trust(home.policy))
    if receipt is None:
        return None
    out = os.path.dirname(target.final)
    make_private(out)
    taken = [name for name in os.listdir(reach(out)) if f"{out}/{name}" != target.final]
    done = rebuild(home.reader, [Proven(entry.statement, receipt)], out, index, taken)
    index.catch_up()
    return next(iter(done.evidence), None)
