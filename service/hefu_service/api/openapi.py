"""The HTTP surface as an OpenAPI 3.1 document: ``openapi.yaml``, held against routes, answers and limits by tests."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the parser in C is faster; not every build has it


@cache
def document() -> dict[str, Any]:
    """The whole document, read once."""
    text = Path(__file__).with_name("openapi.yaml").read_text("utf-8")
    found: dict[str, Any] = yaml.load(text, _LOADER)  # noqa: S506 -- one of the two safe loaders
    return found


@cache
def document_json() -> bytes:
    """The document as it is served."""
    return json.dumps(document(), ensure_ascii=False).encode()
