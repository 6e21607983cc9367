"""A folder made ready to deposit, by the client's own code: what ``hefu deposit`` does before the network."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tests.support.sample_ledger import ORIGIN, POLICY, depositor_signer, opened_identity, sample

from hefu.deposit.depositor import keep_private_half
from hefu.deposit.pending import write
from hefu.deposit.plan import Target, documents, plan
from hefu.evidence.bundle import Part
from hefu.home.home import Config, Home
from hefu.vault.secret import Recovery
from hefu_ledger.deposit.statement import statement_id
from hefu_ledger.records.bodies import Genesis
from hefu_ledger.records.record import parse_record


class Prepared(NamedTuple):
    """A deposit that could be sent."""

    home: Home
    target: Target
    part: Part


def prepare(folder: Path, scratch: Path) -> Prepared:
    """List, hash, describe, commit to and sign; durable in a bundle's ``.part`` when done."""
    out = scratch / "evidence"
    out.mkdir(exist_ok=True)
    genesis = parse_record(sample().records[0]).body
    if not isinstance(genesis, Genesis):
        raise TypeError("the sample ledger does not begin with genesis")
    config = Config("acme", opened_identity("acme"), ORIGIN, "http://127.0.0.1:1")
    home = Home(str(scratch / "home"), config, depositor_signer("acme"), POLICY, genesis, Recovery(bytes(32)))
    (target,) = plan([str(folder)], str(out), home.path)
    return Prepared(home, target, write(target, documents(target, skip_unreadable=False).names, home, None))


def keep(prepared: Prepared) -> None:
    """Put the private half into the local vault: compressed, encrypted, durable."""
    keep_private_half(prepared.target, prepared.part, prepared.home)
    prepared.home.vault.drop(statement_id(prepared.part.statement).hex())
