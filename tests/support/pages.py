"""The project's pages for people: where they lie, their parts, and the commands that they show."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
ENGLISH = (
    ROOT / "README.md",
    ROOT / "deploy" / "RUNBOOK.md",
    *(DOCS / f"{name}.md" for name in ("design", "enterprise", "verifier", "auditor", "operator", "developer")),
)
PAGES = (*ENGLISH, ROOT / "CONTRIBUTING.md")
OTHERS = (
    *(ROOT / name for name in ("SECURITY.md", "CHANGELOG.md")),
    *(ROOT / "deploy" / name for name in ("SCALING.md", "RELIABILITY.md")),
)
_FENCE = re.compile(r"(?:<!-- not run: (.+?) -->\n)?```(\w+)\n(.*?)```", re.DOTALL)


class Block(NamedTuple):
    """A fenced block: its language, its text, and the reason for which no test runs it."""

    language: str
    text: str
    not_run: str


def chinese(page: Path) -> Path:
    """The same page in Chinese."""
    return page.with_name(f"{page.stem}.zh-CN.md")


def blocks(page: Path, *languages: str) -> list[Block]:
    """The fenced blocks of a page in these languages, or in all."""
    found = [Block(language, text, reason) for reason, language, text in _FENCE.findall(page.read_text("utf-8"))]
    return [block for block in found if not languages or block.language in languages]


def commands(block: Block) -> list[str]:
    """The block's lines without comments."""
    lines = (re.sub(r"(^|\s)#.*", "", line).rstrip() for line in block.text.splitlines())
    return [line for line in lines if line]


def prose(page: Path) -> str:
    """The page's text without fenced blocks, comments and code."""
    text = re.sub(r"<!--.*?-->", "", _FENCE.sub("", page.read_text("utf-8")), flags=re.DOTALL)
    return re.sub(r"`[^`\n]*`", "`", text)


def links(page: Path) -> list[str]:
    """Where the page's links lead within the repository; without the place on the page."""
    return re.findall(r"\]\((?!#|https?:)([^)#\s]+)", page.read_text("utf-8"))
