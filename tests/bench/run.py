"""How fast, against bare work done in the same run: ``make bench``. Prints, and writes ``bench.json``.

A ratio is time against the baseline's time: 1.0 is as fast as the bare work, 2.0 half as fast.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), *(str(ROOT / name) for name in ("ledger", "service", "clients"))]

from tests.bench import cold, evidence, folder, replaying
from tests.bench.measure import Result


def main() -> None:
    """Run the benchmarks named on the command line, or all."""
    benches = {
        "folder_documents": folder.folder_documents,
        "evidence_verified": evidence.evidence_verified,
        "replay_leaves": replaying.replay_leaves,
        "cold_verify": cold.cold_verify,
    }
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}\n")
    results: dict[str, Result] = {}
    for name in sys.argv[1:] or benches:
        with tempfile.TemporaryDirectory(prefix="hefu-bench-") as scratch:
            for result in benches[name](Path(scratch)):
                results[result.name] = result
                print(result.line(), flush=True)
    (ROOT / "bench.json").write_text(
        json.dumps({name: result.value_of() for name, result in results.items()}, indent=1)
    )


if __name__ == "__main__":
    main()
