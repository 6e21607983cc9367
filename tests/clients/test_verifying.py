"""Verifying with files: a folder against its bundle, and single evidence cut out of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.clients.conftest import Firm
from tests.support.command_line import hefu
from tests.support.sample_ledger import LOG, POLICY

from hefu.errors import ClientError
from hefu.evidence.bundle import Owner, write_cards
from hefu.evidence.extract import extract
from hefu.evidence.inspect import inspect
from hefu.evidence.verify import read_policy, verify
from hefu.files.document import UnreadableError
from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.policy import format_policy
from hefu_ledger.verify.verdict import CANNOT_TELL, NOT_PROVEN, PROVEN, Verdict

NAMES = ["0.txt", "1.txt", "2.txt", "配方/empty", "配方/large"]


@pytest.fixture
def bundle(firm: Firm, documents: Path) -> Path:
    firm.deposit(documents)
    return firm.out / "documents.hefu.bundle"


def failed(verdict: Verdict) -> list[int]:
    return [step.step for step in verdict.steps if step.outcome in ("failed", "cannot")]


def change(folder: Path) -> None:
    (folder / "0.txt").write_bytes(b"document X")


def lengthen(folder: Path) -> None:
    (folder / "配方" / "empty").write_bytes(b"x")


def remove(folder: Path) -> None:
    (folder / "1.txt").unlink()


def link(folder: Path) -> None:
    (folder / "1.txt").rename(folder.parent / "1.txt")
    (folder / "1.txt").symlink_to("../1.txt")


def add(folder: Path) -> None:
    (folder / "new").write_bytes(b"")


def add_link(folder: Path) -> None:
    (folder / "a link").symlink_to("0.txt")


def add_pipe(folder: Path) -> None:
    os.mkfifo(folder / "a pipe")


def add_odd_name(folder: Path) -> None:
    (folder / os.fsdecode(b"\xff")).write_bytes(b"")


def link_folder(folder: Path) -> None:
    (folder / "配方").rename(folder.parent / "elsewhere")
    (folder / "配方").symlink_to("../elsewhere")


@pytest.mark.parametrize(
    ("edit", "verdict", "said"),
    [
        (change, NOT_PROVEN, "0.txt: SHA-256"),
        (lengthen, NOT_PROVEN, "配方/empty: SHA-256: expected e3b0c44298fc"),
        (remove, CANNOT_TELL, "'1.txt'"),
        (link, CANNOT_TELL, "symbolic link"),
        (add, CANNOT_TELL, "'new'"),
        (add_link, CANNOT_TELL, "'a link'"),
        (add_pipe, CANNOT_TELL, "'a pipe'"),
        (add_odd_name, CANNOT_TELL, "xff'"),
        (link_folder, CANNOT_TELL, "配方/empty (a symbolic link"),
    ],
)
def test_a_folder_that_is_not_what_was_deposited_is_told_at_step_2(
    bundle: Path, documents: Path, edit: Callable[[Path], None], verdict: str, said: str
) -> None:
    assert verify(str(bundle), str(documents), policy=POLICY).verdict == PROVEN
    edit(documents)
    found = verify(str(bundle), str(documents), policy=POLICY)
    assert (found.verdict, failed(found)) == (verdict, [2])
    assert said in found.steps[1].found


def test_a_file_that_cannot_be_read_is_not_covered(
    bundle: Path, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (documents / "secret").write_bytes(b"")
    monkeypatch.setattr("os.access", lambda path, _: not path.endswith("secret"))
    found = verify(str(bundle), str(documents), policy=POLICY)
    assert (found.verdict, found.facts["uncovered"]) == (CANNOT_TELL, ["secret"])


def test_verifying_says_nothing_of_depositing(bundle: Path, documents: Path, tmp_path: Path) -> None:
    (path,) = extract(str(bundle), str(tmp_path / "single"), ["0.txt"])
    for edit in (link, add_link, add_pipe, add_odd_name, link_folder):
        edit(documents)
    said = hefu("verify", bundle, documents, expect=3)
    assert "cannot be deposited" not in said.out + said.err
    said = hefu("verify", path, documents, expect=3)
    assert "cannot be deposited" not in said.out + said.err


def test_two_documents_of_one_name_are_malformed(bundle: Path, documents: Path, tmp_path: Path) -> None:
    bundle.write_bytes(bundle.read_bytes().replace(b'{"name":"1.txt"}', b'{"name":"0.txt"}'))
    with pytest.raises(MalformedError, match=r"two documents are named '0\.txt'"):
        verify(str(bundle), str(documents), policy=POLICY)
    with pytest.raises(MalformedError, match=r"two documents are named '0\.txt'"):
        extract(str(bundle), str(tmp_path / "single"))


def test_evidence_that_would_lie_where_a_folder_must_is_refused_before_anything_is_written(
    firm: Firm, tmp_path: Path
) -> None:
    folder = tmp_path / "clash"
    (folder / "x.hefu.json").mkdir(parents=True)
    for name in ("a", "x", "x.hefu.json/y"):
        (folder / name).write_bytes(b"")
    firm.deposit(folder)
    words = (str(firm.out / "clash.hefu.bundle"), str(tmp_path / "single"))
    with pytest.raises(ClientError, match=r"x\.hefu\.json/y"):
        extract(*words)
    assert not (tmp_path / "single").exists()
    assert len(extract(*words, ["a", "x.hefu.json/y"])) == 2


def test_every_document_that_differs_counts_but_three_are_shown(bundle: Path, documents: Path) -> None:
    for name in NAMES:
        (documents / name).write_bytes(b"other")
    assert verify(str(bundle), str(documents), policy=POLICY).steps[1].found.endswith("(+2)")


def test_every_changed_byte_of_a_bundle_is_noticed(bundle: Path, documents: Path, tmp_path: Path) -> None:
    """A line that does not count, such as one of the log's two, is said; else nothing is proven any more."""
    whole = bundle.read_bytes()
    changed = tmp_path / "changed"
    before = verify(str(bundle), str(documents), policy=POLICY).steps
    for place in range(0, len(whole), 23):
        data = bytearray(whole)
        data[place] ^= 1
        changed.write_bytes(data)
        try:
            verdict = verify(str(changed), str(documents), policy=POLICY)
        except (MalformedError, UnreadableError):  # it may not even look like a bundle any more
            continue
        assert verdict.verdict != PROVEN or verdict.steps[9].outcome == "noted" != before[9].outcome, f"byte {place}"


