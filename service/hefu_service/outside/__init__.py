"""The world outside the database: files, the keys that sign, and the lock on a data directory."""
