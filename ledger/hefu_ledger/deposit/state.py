"""States of a deposit, from the depositor's first file to the published ledger.

::

    unfinished ─▶ unapproved ─▶ prepared ─▶ accepted ─▶ anchored
                                └─▶ refused ─▲
    └──────────── at the depositor ───────┘ └─ at the service ─┘

The service knows the last two only. Each value is written as it stands into answers and into JSON output.
"""

from __future__ import annotations

from typing import Final

UNFINISHED: Final = "unfinished"  # the part file is being written, or writing was cut short
UNAPPROVED: Final = "unapproved"  # signed, but a signature that the enrolment requires is missing; not sent
PREPARED: Final = "prepared"  # signed by all who must, and not sent yet
REFUSED: Final = "refused"  # refused by an answer that no key signed; kept, and sent again by the next run
ACCEPTED: Final = "accepted"  # 已收讫: durable at the service, acknowledged, promised to the ledger
ANCHORED: Final = "anchored"  # 已入账: in the ledger, under a published checkpoint
KNOWN: Final = "already deposited"  # anchored by an earlier run, whose evidence is there

STATES: Final = (UNFINISHED, UNAPPROVED, PREPARED, REFUSED, ACCEPTED, ANCHORED, KNOWN)
"""All states, in the order in which a deposit passes through them."""

SERVICE_STATES: Final = (ACCEPTED, ANCHORED)
"""The states that the service reports."""
