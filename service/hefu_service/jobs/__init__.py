"""Work that nobody waits for: sealing and publishing, whenever something is owed."""
