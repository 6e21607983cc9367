"""The home destroyed, everything comes back from the words: by the real programs, from the service and without it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from mnemonic import Mnemonic
from tests.support.command_line import words_of
from tests.support.serving import BIN, ENVIRONMENT, Serving, get, run, serving

from hefu.vault.secret import parse_words
from hefu_ledger.digest import digest_stream

FIRM = ("上海某某化妆品有限公司", "91310120MA1HP00194")
STATEMENTS = 20
PLANTED = "绝密配方"
LABEL = "二〇二六年投标"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path / "data") as service:
        yield service


def hefu_json(*words: object, expect: int = 0) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run("hefu", *words, "--json", expect=expect).stdout)
    return answer


def make_documents(root: Path, count: int) -> list[Path]:
    """``count`` documents in as many folders as there will be statements."""
    folders = [root / f"{PLANTED}{number}" for number in range(STATEMENTS)]
    for number in range(count):
        folder = folders[number % STATEMENTS] / "下一层"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{PLANTED}-{number}.docx").write_bytes(b"planted document %d" % number)
    return folders


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def secrets(root: Path, folders: list[Path], words: str) -> list[bytes]:
    """Names, paths and digests, in every way they might be written; the words and what follows from them."""
    recovery = parse_words(words)
    found = [recovery.secret, recovery.address.encode(), bytes.fromhex(recovery.address), words.encode()]
    found += [recovery.secret.hex().encode(), b"AGE-SECRET-KEY", b"planted document", str(root / "资料").encode()]
    for text in (PLANTED, "下一层", LABEL):
        found += [text.encode(), text.encode("utf-16-le"), text.encode("gbk"), json.dumps(text)[1:-1].encode()]
    for folder in folders:
        for path in folder.rglob("*.docx"):
            with path.open("rb") as file:
                digests = digest_stream(file)
            for digest in (digests.sha256, digests.sm3):
                found += [] if digest is None else [digest, digest.hex().encode()]
    return found


def destroy_and_restore(service: Serving, root: Path, count: int) -> None:
    folders = make_documents(root / "资料", count)
    home, out, policy = root / "home", root / "evidence", root / "policy.txt"
    code = service.enrol(*FIRM)
    words = words_of(hefu_json("init", "--home", home, "--server", service.url, "--code", code))
    run("hefu", "deposit", "--home", home, *folders, "--out", out, "--wait")
    run("hefu", "label", "--home", home, out / f"{folders[0].name}.hefu.bundle", LABEL)
    checked = hefu_json("vault", "verify", "--home", home)  # the label is not sent yet, which is no loss
    assert (checked["findings"], [each["where"] for each in checked["pending"]]) == ([], ["service"])
    assert hefu_json("vault", "sync", "--home", home)["sent"] == 1
    checked = hefu_json("vault", "verify", "--home", home)
    assert (checked["deposits"], checked["documents"], checked["findings"]) == (STATEMENTS, count, [])
    before = contents(out)
    assert len(before) == STATEMENTS
    policy.write_bytes(get(service.port, "/v1/trust")[1])
    shutil.move(home / "vault", root / "disk")
    shutil.rmtree(home)
    shutil.rmtree(out)
    (root / "words.txt").write_text(words)

    restore = ("vault", "restore", "--words", root / "words.txt")
    done = hefu_json(*restore, "--home", root / "new", "--server", service.url, "--out", out)
    assert (len(done["evidence"]), done["documents"], done["problems"]) == (STATEMENTS, count, [])
    assert contents(out) == before
    bundle = out / f"{folders[3].name}.hefu.bundle"
    assert hefu_json("verify", bundle, folders[3], "--policy", policy)["verdict"] == "proven"
    assert LABEL in run("hefu", "list", "--home", root / "new").stdout
    refuse_wrong_words(service, root, words)
    find_nothing(service, secrets(root, folders, words))
    begin_again(service, root / "new", folders[0], root / "later")
    hefu_json("refresh", "--home", root / "new", "--out", out)  # receipts that are fetched anew tell of the new key
    rotate(service, root, contents(out), words)

    service.stop()
    done = hefu_json(*restore, "--home", root / "third", "--from", root / "disk", "--out", root / "again")
    assert done["problems"] == []
    assert contents(root / "again") == before
    assert hefu_json("vault", "verify", "--home", root / "third", "--offline")["findings"] == []
    (one, *_) = (path for path in (root / "third" / "vault").iterdir() if path.suffix == ".receipt")
    one.unlink()
    (finding,) = hefu_json("vault", "verify", "--home", root / "third", "--offline", expect=1)["findings"]
    assert finding["name"] == one.stem


def refuse_wrong_words(service: Serving, root: Path, words: str) -> None:
    another = Mnemonic("english").to_mnemonic(sha256(b"another").digest())
    for text, told in ((another, "words"), (" ".join(reversed(words.split())), "checksum"), (words[:-9], "24 words")):
        (root / "wrong.txt").write_text(text)
        for place in (("--server", service.url), ("--from", root / "disk")):
            command = ("vault", "restore", "--home", root / "no", "--words", root / "wrong.txt", *place)
            error = refused(*command, "--out", root / "nothing")
            assert told in error
            assert " ".join(text.split()[3:5]) not in error
    assert not (root / "no").exists()
    assert not (root / "nothing").exists()


def refused(*words: object) -> str:
    """What is said, in English, where a command is refused."""
    command = [str(word) for word in (BIN / "hefu", *words)]
    environment = ENVIRONMENT | {"HEFU_LANG": "en"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    return done.stderr


def find_nothing(service: Serving, planted: list[bytes]) -> None:
    """The service's whole disk, its database and write-ahead log and its own log among it."""
    disk = {
        f"/{path.relative_to(service.data)}": path.read_bytes() for path in service.data.rglob("*") if path.is_file()
    }
    assert any(name.endswith("-wal") for name in disk)
    assert sum(name.count("/vaults/") for name in disk) > STATEMENTS
    disk["log"] = service.log.read_bytes()
    names = "\n".join(disk).encode()
    assert [secret for secret in planted if secret in names or any(secret in data for data in disk.values())] == []


