"""A folder held against its deposits: ``hefu check`` and ``hefu watch``."""
