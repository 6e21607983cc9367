"""The enterprise's, the verifier's and the auditor's half of Hefu 合符: hash, sign, deposit, verify, replay.

Documents, their names and their digests never leave the machine. Programs begin with ``Client``, people with ``cli``.
Importing this package imports nothing else until a name of it is used, since ``hefu verify`` starts cold.
"""

from typing import TYPE_CHECKING

from hefu.version import __version__

if TYPE_CHECKING:
    from hefu.client import Client, Deposited, Enrolled, enrol_home, inspect, read_policy, verify


__all__ = ["Client", "Deposited", "Enrolled", "__version__", "enrol_home", "inspect", "read_policy", "verify"]


def __getattr__(name: str) -> object:
    """What ``client`` offers under a name that no module of this package has (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'hefu' has no attribute {name!r}")
    from hefu import client

    return getattr(client, name)
