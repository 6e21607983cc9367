"""The main job with the real programs: a folder of real files, deposited, unplugged, verified one by one, replayed."""

from __future__ import annotations

import json
import os
import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.serving import Serving, get, run, serving

from hefu_ledger.digest import digest_stream
from hefu_ledger.tlog.policy import parse_policy
from hefu_ledger.verify import verify_evidence

FIRM = ("上海某某化妆品有限公司", "91310120MA1HP00194")


def real_files(target: Path, count: int) -> Path:
    """``count`` real files, from this Python's own library, in folders as deep as they come."""
    library = Path(sysconfig.get_paths()["stdlib"])
    copied = 0
    for folder, folders, names in os.walk(library):
        folders.sort()
        for name in sorted(names):
            source = Path(folder) / name
            if copied == count:
                return target
            if source.is_file() and not source.is_symlink() and source.stat().st_size < 1 << 20:
                copy = target / source.relative_to(library)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, copy)
                copied += 1
    raise RuntimeError(f"only {copied} files found below {library}")


def hefu_json(*words: object, expect: int = 0) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run("hefu", *words, "--json", expect=expect).stdout)
    return answer


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path / "data") as service:
        yield service


def enrol(service: Serving, home: Path) -> None:
    run("hefu", "init", "--home", home, "--server", service.url, "--code", service.enrol(*FIRM))


def do_the_main_job(service: Serving, root: Path, count: int) -> None:
    documents = real_files(root / "资料", count)
    home, out, policy = root / "home", root / "evidence", root / "policy.txt"
    enrol(service, home)
    policy.write_bytes(get(service.port, "/v1/trust")[1])
    deposited = hefu_json("deposit", "--home", home, documents, "--out", out, "--wait")["deposits"]
    assert [(item["state"], item["documents"]) for item in deposited] == [("anchored", count)]
    bundle = out / "资料.hefu.bundle"
    run("hefu-service", "export", "--data", service.data, "--out", root / "ledger", "--statements")
    assert service.stop() == 0
    shutil.rmtree(service.data)

    assert hefu_json("verify", bundle, documents, "--policy", policy)["verdict"] == "proven"
    run("hefu", "extract", bundle, "--out", root / "single")
    trusted = parse_policy(policy.read_text())
    singles = sorted((root / "single").rglob("*.hefu.json"))
    assert len(singles) == count
    for evidence in singles:
        name = str(evidence.relative_to(root / "single")).removesuffix(".hefu.json")
        with (documents / name).open("rb", buffering=0) as file:
            found = verify_evidence(evidence.read_bytes(), document=digest_stream(file), policy=trusted)
        assert found.verdict == "proven", (name, found.steps)

    victim = documents / str(singles[0].relative_to(root / "single")).removesuffix(".hefu.json")
    victim.write_bytes(victim.read_bytes() + b"\n")
    verdict = hefu_json("verify", bundle, documents, "--policy", policy, expect=1)
    assert [step["step"] for step in verdict["steps"] if step["outcome"] == "failed"] == [2]
    audited = hefu_json("audit", root / "ledger", "--policy", policy, "--state", root / "state")
    assert audited["verdict"] == "proven"
    again = hefu_json("audit", root / "ledger", "--policy", policy, "--state", root / "state")
    assert again["verdict"] == "proven"


def test_a_folder_of_real_files_outlives_its_service(service: Serving, tmp_path: Path) -> None:
    do_the_main_job(service, tmp_path, 300)


@pytest.mark.soak
def test_ten_thousand_real_files_outlive_their_service(service: Serving, tmp_path: Path) -> None:
    do_the_main_job(service, tmp_path, 10_000)


def test_one_document_is_deposited_once_verified_and_audited(service: Serving, tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "证据"
    (tmp_path / "客户名单.xlsx").write_bytes(b"customers")
    enrol(service, home)
    run("hefu", "deposit", "--home", home, tmp_path / "客户名单.xlsx", "--out", out, "--wait")
    (tmp_path / "policy.txt").write_bytes(get(service.port, "/v1/trust")[1])
    evidence = out / "客户名单.xlsx.hefu.json"
    policy = ("--policy", tmp_path / "policy.txt")
    verdict = hefu_json("verify", evidence, tmp_path / "客户名单.xlsx", *policy)
    assert (verdict["verdict"], len(verdict["steps"])) == ("proven", 19)
    assert hefu_json("verify", evidence, tmp_path / "policy.txt", *policy, expect=1)["verdict"] == "not proven"
    assert hefu_json("verify", evidence, tmp_path / "客户名单.xlsx", expect=3)["verdict"] == "cannot tell"
    audited = hefu_json("audit", f"{service.url}/ledger", *policy, "--state", tmp_path / "state")
    assert audited["verdict"] == "proven"
    assert run("hefu-service", "fsck", "--data", service.data).returncode == 0
    run("hefu", "deposit", "--home", home, tmp_path / "客户名单.xlsx", "--out", out, "--wait")
    assert b"hefu_deposits 1.0" in get(service.port, "/metrics")[1].splitlines()
