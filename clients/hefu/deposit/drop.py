"""``hefu drop``: a deposit on its way is given up, with its private half; only a person's own command does that."""

from __future__ import annotations

import os
from contextlib import suppress

from hefu.deposit.answers import fetch_acknowledgement
from hefu.deposit.depositor import alone
from hefu.deposit.pending import discard, resume
from hefu.deposit.plan import PART, Target
from hefu.errors import ClientError
from hefu.files.platform import reach
from hefu.files.scan import printable
from hefu.home.home import Home
from hefu.service import Service
from hefu.ui.language import say
from hefu_ledger.deposit.statement import statement_id
from hefu_ledger.errors import LedgerError


def drop(home: Home, service: Service, path: str) -> str:
    """Give up a deposit on its way, by its ``.part``; the path that its evidence would have had.

    ClientError where the service has the deposit, UnreachableError where it does not say: nothing has changed then.
    """
    final = path.removesuffix(PART)
    if final == path or not os.path.isfile(reach(path)):
        raise ClientError(say("drop.none", path=printable(path)))
    target = Target(path, os.path.basename(final), final.endswith(".bundle"), final)
    with alone(os.path.dirname(final) or "."):
        part = resume(target, home)
        if part is not None:
            identity = statement_id(part.statement).hex()
            if fetch_acknowledgement(identity, service) is not None:
                raise ClientError(say("drop.deposited", path=printable(path)))
            with suppress(LedgerError):
                home.vault.drop(identity)
        discard(target)
    return final
