"""The records of the ledger, and what they make known: identities, keys, rosters."""
