"""Here so that this folder, and not a `tests` that some installed package left behind, is imported."""
