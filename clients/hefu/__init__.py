"""The enterprise's, the verifier's and the auditor's half of Hefu 合符: hash, sign, deposit, verify, replay.

Documents, their names and their digests never leave the machine. ``sdk.Client`` is the way in for programs, ``cli``
for people; importing this package alone imports nothing, since ``hefu verify`` starts cold.
"""

__version__ = "0.1.0"
