"""Makes golden files in a new folder, by hand: ``PYTHONPATH=ledger python tests/vectors/make.py FOLDER``.

What stands in ``v1`` is never made again: evidence of a released version must verify for ever, so every later version
is held against these very bytes. A new version of a format gets a folder of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType


def main(folder: Path) -> None:
    """Write every file of the example ledger; FileExistsError if the folder is there."""
    ours = ModuleType("tests")  # installed packages bring a ``tests`` of their own, which would be found first
    ours.__path__ = [str(Path(__file__).parents[1])]
    sys.modules["tests"] = ours
    from tests.support.example_ledger import golden_files  # noqa: PLC0415  # not before the line above

    folder.mkdir(parents=True)
    for name, data in golden_files():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
