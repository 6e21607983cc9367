"""Sealing: accepted deposits become batches, and batches become records of the ledger."""
