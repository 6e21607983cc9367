"""Publishing: leaves, tiles and then the checkpoint that vouches for them; repeatable from any point of a crash."""

from __future__ import annotations

from typing import Final

from hefu_ledger.tlog.checkpoint import Checkpoint
from hefu_ledger.tlog.merkle import Frontier, NodeReader, consistency_path, leaf_hash, root_of, root_of_leaves
from hefu_ledger.tlog.note import format_note, parse_note
from hefu_ledger.tlog.tiles import ENTRIES, WIDTH, Tile, format_bundle, tile_bytes, tiles_at
from hefu_service.ports.errors import StorageError
from hefu_service.ports.rows import LedgerHead, StoredRecord
from hefu_service.ports.store import View
from hefu_service.publishing.batch_tree import format_nodes
from hefu_service.sealing.batch import batch_body, leaf_hashes
from hefu_service.sealing.continuity import check_past, published_checkpoint
from hefu_service.sealing.stops import SealingStoppedError
from hefu_service.services import Services
from hefu_service.texts import sentence
from hefu_service.tiles import grown_nodes, published_nodes

FEW: Final = 64  # leaves, whose tree is hashed again for each receipt faster than its nodes could be read


def publish(services: Services) -> bool:
    """Publish all committed records and sign the checkpoint that covers them. False if nothing was to be published.

    One at a time, in all threads and processes: the published checkpoint never goes back. If none is published,
    everything is written again from the database; existing files must be equal. Raises SealingStoppedError if tiles and
    database do not lead to one root, RolledBackError, ImmutableError and SignerError.
    """
    with services.files.alone():
        return _publish(services)


def _publish(services: Services) -> bool:
    _keep_published(services)
    past, head = check_past(services)
    old_size = past.published.size if past.published is not None else 0
    if old_size == head.size:
        return False
    _prove(services, head)
    with services.store.view() as view:
        kept = view.latest_checkpoint()
        node = _grown(services, view, old_size, head.size)
        _checked_root(head, node)  # before anything is written, since that is for ever
        _write_leaves(services, view, old_size, head.size)
        _write_tiles(services, view, old_size, head.size, node)
    node = published_nodes(services.files, head.size)
    checkpoint = Checkpoint(services.origin, head.size, _checked_root(head, node))
    for tile in tiles_at(head.size, old_size):
        if tile.width == WIDTH:
            services.files.drop_partials(tile)
    signed = past.signed.size if past.signed is not None else 0
    consistency = consistency_path(signed, head.size, node) if signed else ()
    note = services.signer.sign(checkpoint, consistency, None if kept is None else parse_note(kept))
    services.files.write_checkpoint(format_note(note))
    services.store.add_checkpoint(head.size, format_note(note))
    return True


def _prove(services: Services, head: LedgerHead) -> None:
    """Commit after the head was read: a reader may see records that no standby has yet, and this proves them."""
    with services.store.intake() as intake:
        if intake.ledger_head().size < head.size:
            raise StorageError(sentence("publish.fewer", size=head.size))
        intake.move_intake(intake.intake_head())


def _keep_published(services: Services) -> None:
    """Store the published checkpoint, which a crash may have kept out of the store: receipts are made under it."""
    note, checkpoint = services.files.read_checkpoint(), published_checkpoint(services)
    with services.store.view() as view:
        kept = view.latest_checkpoint()
    if note is not None and checkpoint is not None and note != kept:
        services.store.add_checkpoint(checkpoint.size, note)


def _write_leaves(services: Services, view: View, first: int, end: int) -> None:
    for record in [record for record in view.records(first, end - first) if record.type == "batch"]:
        leaves = _leaves(services, view, record)
        if len(leaves) > 32 * FEW:
            services.files.write_nodes(record.index, format_nodes(leaves))
        services.files.write_leaves(record.index, leaves)


def _leaves(services: Services, view: View, record: StoredRecord) -> bytes:
    """Hash a batch's deposits again; SealingStoppedError unless they lead to the root that its record holds."""
    body = batch_body(record)
    deposits = list(view.deposits(body.first_seq, body.count))
    leaves = leaf_hashes(deposits, first_seq=body.first_seq, origin=services.origin)
    if root_of_leaves(leaves) != body.roots["sha-256"]:
        raise SealingStoppedError(sentence("publish.deposits", index=record.index))
    return leaves


def _grown(services: Services, view: View, old_size: int, size: int) -> NodeReader:
    """The published tree and the records since."""
    new_leaves = [leaf_hash(record.data) for record in view.records(old_size, size - old_size)]
    return grown_nodes(published_nodes(services.files, old_size), old_size, new_leaves)


def _write_tiles(services: Services, view: View, old_size: int, size: int, node: NodeReader) -> None:
    for tile in tiles_at(size, old_size):
        services.files.write_tile(tile, _bundle(view, tile, node) if tile.level == ENTRIES else tile_bytes(tile, node))


def _bundle(view: View, tile: Tile, node: NodeReader) -> bytes:
    entries = [record.data for record in view.records(tile.index * WIDTH, tile.width)]
    for index, data in enumerate(entries, tile.index * WIDTH):
        if leaf_hash(data) != node(0, index):
            raise SealingStoppedError(sentence("publish.record", index=index))
    return format_bundle(entries)


def _checked_root(head: LedgerHead, node: NodeReader) -> bytes:
    """The root of the tiles as they will be or were written, which must be the database's."""
    published, committed = root_of(head.size, node), Frontier(head.size, head.frontier).root()
    if published != committed:
        raise SealingStoppedError(
            sentence("publish.tiles", size=head.size, published=published.hex(), committed=committed.hex())
        )
    return committed
