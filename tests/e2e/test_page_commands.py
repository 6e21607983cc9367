"""Every command of the pages for readers, run as it stands against a real service.

A block runs unless a comment before it says why not. The blocks of one page run in order, in one shell.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.pages import DOCS, ENGLISH, Block, blocks
from tests.support.serving import BIN, ENVIRONMENT, Serving, get, serving

ADDRESS = "http://127.0.0.1:8080"  # on the pages

# What a reader has before the first command.
DOCUMENTS = """
mkdir recipes drawings; echo cream > recipes/cream.txt; echo gel > recipes/gel.txt; echo part > drawings/part.dxf
echo customers > customers.xlsx
"""
CODE = """code=$(hefu-service enrol --data data --name '上海某某化妆品有限公司' --uscc 91310120MA1HP00194 \\
    --method 营业执照核验 --verified-by 奉贤工作站)
"""
DEPOSITED = f"""{DOCUMENTS}{CODE}
hefu init --home home --server {ADDRESS} --code "$code"
hefu deposit recipes customers.xlsx --home home --out . --wait
"""
BEFORE = {
    "enterprise": DOCUMENTS + CODE,
    "verifier": DEPOSITED,
    "auditor": DEPOSITED,
    "operator": "",
    "developer": "",
}
# A person types the words of a printed sheet: of the home's, and of the firm's of two people.
TYPED = "import sys; from hefu.home.sheet import words_on; print(words_on(open(sys.argv[1], 'rb').read()))"
TYPING = f"""type_words() {{ '{sys.executable}' -c "{TYPED}" "$1" > words.txt; }}\n"""
SHEETS = {
    "hefu vault verify": "~/.hefu/recovery.html",
    "hefu key request --home ~/clerk --server": "~/chief/recovery.html",
}


@pytest.fixture
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A service of its own for each page: no firm is enrolled twice."""
    with serving(tmp_path_factory.mktemp("service") / "data") as service:
        yield service


def script(page: str, shown: list[Block]) -> str:
    """The page's commands, after what its reader has."""
    text = "\n".join(block.text for block in shown if not block.not_run)
    for command, sheet in SHEETS.items():
        text = text.replace(command, f"type_words {sheet}\n{command}")
    return TYPING + BEFORE[page] + text


@pytest.mark.parametrize("page", [page for page in ENGLISH if blocks(page, "sh")], ids=lambda page: page.stem)
def test_the_commands_of_a_page_run_as_they_stand(page: Path, service: Serving, tmp_path: Path) -> None:
    (tmp_path / "docs").symlink_to(DOCS)
    (tmp_path / "data").symlink_to(service.data)
    text = script(page.stem, blocks(page, "sh")).replace(ADDRESS, service.url)
    environment = {
        **ENVIRONMENT,
        "HOME": str(tmp_path),
        "HEFU_LANG": "en",
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }
    command = ["bash", "-euxo", "pipefail", "-c", text]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]


def test_every_request_that_is_shown_is_one_of_the_service(service: Serving) -> None:
    known = json.loads(get(service.port, "/openapi.json")[1])["paths"]
    offered = {f"{method.upper()} {path}" for path, methods in known.items() for method in methods}
    for page in ENGLISH:
        shown = re.findall(r"`((?:GET|POST|PUT) /[^`…]+)`", page.read_text("utf-8"))
        assert {*shown} - offered - {"GET /openapi.json"} == set(), page
