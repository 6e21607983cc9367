"""The small changes that are tried: each swaps, drops or shifts one thing that a check rests on."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

_SWAPS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_NAMES: Final = {"any": "all", "all": "any", "min": "max", "max": "min"}
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {ast.Add: ast.Sub, ast.Sub: ast.Add}


class Mutant(NamedTuple):
    """One change. ``lines``: of the statement that it is in, from 1; ``source``: the first of them as it stands."""

    lines: range
    place: str  # the function
    source: str
    change: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """The same for as long as the line and its function stay as they are."""
        return f"{self.place}: {self.source}: {self.change}"


def mutants(source: str) -> Iterator[Mutant]:
    """All mutants of a module's source."""
    tree, lines = ast.parse(source), source.splitlines()
    places = {id(node): (function, statement) for function, statement, node in _places(tree)}
    for number, node in enumerate(ast.walk(tree)):
        function, statement = places.get(id(node), ("", None))
        for change in _changes(node) if statement is not None else ():
            mutated = copy.deepcopy(tree)
            target = list(ast.walk(mutated))[number]
            mutated = _Replacing(target, _changed(target, change)).visit(mutated)
            line = getattr(node, "lineno", statement.lineno) if statement is not None else 0
            found = _lines(statement) if statement is not None else range(0)
            yield Mutant(found, function, lines[line - 1].strip(), change, ast.fix_missing_locations(mutated))


class _Replacing(ast.NodeTransformer):
    def __init__(self, node: ast.AST, other: ast.AST) -> None:
        self._node = node
        self._other = other

    def visit(self, node: ast.AST) -> Any:
        return self._other if node is self._node else self.generic_visit(node)


def _places(tree: ast.Module) -> Iterator[tuple[str, ast.stmt, ast.AST]]:
    """The nodes inside functions, with the function's name and the nearest statement."""
    for function in (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)):
        body = function.body[1:] if ast.get_docstring(function) else function.body
        for statement in body:
            for near, node in _of_interest(statement, statement):
                yield function.name, near, node


def _lines(statement: ast.stmt) -> range:
    """The lines of a statement; of one that holds others its head alone."""
    body = getattr(statement, "body", None)
    end = max(statement.lineno, body[0].lineno - 1) if body else statement.end_lineno or statement.lineno
    return range(statement.lineno, end + 1)


def _of_interest(statement: ast.stmt, node: ast.AST) -> Iterator[tuple[ast.stmt, ast.AST]]:
    """A node and those below it, without annotations and the words of messages."""
    statement = node if isinstance(node, ast.stmt) else statement
    yield statement, node
    if isinstance(node, ast.Raise | ast.JoinedStr):  # dropped as a whole; its words are no check
        return
    for child in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.AnnAssign) and child is node.annotation):
            yield from _of_interest(statement, child)


def _changes(node: ast.AST) -> Iterator[str]:  # noqa: C901  # one case a kind of node
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in _SWAPS:
            yield _word(_SWAPS[type(operator)])
        case ast.BoolOp(op=ast.And(), values=values) | ast.BoolOp(op=ast.Or(), values=values):
            yield "or" if isinstance(node.op, ast.And) else "and"
            yield from (f"without part {place}" for place in range(1, len(values) + 1))
        case ast.UnaryOp(op=ast.Not()):
            yield "without not"
        case ast.BinOp(op=operator) if type(operator) in _ARITHMETIC:
            yield _word(_ARITHMETIC[type(operator)])
        case ast.Constant(value=bool()):
            yield "the other of True and False"
        case ast.Constant(value=int()):
            yield "one more"
        case ast.Name(id=name) if name in _NAMES:
            yield _NAMES[name]
        case ast.If():
            yield "never"
            yield "always"
        case ast.Raise():
            yield "no error"
        case ast.Expr(value=ast.Call()):
            yield "no call"
        case ast.comprehension(ifs=[_, *_]):
            yield "no condition"


def _word(operator: type[ast.AST]) -> str:
    return operator.__name__


def _changed(node: ast.AST, change: str) -> ast.AST:  # noqa: C901  # as above
    """The node to stand in the place of ``node``, which is used up."""
    match node:
        case ast.Compare():
            node.ops = [_SWAPS[type(node.ops[0])]()]
        case ast.BoolOp() if change in ("or", "and"):
            node.op = ast.Or() if change == "or" else ast.And()
        case ast.BoolOp():
            del node.values[int(change.rpartition(" ")[2]) - 1]
            return node.values[0] if len(node.values) == 1 else node
        case ast.UnaryOp():
            return node.operand
        case ast.BinOp():
            node.op = _ARITHMETIC[type(node.op)]()
        case ast.Constant(value=bool()):
            node.value = not node.value
        case ast.Constant(value=int(number)):
            node.value = number + 1
        case ast.Name():
            node.id = _NAMES[node.id]
        case ast.If():
            node.test = ast.Constant(change == "always")
        case ast.Raise() | ast.Expr():
            return ast.Pass()
        case ast.comprehension():
            node.ifs = []
    return node
