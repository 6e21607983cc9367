"""The formats and checks of Hefu 合符: bytes and values in, bytes and values out.

Pure: the standard library and ``cryptography``; no files, no network, no clock, no randomness. Values are
``NamedTuple``s, since importing ``dataclasses`` costs as much as starting Python does, and ``hefu verify``
starts cold.
"""
