"""Repair 修复: published files that are damaged or gone are written anew, as the signed checkpoint has them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from hefu_ledger.tlog.merkle import root_of_leaves
from hefu_service.ports.files import Mender
from hefu_service.ports.store import View
from hefu_service.publishing.batch_tree import format_nodes
from hefu_service.publishing.expected import MISSING, fault_of, record_tree, records_of, wanted_leaves, wanted_tiles
from hefu_service.sealing.batch import batch_body
from hefu_service.sealing.continuity import check_past
from hefu_service.sealing.stops import SealingStoppedError
from hefu_service.services import Services
from hefu_service.texts import sentence


def repair(services: Services, mender: Mender) -> Iterator[str]:
    """Write every damaged or missing tile, leaves and nodes file anew; gives their names.

    The service may run. Raises SealingStoppedError, having written nothing, where the database does not lead to the
    published checkpoint; RolledBackError and VerificationError where that is not to be believed itself. Without one
    there is nothing to repair: the next publishing writes all.
    """
    with services.files.alone(), services.store.view() as view:
        past, _ = check_past(services)
        if past.published is None:
            return
        size = past.published.size
        tree = record_tree(view, size)
        if tree.root != past.published.root:
            raise SealingStoppedError(sentence("repair.checkpoint", size=size))
        _check_deposits(view, size)
        for tile, data in wanted_tiles(view, tree, size):
            if fault_of(partial(services.files.read_tile, tile), data):
                mender.rewrite_tile(tile, data)
                yield tile.path
        for index, data in wanted_leaves(view, size):
            if fault_of(partial(services.files.read_leaves, index), data):
                mender.rewrite_leaves(index, data)
                yield f"batches/{index}/leaves"
            nodes = format_nodes(data)
            fault = fault_of(partial(services.files.read_nodes, index), nodes)
            if fault not in (None, MISSING):  # small batches have none
                mender.rewrite_nodes(index, nodes)
                yield f"batches/{index}/nodes"


def _check_deposits(view: View, size: int) -> None:
    """Check, before anything is written, that the deposits lead to the roots that the records hold."""
    roots = {record.index: batch_body(record).roots for record in records_of(view, size) if record.type == "batch"}
    for index, leaves in wanted_leaves(view, size):
        if root_of_leaves(leaves) != roots[index]["sha-256"]:
            raise SealingStoppedError(sentence("publish.deposits", index=index))
