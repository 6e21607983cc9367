"""Work that nobody waits for: sealing, publishing and telling, whenever something is owed."""
