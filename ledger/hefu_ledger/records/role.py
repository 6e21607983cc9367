"""Roles 角色 of a depositor's keys: one prepares 经办, another approves 审批."""

from __future__ import annotations

from typing import Final

from hefu_ledger.encoding import Fields
from hefu_ledger.errors import MalformedError

PREPARE: Final = "prepare"  # 经办: the role of a key that states none
APPROVE: Final = "approve"  # 审批: also vouches for keys and ends them


def read_role(fields: Fields) -> str:
    """Read the optional member ``role``: ``approve``, or not there, which is ``prepare``."""
    if fields.has("role") and fields.raw("role") != APPROVE:
        raise MalformedError("role is approve, or not there 角色只有 approve（审批）一种写法，缺省为经办")
    return APPROVE if fields.has("role") else PREPARE


def role_member(role: str) -> dict[str, str]:
    """The members that a role adds to a note or roster; see ``read_role``."""
    return {} if role == PREPARE else {"role": role}
