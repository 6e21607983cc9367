"""Ports: the world as the use cases need it, as protocols; ``store``, ``outside`` and ``jobs`` meet them.

Domain values are frozen dataclasses; rows, files and connections stay behind the ports.
"""
