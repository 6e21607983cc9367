"""``hefu check`` says of every original whether it is as deposited, and reads only what may have changed."""

from __future__ import annotations

import os
import random
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from tests.clients.conftest import Firm
from tests.support.cases import every_case
from tests.support.command_line import Ran, hefu

from hefu.client import Client
from hefu.errors import ClientError
from hefu.evidence.verify import verify
from hefu.files.document import digest_document
from hefu.files.ignore import FILE, FOLDERS, NAMES, built_in, read_rule
from hefu.folders.status import survey
from hefu.home.index import Index
from hefu_ledger.digest import Digests
from hefu_ledger.verify.verdict import CANNOT_TELL, PROVEN

LONG_AGO = 1_700_000_000


@pytest.fixture
def rested(documents: Path) -> Path:
    """The documents, last written long ago."""
    rest(documents)
    return documents


def rest(folder: Path) -> None:
    for path in folder.rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO))


@pytest.fixture
def deposited(firm: Firm, rested: Path) -> Firm:
    """The firm, with the documents deposited."""
    with Client(firm.home.path) as client:
        client.deposit([str(rested)], out=str(firm.out))
    firm.double.requests.clear()
    return firm


@pytest.fixture
def index(deposited: Firm) -> Iterator[Index]:
    with Index(deposited.home.path) as opened:
        yield opened


def check(firm: Firm, folder: Path, *words: object, expect: int = 0) -> Ran:
    return hefu("check", folder, "--home", firm.home.path, "--json", *words, expect=expect)


def test_a_folder_as_it_was_deposited_is_intact(deposited: Firm, documents: Path) -> None:
    found = check(deposited, documents).json
    assert (found["intact"], found["read"], found["skipped"]) == (5, 5, 0)
    assert deposited.double.requests == []


def test_each_kind_of_trouble_is_named_and_exits_1(deposited: Firm, documents: Path) -> None:
    (documents / "0.txt").write_bytes(b"document 9")  # of the same length
    (documents / "1.txt").unlink()
    (documents / "new.txt").write_bytes(b"new")
    (documents / "2.txt").rename(documents / "配方" / "renamed.txt")
    (documents / "pipe").symlink_to("0.txt")
    found = check(deposited, documents, expect=1).json
    assert (found["changed"], found["missing"], found["not_deposited"]) == (["0.txt"], ["1.txt"], ["new.txt"])
    assert found["moved"] == [{"name": "配方/renamed.txt", "was": "2.txt"}]
    assert [problem["path"] for problem in found["unreadable"]] == ["pipe"]
    assert found["intact"] == 3
    text = hefu("check", documents, "--home", deposited.home.path, expect=1).out
    for said in ("changed since it was deposited: 1 ", "missing: 1 ", "not deposited: 1 ", "moved", "not readable: 1 "):
        assert said in text


@pytest.mark.parametrize("trouble", ["changed", "missing", "new"])
def test_one_kind_of_trouble_alone_exits_1(deposited: Firm, documents: Path, trouble: str) -> None:
    if trouble == "changed":
        (documents / "0.txt").write_bytes(b"x")
    elif trouble == "missing":
        (documents / "0.txt").unlink()
    else:
        (documents / "new").write_bytes(b"new")
    check(deposited, documents, expect=1)


def test_a_document_that_was_moved_or_copied_is_no_trouble(deposited: Firm, documents: Path) -> None:
    (documents / "0.txt").rename(documents / "9.txt")
    (documents / "copy.txt").write_bytes(b"document 1")
    found = check(deposited, documents).json
    assert (found["intact"], found["moved"]) == (5 + 1, [{"name": "9.txt", "was": "0.txt"}])


def test_an_earlier_version_that_was_deposited_is_intact(deposited: Firm, documents: Path) -> None:
    first = (documents / "0.txt").read_bytes()
    (documents / "0.txt").write_bytes(b"later")
    hefu("deposit", "--home", deposited.home.path, documents / "0.txt", "--out", deposited.out, "--wait")
    check(deposited, documents)
    (documents / "0.txt").write_bytes(first)
    check(deposited, documents)


def test_a_part_of_the_folder_can_be_checked_alone(deposited: Firm, documents: Path) -> None:
    (documents / "0.txt").unlink()
    assert check(deposited, documents / "配方").json["intact"] == 2
    (documents.parent / "documents2").mkdir()  # sorts right behind, and is another folder
    assert check(deposited, documents.parent / "documents2").json["intact"] == 0


