"""The command line of ``hefu``: parsing, prompts, output; one module a noun in ``commands``."""
