"""Files of this computer: atomic writes, folder scans, digests, and what differs between systems."""