def test_the_second_run_reads_only_what_changed_and_says_what_it_skipped(deposited: Firm, documents: Path) -> None:
    check(deposited, documents)
    (documents / "0.txt").write_bytes(b"document 9")
    found = check(deposited, documents, expect=1).json
    assert (found["read"], found["skipped"]) == (1, 4)
    assert found["changed"] == ["0.txt"]
    text = hefu("check", documents, "--home", deposited.home.path, expect=1).out
    assert "not read again since size and time are the same 4" in text


def test_a_change_that_hides_behind_size_and_times_is_found_by_content(index: Index, documents: Path) -> None:
    survey(index, str(documents))
    (documents / "0.txt").write_bytes(b"document 9")
    os.utime(documents / "0.txt", (LONG_AGO, LONG_AGO))
    status = (documents / "0.txt").stat()
    reading = index.readings(str(documents))["0.txt"]._replace(ctime_ns=status.st_ctime_ns)
    index.remember(str(documents), [("0.txt", reading)])
    assert survey(index, str(documents)).changed == []
    found = survey(index, str(documents), content=True)
    assert (found.changed, found.read, found.skipped) == (["0.txt"], 5, 0)


def test_setting_the_time_back_does_not_hide_a_change(index: Index, documents: Path) -> None:
    survey(index, str(documents))
    while True:  # until the clock of the file system has moved on
        (documents / "0.txt").write_bytes(b"document 9")
        os.utime(documents / "0.txt", (LONG_AGO, LONG_AGO))
        if (documents / "0.txt").stat().st_ctime_ns != index.readings(str(documents))["0.txt"].ctime_ns:
            break
    assert survey(index, str(documents)).changed == ["0.txt"]


def test_a_file_written_just_now_is_read_again(index: Index, documents: Path) -> None:
    """Another write within the grain of its time stamp would look like no write at all."""
    os.utime(documents / "0.txt", (time.time(), time.time()))
    survey(index, str(documents))
    assert "0.txt" not in index.readings(str(documents))
    assert survey(index, str(documents)).read == 1


def test_an_interrupted_run_was_not_in_vain(index: Index, documents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [3]

    def interrupt(path: str, tell: Callable[[int], None]) -> Digests:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return digest_document(path, tell)

    with monkeypatch.context() as patch:
        patch.setattr("hefu.folders.status.digest_document", interrupt)
        with pytest.raises(KeyboardInterrupt):
            survey(index, str(documents))
    assert survey(index, str(documents)).skipped == 3


def many(folder: Path, count: int) -> None:
    """Make ``count`` small files that were last written long ago."""
    for number in range(count):
        path = folder / f"{number % 100:02}" / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % number)
    rest(folder)


