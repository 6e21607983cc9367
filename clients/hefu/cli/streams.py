"""The command line's edge to the system: answers to standard output, and names as the bytes that the disk has."""

from __future__ import annotations

import errno
import json
import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import Any, Final, TextIO

from hefu.errors import CANNOT_TELL
from hefu.files.platform import WINDOWS, names_are_utf8, why
from hefu.ui.escape import STEERING, plain_lines
from hefu.ui.language import say

_SIMPLER: Final = {ord("✓"): "√", ord("✗"): "×"}  # code page 936 has no others
_IN_JSON: Final = {code: json.dumps(chr(code))[1:-1] for code in STEERING if code >= 0x7F}
_TERMINAL: Final = "hefu-terminal"  # an option of -X: the encoding of the terminal in UTF-8 mode


def read_names_as_utf8() -> None:
    """Start again in Python's UTF-8 mode where the locale has another encoding.

    A name that is read through GBK is another name, and would be signed so. Standard streams keep their encoding.
    """
    if names_are_utf8() or "utf8" in sys._xoptions or not sys.executable:  # documented, for -X
        return
    from locale import getencoding

    words = [sys.executable, "-X", "utf8", "-X", f"{_TERMINAL}={getencoding()}", *_own_words()[1:]]
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, AttributeError):
            stream.flush()
    os.execv(sys.executable, words)  # noqa: S606  # this program, with its own words


def _own_words() -> list[str] | list[bytes]:
    """The words of this process. Decoded and encoded again, a name may be another; Linux has the bytes themselves."""
    try:
        with open("/proc/self/cmdline", "rb") as file:
            return file.read().split(b"\0")[:-1]
    except OSError:
        return sys.orig_argv


def prepare() -> None:
    """Let the standard streams take every character, in the encoding of the terminal."""
    encoding = sys._xoptions.get(_TERMINAL)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding=encoding, errors="backslashreplace")
    if encoding is not None and isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(encoding=encoding, errors="replace")


def write_text(stream: TextIO | None, text: str) -> None:
    """Write lines that any terminal takes: other characters are escaped. OSError where they cannot be written."""
    text, encoding = plain_lines(text), getattr(stream, "encoding", None) or "utf-8"
    if not _fits(text, encoding):
        text = text.translate(_SIMPLER).encode(encoding, "backslashreplace").decode(encoding)
    _write(stream, text)


def write_json(stream: TextIO | None, value: Any) -> None:
    """Write a value as one line of JSON, the characters escaped that steer a terminal. OSError as for a text."""
    text = json.dumps(value, ensure_ascii=False).translate(_IN_JSON)
    fits = _fits(text, getattr(stream, "encoding", None) or "utf-8")
    _write(stream, text if fits else json.dumps(value))


def show_on_terminal(text: str) -> bool:
    """Write lines to the terminal itself, past pipes, files and logs; False where there is none."""
    encoding = sys._xoptions.get(_TERMINAL) or getattr(sys.stderr, "encoding", None)
    try:
        with open("CONOUT$" if WINDOWS else "/dev/tty", "w", encoding=encoding, errors="backslashreplace") as terminal:
            terminal.write(plain_lines(text) + "\n")
    except OSError:
        return False
    return True


def finished(code: int) -> int:
    """The exit code once all is written; ``lost`` where standard output takes it no more."""
    for stream in (sys.stderr, sys.stdout):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError) as error:
            _silence(stream)
            code = lost(code, error) if stream is sys.stdout else code
    return code


def lost(code: int, error: Exception) -> int:
    """The exit code of an answer that could not be written: that of its finding, else no success.

    A reader that closed its pipe wanted no more, as ``head`` does; a full disk lost an answer that was wanted.
    """
    if isinstance(error, BrokenPipeError):
        return code
    cause = why(error) if isinstance(error, OSError) else error
    with suppress(OSError, ValueError):
        write_text(sys.stderr, f"hefu: {say('cli.unwritten', cause=cause)}")
    return code or CANNOT_TELL


def _fits(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # it was closed before the start
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    stream.write(text + "\n")


def _silence(stream: TextIO) -> None:
    """Send the rest nowhere: at the exit Python would try again, and end in 120."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
