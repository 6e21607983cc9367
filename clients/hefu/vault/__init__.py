"""The encrypted copy of every private half, in a folder and at the service."""
