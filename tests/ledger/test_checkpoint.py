"""Checkpoints: the text of a log's tree head, and what is not one."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case

from hefu_ledger.encoding import MAX_INTEGER, from_base64, to_base64
from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.checkpoint import Checkpoint, format_checkpoint, parse_checkpoint
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.note import Verified, format_note, parse_note, sign_note, verify_note

ROOT = "K7YmEfyGSf5CqyQC9fi4CIqymqkf43IbPjSMPDAcUmg="
EMPTY = to_base64(sha256(b"").digest())
TEXT = f"log.example/ledger\n70000\n{ROOT}\n"

lines = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"]), min_size=1)
checkpoints = st.builds(
    Checkpoint,
    lines,
    st.integers(1, MAX_INTEGER),
    st.binary(min_size=32, max_size=32),
    st.lists(lines, max_size=3).map(tuple),
)


def test_the_vector_of_70000_entries_comes_out_byte_for_byte() -> None:
    signer = Ed25519Signer("log.example/ledger", sha256(b"seed").digest())
    text = format_checkpoint(Checkpoint("log.example/ledger", 70000, from_base64(ROOT)))
    data = format_note(sign_note(text, [signer]))
    line = "gwP6VDKxsCfO3lu0GJQ14UYeb8ZiAqXMUjBL2AIoAwSeYbKXjdk9IpFICwsaTT1i/tJ7ml+aVizDA/A3eG+z+k+bRAs="
    assert data.decode() == f"{TEXT}\n— log.example/ledger {line}\n"
    assert sha256(data).hexdigest() == "c63959db99bc62f09a2147fd7472654e88ed446ffa4ef0409248230a3e18f920"
    assert verify_note(parse_note(data), [signer.key]) == ([Verified(signer.key, None)], [])


def test_the_checkpoint_of_the_specification_reads() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    checkpoint = parse_checkpoint(text)
    assert checkpoint[:2] == ("example.com/behind-the-sofa", 20852163)
    assert format_checkpoint(checkpoint) == text


@given(checkpoints)
def test_every_checkpoint_reads_back(checkpoint: Checkpoint) -> None:
    assert parse_checkpoint(format_checkpoint(checkpoint)) == checkpoint


@given(st.integers(0, len(TEXT)), st.text(max_size=2), st.integers(0, 2))
def test_a_changed_text_is_refused_or_means_something_else(at: int, new: str, cut: int) -> None:
    changed = TEXT[:at] + new + TEXT[at + cut :]
    try:
        checkpoint = parse_checkpoint(changed)
    except MalformedError:
        return
    assert format_checkpoint(checkpoint) == changed
    assert (checkpoint == parse_checkpoint(TEXT)) == (changed == TEXT)


@every_case(
    "size",
    [
        "",
        "+42",
        "042",
        " 42",
        "42 ",
        "-1",
        "00",
        "4_2",
        "0x2a",
        "4.2",
        "1e3",
        "\uff14\uff12",
        "\u0664\u0662",
        str(2**53),
        "9" * 5000,
    ],
)
def test_a_size_that_is_not_a_plain_decimal_is_refused(size: str) -> None:
    with pytest.raises(MalformedError):
        parse_checkpoint(f"origin\n{size}\n{ROOT}\n")


@every_case(
    "root",
    [
        "",
        ROOT[:-1],
        ROOT + "=",
        " " + ROOT,
        ROOT.replace("mg=", "mh="),
        to_base64(bytes(31)),
        to_base64(bytes(33)),
        "A" * 5000,
    ],
)
def test_a_root_that_is_not_32_bytes_in_canonical_base64_is_refused(root: str) -> None:
    with pytest.raises(MalformedError):
        parse_checkpoint(f"origin\n42\n{root}\n")


@every_case(
    ("defect", "text"),
    [
        ("empty", ""),
        ("only line feeds", "\n\n\n"),
        ("origin alone", "origin\n"),
        ("no root", "origin\n42\n"),
        ("no final line feed", f"origin\n42\n{ROOT}"),
        ("no final line feed after an extension", f"origin\n42\n{ROOT}\nextension"),
        ("empty origin", f"\n42\n{ROOT}\n"),
        ("empty extension", f"origin\n42\n{ROOT}\n\n"),
        ("empty extension before another", f"origin\n42\n{ROOT}\n\nextension\n"),
        ("carriage returns", f"origin\r\n42\r\n{ROOT}\r\n"),
        ("carriage return in the origin", f"origin\r\n42\n{ROOT}\n"),
        ("control character in an extension", f"origin\n42\n{ROOT}\na\tb\n"),
        ("other line ends", f"origin\u202842\u2028{ROOT}\u2028"),
    ],
)
def test_a_malformed_checkpoint_is_refused(defect: str, text: str) -> None:
    assert text != TEXT, defect
    with pytest.raises(MalformedError):
        parse_checkpoint(text)


def test_an_empty_log_has_the_root_of_the_empty_tree_and_no_other() -> None:
    assert parse_checkpoint(f"origin\n0\n{EMPTY}\n").size == 0
    with pytest.raises(MalformedError, match="size 0"):
        parse_checkpoint(f"origin\n0\n{ROOT}\n")
    with pytest.raises(MalformedError, match="size 0"):
        format_checkpoint(Checkpoint("origin", 0, bytes(32)))


def test_extension_lines_are_kept() -> None:
    assert parse_checkpoint(TEXT + "a\nb c\n").extensions == ("a", "b c")


def test_an_origin_or_extension_of_several_lines_is_not_written() -> None:
    root = from_base64(ROOT)
    for checkpoint in (
        Checkpoint(f"origin\n1\n{ROOT}", 42, root),  # would be read as a tree of size 1
        Checkpoint("origin", 42, root, ("a\nb",)),
        Checkpoint("origin", 42, root, ("",)),
        Checkpoint("", 42, root),
        Checkpoint("origin", -1, root),
        Checkpoint("origin", 42, root[1:]),
    ):
        with pytest.raises(MalformedError):
            format_checkpoint(checkpoint)
