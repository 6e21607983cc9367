"""Loops as tests: one test looks at every case and reports each that fails; a test item for each costs more."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

Test = Callable[..., None]


def every_case(
    names: str | Sequence[str], cases: Iterable[Any], *, ids: Iterable[str] | Callable[[Any], object] | None = None
) -> Callable[[Test], Test]:
    """Run a test for each case, as ``pytest.mark.parametrize`` does, in one item; all failures together, each named.

    For tests that need no fresh fixture for each case, skip none and mark none.
    """
    split = [name.strip() for name in names.split(",")] if isinstance(names, str) else [*names]
    given = [_values(case, len(split)) for case in cases]
    named = [_name(ids, number, split, values) for number, values in enumerate(given)]

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def every(**fixtures: Any) -> None:
            failures = []
            for name, values in zip(named, given, strict=True):
                try:
                    test(**fixtures, **dict(zip(split, values, strict=True)))
                except Exception as failure:
                    failures.append((name, failure))
                except pytest.fail.Exception as failure:  # no Exception: also raised by pytest.raises
                    failures.append((name, AssertionError(str(failure)).with_traceback(failure.__traceback__)))
            if failures:
                told = "; ".join(f"{name}: {str(failure)[:200] or repr(failure)}" for name, failure in failures)
                found = [failure for _, failure in failures]
                raise ExceptionGroup(f"{len(failures)} of {len(given)} cases fail: {told}", found)

        signature = inspect.signature(test)
        others = [parameter for name, parameter in signature.parameters.items() if name not in split]
        vars(every)["__signature__"] = signature.replace(parameters=others)
        return every

    return decorate


def _values(case: Any, count: int) -> tuple[Any, ...]:
    if hasattr(case, "marks"):  # pytest.param
        if case.marks:
            raise TypeError("a case with a mark needs an item of its own: pytest.mark.parametrize")
        return tuple(case.values)
    return (case,) if count == 1 else tuple(case)


def _name(
    ids: Iterable[str] | Callable[[Any], object] | None, number: int, names: list[str], values: tuple[Any, ...]
) -> str:
    if callable(ids):
        return "-".join(str(ids(value)) for value in values)
    if ids is not None:
        return [*ids][number]
    return ", ".join(f"{name}={repr(value)[:120]}" for name, value in zip(names, values, strict=True))
