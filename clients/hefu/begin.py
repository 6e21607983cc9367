"""Where a home begins: enrolled, asked for or restored; and statements that are sent without a home."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from hefu_ledger.records.role import PREPARE

if TYPE_CHECKING:
    from hefu.deposit.offline import Submitted
    from hefu.home.settings import VaultOptions
    from hefu.keys.enrol import Enrolled, Invitation
    from hefu.keys.join import Asked
    from hefu.recovery.restore import Restored
    from hefu.vault.secret import Recovery


def enrol_home(
    home: str,
    *,
    server: str,
    code: str,
    vault: VaultOptions | None = None,
    insecure_http: bool = False,
    confirm: Callable[[Invitation], None] = lambda _: None,
) -> Enrolled:
    """Make ``home`` the home of the depositor whose one-time code this is; see ``hefu.keys.enrol.enrol``."""
    from hefu.home.settings import VaultOptions
    from hefu.keys.enrol import enrol
    from hefu.service import Service

    with Service(server, insecure_http=insecure_http) as service:
        return enrol(home, service, code, vault or VaultOptions(), confirm=confirm)


def submit(statements: Sequence[str], *, server: str, insecure_http: bool = False) -> list[Submitted]:
    """Send carried statements; see ``hefu.deposit.offline.submit``. No home is needed."""
    from hefu.deposit.offline import submit as send
    from hefu.service import Service

    with Service(server, insecure_http=insecure_http) as service:
        return send(service, statements)


def request_key(
    home: str,
    *,
    server: str | None,
    recovery: Recovery | None,
    role: str = PREPARE,
    fingerprint: str = "",
    insecure_http: bool = False,
) -> Asked:
    """Ask for a key of a further computer; see ``hefu.keys.join.ask_for_key``. ``server``: needed the first time."""
    from hefu.keys.join import ask_for_key
    from hefu.service import Service

    if server is None:
        return ask_for_key(home, None, recovery, role=role)
    with Service(server, insecure_http=insecure_http) as service:
        return ask_for_key(home, service, recovery, role=role, fingerprint=fingerprint)


def restore_home(
    home: str,
    recovery: Recovery,
    *,
    out: str,
    server: str | None = None,
    source: str | None = None,
    fingerprint: str = "",
    insecure_http: bool = False,
) -> Restored:
    """Bring back a home and its evidence from a vault's folder ``source``, or else from the service.

    ``server`` alone: the vault is there; both: receipts that the folder lacks are. ClientError without either.
    ``fingerprint``: of the log key, by the sheet's QR code; ClientError for a vault whose home trusts another.
    """
    from hefu.errors import ClientError
    from hefu.recovery.restore import restore_from_folder, restore_from_service
    from hefu.service import Service
    from hefu.ui.language import say

    if server is None:
        if source is None:
            raise ClientError(say("vault restore.where"))
        return restore_from_folder(home, recovery, source, out=out, service=None, fingerprint=fingerprint)
    with Service(server, insecure_http=insecure_http) as service:
        if source is None:
            return restore_from_service(home, recovery, service, out=out, fingerprint=fingerprint)
        return restore_from_folder(home, recovery, source, out=out, service=service, fingerprint=fingerprint)
