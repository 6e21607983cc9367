"""``hefu check`` says of every original whether it is as deposited, and reads only what may have changed."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.clients.conftest import Firm
from tests.support.cases import every_case
from tests.support.command_line import Ran, hefu

from hefu.client import Client
from hefu.evidence.verify import verify
from hefu.files.document import digest_document
from hefu.folders.ignore import ALWAYS, Rules, read_rules
from hefu.folders.status import survey
from hefu.home.index import Index
from hefu_ledger.digest import Digests
from hefu_ledger.verify.verdict import PROVEN

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
    ],
)
def test_what_a_rule_names_is_ignored_and_nothing_else(patterns: list[str], name: str, ignored: bool) -> None:
    assert Rules([*ALWAYS, *patterns]).ignored(name) == ignored


def test_ignored_files_are_counted_and_neither_new_nor_missing(deposited: Firm, documents: Path) -> None:
    (documents / ".hefuignore").write_text("# notes\n\n*.log\n1.txt\n")
    (documents / "a.log").write_text("x")
    (documents / "1.txt").unlink()
    found = check(deposited, documents).json
    assert (found["ignored"], found["intact"]) == (2, 4)


def test_rules_that_are_not_understood_are_refused(tmp_path: Path) -> None:
    (tmp_path / ".hefuignore").write_text("!keep\n")
    with pytest.raises(Exception, match="exceptions are not known"):
        read_rules(str(tmp_path))
    (tmp_path / ".hefuignore").write_bytes("配方".encode("gbk"))
    with pytest.raises(Exception, match="save it as UTF-8"):
        read_rules(str(tmp_path))


def test_what_is_no_folder_is_refused(deposited: Firm, documents: Path) -> None:
    assert "is not a folder" in check(deposited, documents / "0.txt", expect=2).json["error"]
