"""The load generator run in a process of its own, and what it is given: whole HTTP requests in a file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

GENERATOR = Path(__file__).with_name("generator.py")


class Load(NamedTuple):
    """What the generator saw: answers a second; percentiles (ms) of answers and receipts; its own share of a core."""

    per_second: float
    answered: int
    latency: dict[str, float]
    receipt: dict[str, float]
    errors: dict[str, int]
    sent: int
    cpu: float
    cpu_us: float
    service_us: float = 0  # of CPU a request, all its processes together; not PostgreSQL's

    def text(self) -> str:
        """One line for people."""
        parts = [f"{self.per_second:,.0f} requests/s", f"answer {_shown(self.latency)}"]
        if self.receipt:
            parts.append(f"receipt {_shown(self.receipt)}")
        errors = ", ".join(f"{count} of {name}" for name, count in self.errors.items())
        return "; ".join(
            [
                *parts,
                f"errors: {errors or 'none'}",
                f"CPU {self.service_us:,.0f} us a request, generator {self.cpu_us:.0f}",
            ]
        )


def post(body: bytes, media_type: str = "text/plain") -> bytes:
    """A whole request that deposits."""
    head = f"POST /v1/deposits HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def get(path: str) -> bytes:
    """A whole request that reads."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def generate(
    scratch: Path, requests: Iterable[bytes], *, ports: Sequence[int], seconds: float, connections: int = 64, **job: Any
) -> Load:
    """Send the requests as ``generator.Job`` has it; ``job`` are its other fields."""
    file, said = scratch / "requests", scratch / "job.json"
    with file.open("wb") as out:
        out.writelines(part for each in requests for part in (len(each).to_bytes(4, "big"), each))
    job |= {"requests": str(file), "ports": list(ports), "seconds": seconds, "connections": connections}
    said.write_text(json.dumps(job))
    done = subprocess.run([sys.executable, "-S", GENERATOR, said], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the generator failed: {done.stderr[-1000:]}")
    return Load(**json.loads(done.stdout))


def _shown(found: dict[str, float]) -> str:
    return " ".join(f"{name} {ms:.1f}" for name, ms in found.items()) + " ms"
