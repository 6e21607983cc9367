"""The report of a verification: one page that stands alone, holds every fact, and obeys nothing it shows."""

from __future__ import annotations

import re
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.clients.conftest import Firm
from tests.support.command_line import hefu
from tests.support.sample_ledger import LOG, POLICY, digests, sample

from hefu.evidence.report import Check, report_page
from hefu.evidence.verify import verify
from hefu.version import __version__
from hefu_ledger.deposit.evidence import format_evidence
from hefu_ledger.tlog.policy import format_policy
from hefu_ledger.verify.verdict import TITLES

AT = 1_767_250_800_000  # 2026-01-01T07:00:00.000Z
VOID = {"meta", "br"}


class Page(HTMLParser):
    """A page's tags, attributes and words; every tag must be closed in its turn."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [name for name, _ in attrs if name in ("src", "href", "action", "style", "onload")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return "\n".join(self.words)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Evidence, its document, another document and a policy; the current folder."""
    ledger = sample()
    (tmp_path / "e.json").write_bytes(format_evidence(ledger.evidence(1, 3, ledger.receipt(1, [1]))))
    (tmp_path / "document").write_bytes(b"formula 3")
    (tmp_path / "other").write_bytes(b"formula 4")
    (tmp_path / "policy.txt").write_text(format_policy(POLICY))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEFU_LANG", raising=False)
    return tmp_path


def page_of(document: str, policy: str | None = "policy.txt", evidence: str = "e.json") -> Page:
    verdict = verify(evidence, document, policy=POLICY if policy else None)
    return Page(report_page(verdict, Check(evidence, document, policy, AT)))


def test_a_report_has_every_fact_of_the_check(files: Path) -> None:
    text = page_of("document").text
    digest = digests(b"formula 3")
    assert digest.sm3 is not None
    for fact in (
        "核验一致 proven",
        "不晚于北京时间 2026-01-01 08:00:00.020，由运营者保证（无独立佐证）。",
        "Not later than 2026-01-01 00:00:00.020 UTC, by the operator's word alone.",
        "FX000000000001X",
        digest.sha256.hex(),
        digest.sm3.hex(),
        f"SHA-256 {sha256((files / 'e.json').read_bytes()).hexdigest()}",
        f"SHA-256 {sha256((files / 'policy.txt').read_bytes()).hexdigest()}",
        LOG.key.fingerprint,
        f"hefu {__version__}",
        "北京时间 2026-01-01 15:00:00.000",
        "2026-01-01 07:00:00.000 UTC",
        "hefu verify e.json document --policy policy.txt",
        *(" ".join(title) for title in TITLES.values()),
    ):
        assert fact in text, fact


@pytest.mark.usefixtures("files")
def test_a_report_stands_alone_and_runs_nothing() -> None:
    page = page_of("document")
    assert page.open == []
    assert page.links == []
    assert page.tags.isdisjoint({"script", "link", "img", "iframe", "object", "form", "a", "base"})
    verdict = verify("e.json", "document", policy=POLICY)
    raw = report_page(verdict, Check("e.json", "document", "policy.txt", AT))
    assert not re.search(r"https?:|url\(|@import", raw)
    assert "default-src 'none'" in raw


@pytest.mark.usefixtures("files")
def test_a_report_of_a_mismatch_has_both_hashes_and_no_time_of_the_deposit() -> None:
    text = page_of("other").text
    assert "这份文件不是存证的那份，或存证后被改动过" in text
    for data in (b"formula 3", b"formula 4"):
        assert sha256(data).hexdigest() in text
    assert "不晚于" not in text
    assert "2026-01-01 08:00:00.020" not in text.partition("收讫回执")[0]


@pytest.mark.usefixtures("files")
def test_a_report_without_a_policy_says_so() -> None:
    text = page_of("document", None).text
    assert "无法核验 cannot tell" in text
    assert "hefu verify e.json document\n" in f"{text}\n"


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("chosen", "absent"), [("zh", "proven"), ("en", "核验")])
def test_a_report_is_in_the_chosen_language_alone(monkeypatch: pytest.MonkeyPatch, chosen: str, absent: str) -> None:
    monkeypatch.setenv("HEFU_LANG", chosen)
    text = page_of("document").text
    assert absent not in text.replace("营业执照核验", "")


def test_a_name_can_be_no_part_of_the_page(files: Path) -> None:
    name = "<script>alert(1)<\\script>&\u202e\x1b\"'.txt"
    (files / name).write_bytes(b"formula 3")
    page = page_of(name)
    assert "script" not in page.tags
    assert "\u202e" not in page.text
    assert "<script>alert(1)<\\script>&\\u202e\\x1b\"'.txt" in page.text


def test_a_report_is_written_once_and_never_over_another_file(files: Path) -> None:
    words = ("verify", "e.json", "document", "--policy", "policy.txt", "--report", "r.html")
    hefu(*words)
    before = (files / "r.html").read_bytes()
    assert before.startswith(b"<!DOCTYPE html>")
    assert "r.html exists and stays as it is" in hefu(*words, expect=2).err
    assert (files / "r.html").read_bytes() == before


def test_a_report_is_written_of_a_mismatch_too_and_the_exit_code_stays(files: Path) -> None:
    words = ("verify", "e.json", "other", "--policy", "policy.txt", "--report", "r.html", "--json")
    assert hefu(*words, expect=1).json["verdict"] == "not proven"
    assert "核验不一致" in (files / "r.html").read_text("utf-8")


@pytest.mark.usefixtures("files")
def test_a_folder_has_a_report(firm: Firm, documents: Path) -> None:
    firm.deposit(documents)
    text = page_of(str(documents), evidence=str(firm.out / "documents.hefu.bundle")).text
    assert "文件夹里的 5 份文件就是存证的那些" in text
    assert "documents.hefu.bundle" in text
