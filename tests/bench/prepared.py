"""A folder made ready to deposit, by the client's own code: everything ``hefu deposit`` does before the network."""

from __future__ import annotations

from pathlib import Path

from tests.sample_ledger import ORIGIN, POLICY, depositor_signer, opened_identity, sample

from hefu.home import Config, Home
from hefu.plan import documents, plan
from hefu.unfinished import write
from hefu_ledger.record import Genesis, parse_record


def prepare(folder: Path, scratch: Path) -> None:
    """List, hash, describe, commit to and sign; durable in a bundle's ``.part`` when done."""
    out = scratch / "evidence"
    out.mkdir(exist_ok=True)
    genesis = parse_record(sample().records[0]).body
    if not isinstance(genesis, Genesis):
        raise TypeError("the sample ledger does not begin with genesis")
    config = Config("acme", opened_identity("acme"), ORIGIN, "http://127.0.0.1:1")
    home = Home(str(scratch / "home"), config, depositor_signer("acme"), POLICY, genesis)
    (target,) = plan([str(folder)], str(out), home.path)
    write(target, documents(target, skip_unreadable=False).names, home, None)
