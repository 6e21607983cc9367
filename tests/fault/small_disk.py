"""A small disk of a test's own, and programs that run on it: a tmpfs in a mount namespace, which needs no privilege."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.serving import BIN, ENVIRONMENT

_WITHIN = ("--user", "--mount", "--preserve-credentials", "--")


class SmallDisk:
    """Seen at ``path`` by what ``within`` starts, and by nobody else."""

    def __init__(self, path: Path, holder: int) -> None:
        self.path = path
        self._holder = holder

    def within(self, *words: object) -> list[str]:
        """The command line that runs a command line there."""
        return ["nsenter", f"--target={self._holder}", *_WITHIN, *map(str, words)]

    def run(self, *words: object, expect: int | None = 0) -> str:
        """Run a program there; what it prints."""
        done = subprocess.run(self.within(*words), capture_output=True, text=True, env=ENVIRONMENT, check=False)
        assert expect in (None, done.returncode), done.stdout + done.stderr
        return done.stdout

    def service(self, *words: object, expect: int | None = 0) -> str:
        """Run an operator's command there."""
        return self.run(BIN / "hefu-service", *words, expect=expect)

    def fill(self, *, leave: int = 0) -> None:
        """Let a file take all the space there is but ``leave`` bytes, 4 KiB at a time."""
        ballast = self.path / "ballast"
        self.run("sh", "-c", f"cat /dev/zero > {ballast} 2>/dev/null", expect=1)
        self.run("truncate", "--no-create", f"--size=-{leave}", ballast)

    def empty(self) -> None:
        """Give the space back."""
        self.run("rm", self.path / "ballast")

    def freeze(self, folder: Path) -> None:
        """Make a folder read-only for whoever opens a file there from now on."""
        self.run("mount", "--bind", folder, folder)
        self.run("mount", "-o", "remount,bind,ro", folder)

    def thaw(self, folder: Path) -> None:
        """Make it as it was."""
        self.run("umount", "--lazy", folder)


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Make one, for as long as the block lasts; skips the test where the system allows no namespaces."""
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        pytest.skip("unshare and nsenter are not installed")
    path.mkdir()
    script = f"mount -t tmpfs -o size={megabytes}m,mode=0700 tmpfs {path} && echo made && exec cat"
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as holder:
        assert holder.stdout is not None
        if holder.stdout.readline() != b"made\n":
            pytest.skip("this system lets nobody mount a tmpfs in a namespace of their own")
        yield SmallDisk(path, holder.pid)