@pytest.mark.parametrize("cut", [1, 100, 1000, -1])
def test_a_bundle_cut_short_is_malformed_not_wrong(bundle: Path, documents: Path, cut: int) -> None:
    bundle.write_bytes(b'{"count":' if cut == 1 else bundle.read_bytes()[:cut])
    with pytest.raises(MalformedError):
        verify(str(bundle), str(documents), policy=POLICY)


def test_anything_after_the_receipt_is_refused(bundle: Path, documents: Path) -> None:
    bundle.write_bytes(bundle.read_bytes() + b"\n")
    with pytest.raises(MalformedError, match="follows the receipt"):
        verify(str(bundle), str(documents), policy=POLICY)


def test_a_bundle_is_verified_against_a_folder(bundle: Path, documents: Path) -> None:
    with pytest.raises(MalformedError, match="is not a folder"):
        verify(str(bundle), str(documents / "0.txt"), policy=POLICY)


def test_cards_of_another_depositor_are_found_out_at_step_4(
    firm: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hefu.deposit.pending.write_cards", partial(as_another, write_cards))
    firm.deposit(documents)
    found = verify(str(firm.out / "documents.hefu.bundle"), str(documents), policy=POLICY)
    assert (found.verdict, failed(found)) == (NOT_PROVEN, [4])


def as_another(real: Callable[..., bytes], *values: object, owner: Owner, **options: object) -> bytes:
    return real(*values, owner=owner._replace(depositor="beta"), **options)


def test_without_a_policy_nothing_is_proven(bundle: Path, documents: Path) -> None:
    found = verify(str(bundle), str(documents), policy=None)
    assert (found.verdict, failed(found)) == (CANNOT_TELL, [1, 10])
    assert found.steps[0].values == {"fingerprint": LOG.key.fingerprint}


def test_a_policy_may_hold_any_bytes_in_its_comments(tmp_path: Path) -> None:
    (tmp_path / "policy").write_bytes("# 策略".encode("gbk") + b"\n" + format_policy(POLICY).encode())
    assert read_policy(str(tmp_path / "policy")) == POLICY


def test_each_extracted_document_verifies_alone_and_keeps_its_place(
    bundle: Path, documents: Path, tmp_path: Path
) -> None:
    paths = extract(str(bundle), str(tmp_path / "single"))
    assert paths == [f"{tmp_path}/single/{name}.hefu.json" for name in NAMES]
    for name, path in zip(NAMES, paths, strict=True):
        assert verify(path, str(documents / name), policy=POLICY).verdict == PROVEN
        other = documents / NAMES[NAMES.index(name) - 1]
        assert failed(verify(path, str(other), policy=POLICY)) == [2]


def test_an_extracted_document_tells_nothing_of_the_others(bundle: Path, tmp_path: Path) -> None:
    (path,) = extract(str(bundle), str(tmp_path), ["0.txt"])
    data = Path(path).read_bytes()
    seed = bundle.read_bytes().split(b"\n")[0].split(b'"')[-2]
    assert [secret for secret in (seed, b"1.txt", "配方".encode()) if secret in data] == []


def test_extracting_again_changes_nothing_and_never_overwrites(bundle: Path, tmp_path: Path) -> None:
    (path,) = extract(str(bundle), str(tmp_path), ["0.txt"])
    before = Path(path).stat()
    assert extract(str(bundle), str(tmp_path), ["0.txt"]) == [path]
    assert Path(path).stat().st_ino == before.st_ino
    Path(path).write_bytes(b"other")
    with pytest.raises(ClientError, match="holds other evidence"):
        extract(str(bundle), str(tmp_path), ["0.txt"])
    assert Path(path).read_bytes() == b"other"


def test_a_document_that_is_not_in_the_bundle_is_named_and_nothing_is_written(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=r"no document named '0\.TXT', 'nothing'"):
        extract(str(bundle), str(tmp_path / "single"), ["0.txt", "nothing", "0.TXT"])
    assert not (tmp_path / "single").exists()


def test_nothing_is_extracted_from_a_bundle_whose_cards_were_changed(bundle: Path, tmp_path: Path) -> None:
    bundle.write_bytes(bundle.read_bytes().replace(b'{"name":"0.txt"}', b'{"name":"9.txt"}'))
    with pytest.raises(MalformedError, match="cards are not those"):
        extract(str(bundle), str(tmp_path / "single"))
    assert not (tmp_path / "single").exists()


@pytest.mark.parametrize("name", ["../escape", "/escape", "a/../../escape"])
def test_a_name_that_leads_out_of_the_folder_is_refused(
    bundle: Path, documents: Path, tmp_path: Path, name: str
) -> None:
    bundle.write_bytes(bundle.read_bytes().replace(b'{"name":"0.txt"}', b'{"name":"%b"}' % name.encode()))
    with pytest.raises(MalformedError, match="relative path"):
        extract(str(bundle), str(tmp_path / "single"))
    with pytest.raises(MalformedError, match="relative path"):
        verify(str(bundle), str(documents), policy=POLICY)


def test_inspecting_says_that_nothing_was_verified(bundle: Path, tmp_path: Path) -> None:
    (path,) = extract(str(bundle), str(tmp_path), ["配方/large"])
    for evidence, kind in ((str(bundle), "bundle"), (path, "evidence")):
        said = inspect(evidence)
        assert (said["verified"], said["kind"]) == (False, kind)
        assert (said["depositor"], said["declared_count"]) == ("acme", 5)
        assert said["number"] == "FX000000000000N"
        assert said["times"]["received_at"][1] == "the service"
    assert inspect(path)["card"]["label"] == {"name": "配方/large"}


def test_a_reader_of_chinese_meets_no_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEFU_LANG", "zh")
    cut, document = tmp_path / "cut.hefu.json", tmp_path / "document"
    cut.write_text('{"cut')
    document.write_text("x")
    said = [hefu("verify", cut, document, expect=3).out, hefu("verify", document, document, expect=3).err]
    for text in said:
        assert "无法核验" in text
        for english in ("cannot", "Unterminated", "JSON:"):
            assert english not in text
