"""What the use cases need of the world, as protocols; ``store``, ``outside`` and ``jobs`` meet them.

Domain values are frozen dataclasses; rows, files and connections stay behind the ports.
"""
