"""The client stays a house of small rooms. That the rooms exist, and in which order, is held by import-linter."""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import median

CLIENT = Path(__file__).parents[1] / "clients" / "hefu"
MODULES = sorted(CLIENT.rglob("*.py"))


def _functions() -> list[tuple[str, int]]:
    """Every function of the client: its place, and its length in lines, decorators and docstring with it."""
    return [
        (f"{path.relative_to(CLIENT)}:{node.lineno} {node.name}", node.end_lineno - start + 1)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
        for start in [min([node.lineno, *(each.lineno for each in node.decorator_list)])]
    ]


def test_no_function_is_longer_than_60_lines() -> None:
    assert [(place, lines) for place, lines in _functions() if lines > 60] == []


def test_half_of_the_functions_have_6_lines_at_most() -> None:
    assert median(lines for _, lines in _functions()) <= 6


def test_no_module_is_longer_than_400_lines() -> None:
    lengths = {str(path.relative_to(CLIENT)): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > 400} == {}


def test_the_top_level_has_20_entries_at_most() -> None:
    entries = [path.name for path in CLIENT.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= 20, entries
