"""``hefu renew``: documents and their old evidence deposited together, by a statement that goes on from the old one.

The new statement has new signatures and a new time. It proves that the old evidence was there while its own signatures
were still good; the date of the documents stays that of the old evidence.
"""

from __future__ import annotations

import os
import time
from typing import Final

from hefu.deposit.depositor import Deposited, deposit
from hefu.deposit.plan import Target
from hefu.errors import ClientError
from hefu.evidence.receipt import receipt_of
from hefu.evidence.verify import is_bundle, verify
from hefu.files.names import stem
from hefu.files.scan import printable
from hefu.home.home import Home
from hefu.home.index import Index
from hefu.service import Service
from hefu.ui.language import say
from hefu_ledger.deposit.statement import statement_id
from hefu_ledger.verify.verdict import PROVEN, why_not

RENEWAL: Final = "renewal"


def renew(
    home: Home, service: Service, index: Index, evidence: str, document: str, *, out: str, wait: bool
) -> Deposited:
    """Deposit documents and their old evidence together; errors as of ``renewal`` and ``deposit``."""
    target = renewal(home, evidence, document, out)
    index.catch_up()
    index.expect(target.final, base=out)  # the documents are those of the first deposit
    try:
        (done,) = deposit(home, service, [target], out=out, wait=wait)
    finally:
        index.catch_up()
    return done


def renewal(home: Home, evidence: str, document: str, out: str) -> Target:
    """The plan of a renewal. ClientError unless the old evidence proves these documents as this depositor's."""
    verdict = verify(evidence, document, policy=home.policy)
    path = printable(evidence)
    if verdict.verdict != PROVEN:
        raise ClientError(say("renew.unproven", evidence=path, error=why_not(verdict)))
    if verdict.facts["depositor"] != home.config.depositor:
        raise ClientError(say("renew.anothers", evidence=path, depositor=verdict.facts["depositor"]))
    own = os.path.basename(os.path.abspath(document))
    whole = is_bundle(evidence)
    names = _names(document) if whole else [own]
    beside = os.path.basename(evidence)
    if beside in names:
        raise ClientError(say("renew.beside", evidence=path, folder=printable(document)))
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return Target(
        path=document if whole else os.path.dirname(os.path.abspath(document)),
        name=own,
        is_folder=True,
        final=f"{out}/{stem(own)}.renewal.{moment}.hefu.bundle",
        only=(*names, beside),
        previous=statement_id(receipt_of(evidence).statement.encode()),
        kind=RENEWAL,
        elsewhere=((beside, os.path.abspath(evidence)),),
    )


def _names(folder: str) -> list[str]:
    return Target(folder, "", is_folder=True, final="").documents().names
