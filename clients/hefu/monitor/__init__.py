"""A ledger followed from outside: fetched, replayed, held against what was seen before."""
