"""``hefu vault verify``: proof that everything could be brought back, by doing all of it but the writing.

Every file is decrypted, here and at the service, every root is computed again and held against its statement, every
receipt is verified; and the service's list of statements tells which deposit has no private half anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, NamedTuple, ParamSpec

from hefu.deposit.answers import fetch_acknowledgement, fetch_receipt
from hefu.deposit.verify import check_receipt
from hefu.home.home import Reader
from hefu.home.index import Index
from hefu.recovery.counterparts import twins
from hefu.recovery.numbers import running_numbers
from hefu.service import Service
from hefu.ui.language import say
from hefu.ui.progress import progress_bar
from hefu.vault.blobs import DEPOSIT, HOME, LABEL, RECEIPT_SUFFIX, Blobs, content_name, kind_of, opened, unseal
from hefu.vault.remote import Remote
from hefu_ledger.errors import LedgerError, MalformedError

P = ParamSpec("P")
HERE: Final = "here"
SERVICE: Final = "service"


class VaultFault(NamedTuple):
    """One thing that could not be brought back as it is. ``where``: ``here`` or ``service``."""

    where: str
    name: str
    what: str


class CheckedVault(NamedTuple):
    """The state of a vault. ``files`` by place; ``never``: prepared and not deposited, or not yet; hex statement ids.

    ``pending``: the work left for ``hefu vault sync``; nothing of it is lost. ``told``: whether the service told which
    deposits there were, so that a lost one is noticed; where it does not hold the vault, it does not.

    ``nth``: the largest running number known, from 1.
    """

    deposits: int
    documents: int
    files: dict[str, int]
    never: list[str]
    findings: list[VaultFault]
    pending: list[VaultFault]
    told: bool = True
    nth: int = 0


class _Place(NamedTuple):
    """The files found good in one place. ``deposits``: documents by statement id."""

    deposits: dict[str, int]
    others: set[str]


def verify_vault(reader: Reader, service: Service | None) -> CheckedVault:
    """Check the vault's folder, and the service's files unless ``service`` is None."""
    findings: list[VaultFault] = []
    names = reader.vault.names()
    here = _check_place(reader.vault, names, reader, HERE, findings)
    known = set(here.deposits) | {name for name in names if name in {each.name for each in findings}}
    if service is None:
        _check_receipts(reader, list(here.deposits), None, findings)
        nth = _find_gaps(reader, here.deposits, None, findings)
        counts = (len(here.deposits), sum(here.deposits.values()), {HERE: len(names)})
        return CheckedVault(*counts, [], findings, [], told=False, nth=nth)
    remote, pending = Remote(service, reader.recovery), list[VaultFault]()
    told = reader.config.upload
    deposited = remote.statements() if told else _deposited(reader, here.deposits, service)
    same = list(twins(reader, service, deposited))
    known |= {twin.deposited for twin in same}
    _miss([twin.deposited for twin in same], HERE, say("vault.twin"), pending)
    _check_receipts(reader, [each for each in here.deposits if each in set(deposited)], service, findings)
    _miss(sorted(set(deposited) - known), HERE, say("vault.lost"), findings)
    files = {HERE: len(names)}
    if reader.config.upload:
        owed = (set(reader.vault.owed()) & (here.others | here.deposits.keys())) | {twin.deposited for twin in same}
        there = _check_place(remote, sorted(remote.names()), reader, SERVICE, findings, owed & here.others)
        lacking = (set(deposited) | here.others) - remote.names()
        _miss(sorted(lacking - owed), SERVICE, say("vault.unsent"), findings)
        _miss(sorted(lacking & owed), SERVICE, say("vault.owed"), pending)
        files[SERVICE] = len(remote.names())
        here.deposits.update(there.deposits)
    nth = _find_gaps(reader, {*here.deposits, *deposited}, service, findings)
    never = sorted(set(here.deposits) - set(deposited) - {twin.kept for twin in same})
    counts = (len(here.deposits), sum(here.deposits.values()), files)
    return CheckedVault(*counts, never, findings, pending, told=told, nth=nth)


def _deposited(reader: Reader, here: Collection[str], service: Service) -> list[str]:
    """The deposits that are known without the service's list: by receipts, by its answers, and by the index."""
    with Index(reader.path) as index:
        index.catch_up()
        known = index.settled()
    known.update(each for each in here if each not in known and fetch_acknowledgement(each, service) is not None)
    return sorted(known)


def _find_gaps(
    reader: Reader, statement_ids: Collection[str], service: Service | None, findings: list[VaultFault]
) -> int:
    place = HERE if service is None else SERVICE
    numbers = running_numbers(reader, statement_ids, service)
    findings += [VaultFault(place, "", say("vault.gap", nth=nth)) for nth in numbers.missing()]
    return numbers.last


def _check_place(
    blobs: Blobs, names: list[str], reader: Reader, where: str, findings: list[VaultFault], owed: Collection[str] = ()
) -> _Place:
    """Look at every file of a place. ``owed``: files, the settings perhaps among them, that are still to come."""
    place, kinds = _Place({}, set()), set()
    with progress_bar(f"verify {where}", len(names)) as progress:
        for name in names:
            if "." not in name:
                kind = _guarded(where, name, findings, _check, name, blobs, reader, place)
                kinds.add(kind)
            elif not name.endswith(RECEIPT_SUFFIX) and name.partition(".")[0] not in names:
                findings.append(VaultFault(where, name, say("vault.no_beginning")))
            progress.done()
    if HOME not in kinds and not owed:
        findings.append(VaultFault(where, "", say("vault.no_settings")))
    return place


def _check(name: str, blobs: Blobs, reader: Reader, place: _Place) -> str:
    data = blobs.read(name)
    if data is None:
        raise MalformedError("missing")
    kind = kind_of(data, reader.recovery)
    if kind in (HOME, LABEL):
        _, contents = unseal(data, reader.recovery)
        if content_name(kind, contents, reader.recovery) != name:
            raise MalformedError("it holds something else than its name says")
        place.others.add(name)
    elif kind == DEPOSIT:
        with opened(blobs, name, reader.recovery) as kept:
            place.deposits[name] = kept.part.header.count
    else:
        raise MalformedError(f"it is of a kind not known here ({kind!r:.40}); a newer hefu may know it")
    return kind


def _check_receipts(
    reader: Reader, statement_ids: list[str], service: Service | None, findings: list[VaultFault]
) -> None:
    for statement_id in statement_ids:
        _guarded(HERE, statement_id, findings, _check_receipt, statement_id, reader, service)


def _check_receipt(statement_id: str, reader: Reader, service: Service | None) -> str:
    receipt = reader.vault.receipt(statement_id)
    if receipt is not None:
        with opened(reader.vault, statement_id, reader.recovery) as kept:
            check_receipt(receipt, kept.part, reader)
    elif service is None or fetch_receipt(statement_id, service) is not None:
        text = say("vault.no_receipt")
        raise MalformedError(text, code="said", text=text)
    return DEPOSIT


def _guarded(
    where: str, name: str, findings: list[VaultFault], check: Callable[P, str], *given: P.args, **options: P.kwargs
) -> str:
    try:
        return check(*given, **options)
    except LedgerError as error:
        findings.append(VaultFault(where, name, str(error)))
        return ""


def _miss(names: list[str], where: str, what: str, findings: list[VaultFault]) -> None:
    findings += [VaultFault(where, name, what) for name in names]
