"""Published files: tiles, checkpoints, batches; written, expected, checked, repaired."""
