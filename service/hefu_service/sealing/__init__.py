"""From accepted deposits to receipts: batches, records, tiles, checkpoints, and the check of all of them."""
