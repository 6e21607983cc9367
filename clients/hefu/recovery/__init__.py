"""The day a computer is gone: restore, prove, exchange and re-encrypt the vault."""