def begin_again(service: Serving, home: Path, documents: Path, out: Path) -> None:
    """With a new code the restored home deposits again, into the same vault."""
    depositor = json.loads((home / "config.json").read_text())["depositor"]
    code = run("hefu-service", "enrol", "--data", service.data, "--depositor", depositor).stdout.splitlines()[-1]
    again = hefu_json("init", "--home", home, "--server", service.url, "--code", code)
    assert again["sheet"] == ""
    run("hefu", "deposit", "--home", home, documents, "--out", out, "--wait", "--again")
    assert hefu_json("vault", "verify", "--home", home)["deposits"] == STATEMENTS + 1


def rotate(service: Serving, root: Path, before: dict[str, bytes], words: str) -> None:
    """New words bring everything back; the old ones nothing from the service, though it keeps every file."""
    done = hefu_json("vault", "rotate", "--home", root / "new")
    assert (done["closed"], done["left"]) == (True, [])
    (root / "new words.txt").write_text(words_of(done))
    place = ("--server", service.url, "--out", root / "fourth")
    restore = ("vault", "restore", "--home", root / "fourth home", *place, "--words")
    (root / "old words.txt").write_text(words)
    assert "closed" in refused(*restore, root / "old words.txt")
    hefu_json(*restore, root / "new words.txt")
    assert before.items() <= contents(root / "fourth").items()
    run("hefu-service", "fsck", "--data", service.data)


def test_a_home_destroyed_after_twenty_deposits_comes_back_to_the_last_byte(service: Serving, tmp_path: Path) -> None:
    destroy_and_restore(service, tmp_path, 60)


@pytest.mark.soak
def test_a_home_destroyed_after_a_thousand_documents_comes_back(service: Serving, tmp_path: Path) -> None:
    destroy_and_restore(service, tmp_path, 1000)
