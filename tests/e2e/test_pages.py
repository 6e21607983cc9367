"""The pages: alike in both languages, short, plain, and leading somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.pages import DOCS, ENGLISH, OTHERS, PAGES, ROOT, blocks, chinese, commands, links, prose

from hefu.cli.main import MODULES

CHINESE = [chinese(page) for page in ENGLISH]
BOTH = [*PAGES, *CHINESE]
VAGUE = re.compile(r"\b(whatever|whoever|whichever|nobody|somebody|anybody)\b", re.IGNORECASE)
_LONGEST = 25  # words of a sentence
_FOREIGN = 4  # English words in a row that make a sentence, and no name


def heading_levels(page: Path) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", prose(page), re.MULTILINE)]


def table_rows(page: Path) -> list[int]:
    """The number of cells of each row."""
    return [line.count("|") for line in page.read_text("utf-8").splitlines() if line.startswith("|")]


def sentences(page: Path) -> list[str]:
    """The sentences of a page in English: of paragraphs, lists, and cells of tables."""
    text = re.sub(r"\]\([^)]*\)", "]", prose(page))
    parts = re.split(r"(?<=[.:;?!])[\s*)]+|\n\n|\n(?=[-|#<\d])|\|| · ", text)
    return [part for part in (" ".join(part.split()) for part in parts) if part]


@pytest.mark.parametrize("page", ENGLISH, ids=lambda page: page.stem)
def test_a_page_has_the_same_shape_in_both_languages(page: Path) -> None:
    other = chinese(page)
    assert page.read_text("utf-8").splitlines()[0] == f"[中文]({other.name})"
    assert other.read_text("utf-8").splitlines()[0] == f"[English]({page.name})"
    assert heading_levels(page) == heading_levels(other)
    assert table_rows(page) == table_rows(other)
    shown = [(block.language, block.not_run, commands(block)) for block in blocks(page, "sh", "python")]
    assert shown == [(block.language, block.not_run, commands(block)) for block in blocks(other, "sh", "python")]
    assert len(blocks(page)) == len(blocks(other))


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "README.zh-CN.md"], ids=lambda page: page.name)
def test_the_readme_is_short_and_its_first_screen_shows_both_commands(page: Path) -> None:
    lines = page.read_text("utf-8").splitlines()
    assert len(lines) <= 130
    screen = "\n".join(lines[:24])
    assert "| `make demo` |" in screen
    assert "| `make test` |" in screen


@pytest.mark.parametrize("page", BOTH, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_place_on_it(page: Path) -> None:
    assert [link for link in links(page) if not (page.parent / link).exists()] == []
    for link, place in re.findall(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)", page.read_text("utf-8")):
        text = (page.parent / link if link else page).read_text("utf-8")
        titles = {title.lower().replace(" ", "-") for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
        assert place in titles | set(re.findall(r'<a id="([^"]+)">', text)), (link, place)


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=lambda page: page.name)
def test_sentences_in_english_are_short(page: Path) -> None:
    assert [each for each in sentences(page) if len(each.split()) > _LONGEST] == []


@pytest.mark.parametrize("page", [*BOTH, *OTHERS], ids=lambda page: page.name)
def test_a_page_names_who_and_what_it_means(page: Path) -> None:
    assert VAGUE.findall(page.read_text("utf-8")) == []


@pytest.mark.parametrize("page", CHINESE, ids=lambda page: page.name)
def test_chinese_pages_hold_no_english_sentence(page: Path) -> None:
    text = re.sub(r"\]\([^)]*\)", "]", prose(page))
    assert re.findall(rf"(?:\b[A-Za-z]+[ ,;]+){{{_FOREIGN - 1},}}[A-Za-z]+", text) == []


def test_every_command_that_is_shown_exists() -> None:
    known = {tuple(name.split()) for name in MODULES}
    for page in BOTH:
        shown = [line.split() for block in blocks(page, "sh") for line in commands(block) if line.startswith("hefu ")]
        assert [words for words in shown if not known & {tuple(words[1:2]), tuple(words[1:3])}] == [], page


def test_a_block_that_no_test_runs_says_why() -> None:
    run = {page for page in ENGLISH if any(not block.not_run for block in blocks(page, "sh"))}
    assert run == {page for page in ENGLISH if blocks(page, "sh")}  # by test_page_commands.py
    for page in (*PAGES, *OTHERS):
        assert page in run or all(block.not_run for block in blocks(page, "sh")), page


def test_every_make_target_that_is_shown_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for page in BOTH:
        assert set(re.findall(r"`make ([a-z-]+)", page.read_text("utf-8"))) <= targets, page


def test_every_page_is_reached_from_the_readme() -> None:
    for readme in (ROOT / "README.md", ROOT / "README.zh-CN.md"):
        seen, waiting = set[Path](), [readme]
        while waiting:
            page = waiting.pop().resolve()
            if page not in seen and page.suffix in {".md", ".sh"} and page.exists():
                seen.add(page)
                waiting += [page.parent / link for link in links(page)] if page.suffix == ".md" else []
        assert set(DOCS.iterdir()) <= seen