@pytest.mark.parametrize("count", [2000, pytest.param(200_000, marks=pytest.mark.soak)])
def test_half_of_a_large_folder_unchanged_is_not_read_again(firm: Firm, count: int) -> None:
    folder, out = firm.folder / "many", firm.out
    many(folder, count)
    words = ("watch", folder, "--home", firm.home.path, "--out", out, "--once", "--wait", "--json")
    first = hefu(*words).json
    assert (first["new"], first["read"], first["skipped"]) == (count, count, 0)
    for number in range(0, count, 2):
        path = folder / f"{number % 100:02}" / f"{number}.txt"
        path.write_bytes(b"changed %d" % number)
        os.utime(path, (LONG_AGO, LONG_AGO))
    second = hefu(*words).json
    assert (second["changed"], second["intact"]) == (count // 2, count // 2)
    assert (second["read"], second["skipped"]) == (count // 2, count // 2)
    (folder / "00" / "0.txt").write_bytes(b"again")
    third = hefu(*words).json
    assert (third["changed"], third["read"], third["skipped"]) == (1, 1, count - 1)
    assert third["deposited"]["documents"] == 1


def test_what_is_kept_is_read_only_and_verifies_as_the_folder_did(deposited: Firm, documents: Path) -> None:
    kept = deposited.folder / "kept"
    assert check(deposited, documents, "--keep", kept).json["copied"] == 5
    for path in (documents / "0.txt", documents / "配方" / "large"):
        path.write_bytes(b"ruined")
    (deposit,) = kept.iterdir()
    assert stat.S_IMODE((deposit / "0.txt").stat().st_mode) == 0o400
    assert stat.S_IMODE(deposit.stat().st_mode) == stat.S_IMODE(kept.stat().st_mode) == 0o700
    bundle = deposited.out / "documents.hefu.bundle"
    assert verify(str(bundle), str(deposit), policy=deposited.home.policy).verdict == PROVEN
    assert check(deposited, documents, "--keep", kept, expect=1).json["copied"] == 0


def test_a_kept_copy_that_was_changed_is_named_and_left(deposited: Firm, documents: Path) -> None:
    kept = deposited.folder / "kept"
    check(deposited, documents, "--keep", kept)
    (copy,) = kept.glob("*/0.txt")
    copy.chmod(0o600)
    copy.write_bytes(b"tampered w")
    checked = check(deposited, documents, "--keep", kept, expect=1)
    assert "no longer what was deposited" in str(checked.json)
    assert copy.read_bytes() == b"tampered w"


def test_what_changed_since_it_was_checked_is_not_kept(
    deposited: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hefu.folders import copies  # noqa: PLC0415 -- to be patched

    real, kept = copies._copy, deposited.folder / "kept"

    def change(path: str, copy: str, digest: bytes) -> None:
        if path.endswith("0.txt"):
            Path(path).write_bytes(b"document 9")
        real(path, copy, digest)

    monkeypatch.setattr(copies, "_copy", change)
    found = check(deposited, documents, "--keep", kept, expect=1).json
    assert found["copied"] == 4
    assert "it changed since it was checked" in found["unreadable"][0]["cause"]
    assert sorted(path.name for path in kept.rglob("*") if path.is_file()) == ["1.txt", "2.txt", "empty", "large"]


@every_case(
    ("patterns", "name", "ignored"),
    [
        ([], "~$contract.docx", True),
        ([], "a/.~lock.contract.odt#", True),
        ([], "a/.git/config", True),
        ([], "git/config", False),
        ([], ".hefuignore", True),
        (["*.bak"], "a/b.bak", True),
        (["*.bak"], "b.bak/c", True),
        (["cache/"], "cache", False),
        (["cache/"], "a/cache/b", True),
        (["/build/"], "build/x", True),
        (["/build/"], "a/build/x", False),
        (["a/*.log"], "a/x.log", True),
        (["a/*.log"], "b/x.log", False),
        (["配方?.txt"], "配方1.txt", True),
        (["x"], "xy", False),
        (["*.log", "!keep.log"], "a/keep.log", False),
        (["*.log", "!keep.log"], "a/other.log", True),
        (["a/**/z"], "a/b/c/z", True),
        (["!*.tmp"], "draft.tmp", False),
        (["\\!x"], "!x", True),
        (["*", "!*/", "!*.txt"], "a/b/c.txt", False),
        (["*", "!*/", "!*.txt"], "a/b/c.doc", True),
        (["a/", "!a/b"], "a/b", True),
        (["# note", "", "x "], "x", True),
    ],
)
def test_a_rule_ignores_the_files_it_names_and_no_others(
    tmp_path: Path, patterns: list[str], name: str, ignored: bool
) -> None:
    (tmp_path / FILE).write_text("\n".join(patterns), "utf-8")
    assert read_rule(str(tmp_path))(name) == ignored


PATTERNS = [
    "*.log",
    "/a",
    "b/",
    "!c",
    "a/**/b",
    "**/c",
    "a/*",
    "!a/b",
    "[ab]?",
    "\\#x",
    "x*y",
    "配方*",
    "a\\ ",
    "!*/",
    "a/**",
    "*",
]
WORDS = ["a", "b", "c", "ab", "x.log", "#x", "xzy", "配方一", "a "]


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_rules_are_those_of_git(tmp_path: Path) -> None:
    drawn, wrong = random.Random(0), list[object]()
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for _ in range(60):
        patterns = drawn.sample(PATTERNS, drawn.randint(1, 5))
        names = sorted({"/".join(drawn.choices(WORDS, k=drawn.randint(1, 4))) for _ in range(60)})
        for file in (FILE, ".gitignore"):
            (tmp_path / file).write_text("\n".join(patterns), "utf-8")
        asked = "\0".join(names)
        command = ["git", "-C", str(tmp_path), "check-ignore", "--no-index", "--stdin", "-z"]
        answer = subprocess.run(command, input=asked, capture_output=True, text=True, check=False).stdout
        ignored = read_rule(str(tmp_path))
        found = {name for name in names if ignored(name)}
        if found != set(filter(None, answer.split("\0"))):
            wrong.append((patterns, found ^ set(filter(None, answer.split("\0")))))
    assert wrong == []


def test_the_built_in_rules_are_the_same_with_and_without_a_file_of_rules(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("nothing-of-this-name", "utf-8")
    ignored = read_rule(str(tmp_path))
    words = [*(name.replace("*", "x") for name in (*NAMES, *FOLDERS)), "document", "tmp", "x.tmp.docx"]
    paths = ["/".join(pair) for pair in product(words, repeat=2)] + words
    assert [path for path in paths if ignored(path) != built_in(path)] == []


def test_ignored_files_are_counted_and_neither_new_nor_missing(deposited: Firm, documents: Path) -> None:
    (documents / ".hefuignore").write_text("# notes\n\n*.log\n1.txt\n")
    (documents / "a.log").write_text("x")
    (documents / "1.txt").unlink()
    found = check(deposited, documents).json
    assert (found["ignored"], found["intact"]) == (2, 4)


def test_rules_that_are_not_understood_are_refused(tmp_path: Path) -> None:
    (tmp_path / ".hefuignore").write_text("*.log\n!\n")
    with pytest.raises(ClientError, match=r"not of .gitignore's grammar: '!'"):
        read_rule(str(tmp_path))
    (tmp_path / ".hefuignore").write_bytes("配方".encode("gbk"))
    with pytest.raises(ClientError, match="save it as UTF-8"):
        read_rule(str(tmp_path))


def test_what_is_no_folder_is_refused(deposited: Firm, documents: Path) -> None:
    assert "is not a folder" in check(deposited, documents / "0.txt", expect=2).json["error"]


def deposit(firm: Firm, path: Path, *words: str) -> dict[str, Any]:
    ran = hefu("deposit", path, "--home", firm.home.path, "--out", firm.out, "--wait", "--json", *words, expect=0)
    (item,) = ran.json["deposits"]
    return dict(item)


@pytest.mark.parametrize("flags", [(), ("--offline",)])
def test_a_deposit_leaves_out_and_names_the_files_that_rules_ignore(
    firm: Firm, documents: Path, flags: tuple[str, ...]
) -> None:
    for name in ("~$0.docx", "a.log", "x.tmp"):
        (documents / name).write_text("x")
    (documents / FILE).write_text("*.log\n!x.tmp\n")
    item = deposit(firm, documents, *flags)
    assert {each["path"] for each in item["left_out"]} == {"~$0.docx", "a.log", FILE}
    assert item["documents"] == 6


def test_no_ignore_deposits_every_file_of_a_folder(firm: Firm, documents: Path) -> None:
    (documents / "~$0.docx").write_text("x")
    (documents / FILE).write_text("*.txt\n")
    item = deposit(firm, documents, "--no-ignore")
    assert (item["documents"], item["left_out"]) == (7, [])


def test_a_file_that_is_named_is_deposited_by_any_name(firm: Firm, documents: Path) -> None:
    (documents / "draft.tmp").write_text("x")
    item = deposit(firm, documents / "draft.tmp")
    assert (item["documents"], item["left_out"]) == (1, [])


def test_a_folder_is_proven_beside_lock_files_which_are_named(firm: Firm, documents: Path) -> None:
    (documents / "~$0.docx").write_text("x")
    item = deposit(firm, documents)
    verdict = verify(item["evidence"], str(documents), policy=firm.home.policy)
    assert verdict.verdict == PROVEN
    assert (verdict.steps[1].code, verdict.facts["ignored"]) == ("documents-beside", ["~$0.docx"])


def test_a_folders_own_rules_hide_no_document_from_a_verifier(firm: Firm, documents: Path) -> None:
    item = deposit(firm, documents)
    (documents / "added.txt").write_text("never deposited")
    (documents / FILE).write_text("added.txt\n")
    verdict = verify(item["evidence"], str(documents), policy=firm.home.policy)
    assert (verdict.verdict, verdict.facts["uncovered"]) == (CANNOT_TELL, ["added.txt"])
