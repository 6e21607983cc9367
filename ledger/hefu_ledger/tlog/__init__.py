"""A transparency log as C2SP defines it: notes, keys, checkpoints, tiles, proofs, policies."""
