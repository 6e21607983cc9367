"""Records of the ledger, and the identities, keys and rosters that they make known."""
