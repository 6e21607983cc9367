"""``hefu`` run in this process, as a user would type it."""

from __future__ import annotations

import json
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from hefu.cli.main import main
from hefu.home.sheet import words_on


def words_of(done: dict[str, Any]) -> str:
    """The recovery words that a command has made: they stand on the sheet alone."""
    assert "words" not in done
    return words_on(Path(done["sheet"]).read_bytes())


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        assert self.out.count("\n") == 1, self.out
        value: dict[str, Any] = json.loads(self.out)
        return value


def hefu(*words: object, expect: int | None = 0) -> Ran:
    """Run a command; ``expect`` None takes any exit code."""
    out, err = StringIO(), StringIO()
    code: object = 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main([str(word) for word in words])
        except SystemExit as ended:
            code = ended.code
    assert isinstance(code, int)
    ran = Ran(code, out.getvalue(), err.getvalue())
    assert expect is None or ran.code == expect, ran
    return ran
