"""A ledger followed from outside: fetched, replayed, held against the checkpoint seen before."""
