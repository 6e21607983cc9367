"""The main job on this machine, end to end: deposit a folder, pull the plug, verify and replay all the same.

make demo                    deposits this repository's own files
make demo DOCS=/some/folder  deposits any other
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
DEMO = ROOT / "demo"
LEDGER = "log.example/fengxian"
FIRM = ("--name", "上海某某化妆品有限公司", "--uscc", "91310120MA1HP00194")
VERIFIED = ("--method", "营业执照核验", "--verified-by", "奉贤工作站")
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("HEFU_")}


class DemoFailedError(Exception):
    """One of the demo's claims did not hold."""


def main() -> int:
    """Run it all; 0 only if every claim held."""
    documents = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
    cause = unfit(documents) if documents is not None else ""
    if cause:
        print(f"✗ {documents}: {cause}")
        return 2
    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir()
    try:
        run(documents or own_files())
    except DemoFailedError as error:
        print(f"\n✗ {error}")
        return 1
    return 0


def unfit(documents: Path) -> str:
    """Why nothing can be shown with these documents; empty if it can."""
    if not documents.is_dir():
        return "not a folder; DOCS names the folder to deposit"
    if documents in (DEMO, *DEMO.parents) or DEMO in documents.parents:
        return f"{DEMO} is removed and made anew by every demo; DOCS must lie outside, and not hold it"
    if not any(path.is_file() and path.stat().st_size for path in documents.rglob("*")):
        return "at least one file that is not empty is needed: one of its bytes will be changed"
    return ""


def run(documents: Path) -> None:
    """Each step says what it does and shows what came of it."""
    data, home, out = DEMO / "service", DEMO / "enterprise", DEMO / "evidence"
    port = free_port()
    heading("1. A service begins a ledger 服务启动，账本创世")
    hefu_service("init", "--data", data, "--origin", LEDGER)
    server = start(data, port)
    relay = Relay(port)
    say(f"the firm reaches it through {relay.url}, which looks at all that leaves the firm 企业经此地址上传，以便查看")
    try:
        heading("2. The operator enrols a firm; its key never leaves it 企业实名登记，私钥不出企业")
        code = hefu_service("enrol", "--data", data, *FIRM, *VERIFIED).splitlines()[-1]
        hefu("init", "--home", home, "--server", relay.url, "--code", code)
        (DEMO / "policy.txt").write_bytes((home / "policy.txt").read_bytes())
        relay.sent.clear()
        heading("3. The firm deposits a folder 企业整夹存证")
        began = time.monotonic()
        hefu("deposit", "--home", home, documents, "--out", out, "--wait")
        took = time.monotonic() - began
        bundle = out / f"{documents.name}.hefu.bundle"
        show_what_left(documents, bytes(relay.sent), took)
        hefu_service("export", "--data", data, "--out", DEMO / "ledger")
    finally:
        relay.close()
        stop(server)
    heading("4. The service is stopped and its database taken away 停服务、移走数据库")
    (DEMO / "away").mkdir()
    data.rename(DEMO / "away" / "service")
    say(f"moved to {DEMO / 'away'}")
    verify_all(bundle, documents)
    evidence = verify_one(bundle, documents)
    replay()
    closing(bundle, documents, evidence)


def own_files() -> Path:
    """A copy of this repository's own files: what git tracks, or, without git, all that is not made by a tool."""
    folder = DEMO / "documents"
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        names = [name.decode() for name in listed.split(b"\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file()]
        names = [name for name in names if not name.startswith((".", "demo/", "data/")) and "__pycache__" not in name]
    for name in names:
        source, target = ROOT / name, folder / name
        if source.is_file() and not source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    return folder


def show_what_left(documents: Path, sent: bytes, took: float) -> None:
    """Say what went over the wire, and look through it for anything that should not have."""
    files = [path for path in documents.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    names = {str(path.relative_to(documents)).encode() for path in files if len(path.name) > 5}
    hashes = [sha256(path.read_bytes()) for path in files if path.stat().st_size < 1 << 24]
    digests = {form for each in hashes for form in (each.digest(), each.hexdigest().encode())}
    say(f"{len(files)} documents, {size:,} bytes, in {took:.1f} s; {len(sent):,} bytes left the machine")
    leaked = [secret for secret in names | digests if secret in sent]
    claim(not leaked, "no file name and no digest was among them 其中没有任何文件名或文件摘要")


def verify_all(bundle: Path, documents: Path) -> None:
    """Every document, without a service or a network."""
    heading("5. Every document is verified all the same, offline 离线逐份核验")
    verdict = hefu_json("verify", bundle, documents, "--policy", DEMO / "policy.txt")
    for step in verdict["steps"]:
        say(f"{step['step']:>2} {MARKS[step['outcome']]} {step['zh']}\n     {step['en']}")
    claim(verdict["verdict"] == "proven", "核验一致 proven")


def verify_one(bundle: Path, documents: Path) -> Path:
    """One document's evidence, cut out of the bundle, and what a changed byte does to it; the evidence file."""
    heading("6. One document's evidence alone, and one changed byte 单份证据，与改动一个字节")
    path = max((path for path in documents.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    name = str(path.relative_to(documents))
    hefu("extract", bundle, "--out", DEMO / "single", name)
    evidence = DEMO / "single" / f"{name}.hefu.json"
    verdict = hefu_json("verify", evidence, path, "--policy", DEMO / "policy.txt")
    claim(
        verdict["verdict"] == "proven", f"{name}: 核验一致 proven, with {evidence.stat().st_size:,} bytes of evidence"
    )
    changed = DEMO / "changed"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    changed.write_bytes(data)
    verdict = hefu_json("verify", evidence, changed, "--policy", DEMO / "policy.txt", expect=1)
    failed = [step for step in verdict["steps"] if step["outcome"] == "failed"]
    for step in failed:
        say(f"{step['step']:>2} ✗ {step['zh']}\n     {step['en']}")
    claim([step["step"] for step in failed] == [2], "one changed byte: 核验不一致 not proven, at step 2 alone")
    return evidence


def replay() -> None:
    """The whole ledger from the exported directory."""
    heading("7. An auditor replays the ledger from its bytes 审计重放")
    verdict = hefu_json("audit", DEMO / "ledger", "--policy", DEMO / "policy.txt", "--state", DEMO / "auditor.json")
    say(", ".join(f"{name}: {value}" for name, value in verdict.get("facts", {}).items()))
    claim(verdict["verdict"] == "proven", "the ledger recomputes to its signed checkpoint 账本重放一致")


def closing(bundle: Path, documents: Path, evidence: Path) -> None:
    """Where everything lies and what to try next."""
    heading("Everything held 全部成立")
    policy = DEMO / "policy.txt"
    say(f"evidence (private)  {bundle}")
    say(f"ledger (public)     {DEMO / 'ledger'}")
    say(f"trust policy        {policy}")
    say("try 可以再试:")
    for words in (
        ("verify", bundle, documents, "--policy", policy),
        ("inspect", evidence),
        ("audit", DEMO / "ledger", "--policy", policy),
    ):
        say("  " + shlex.join(map(str, (BIN / "hefu", *words))))
    say("  make serve          # then docs/enterprise.md 企业指南 docs/enterprise.zh-CN.md")


class Relay:
    """Stands between firm and service and keeps what the firm sends: the demo's own eye on the wire."""

    def __init__(self, port: int) -> None:
        self.sent = bytearray()
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._port))
            for source, target, keep in ((client, server, self.sent.extend), (server, client, ignore)):
                threading.Thread(target=pump, args=(source, target, keep), daemon=True).start()


def pump(source: socket.socket, target: socket.socket, keep: Callable[[bytes], None]) -> None:
    """Carry bytes one way until that way ends."""
    try:
        while data := source.recv(65536):
            keep(data)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def ignore(_data: bytes) -> None:
    """What the service answers is its own affair."""


def start(data: Path, port: int) -> subprocess.Popen[bytes]:
    """Start the service and wait until it is ready."""
    log = (DEMO / "service.log").open("wb")
    command = [str(BIN / "hefu-service"), "serve", "--data", str(data), "--port", str(port)]
    server = subprocess.Popen(command, stdout=log, stderr=log, env=ENVIRONMENT)
    log.close()
    for _ in range(100):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
                if answer.status == 200:
                    say(f"serving on http://127.0.0.1:{port}")
                    return server
        except OSError:
            time.sleep(0.1)
        if server.poll() is not None:
            break
    stop(server)
    raise DemoFailedError(f"the service did not start; see {DEMO / 'service.log'}")


def stop(server: subprocess.Popen[bytes]) -> None:
    """Stop the service as an operator would."""
    server.terminate()
    try:
        server.wait(15)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def free_port() -> int:
    """A free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


MARKS = {"ok": "✓", "noted": "!", "unchecked": "·", "cannot": "?", "failed": "✗"}


def hefu(*arguments: object, expect: int = 0) -> str:
    """Run the client."""
    return execute("hefu", arguments, expect)


def hefu_json(*arguments: object, expect: int = 0) -> dict[str, Any]:
    """Run the client for its JSON answer."""
    answer: dict[str, Any] = json.loads(execute("hefu", (*arguments, "--json"), expect, quiet=True))
    return answer


def hefu_service(*arguments: object) -> str:
    """Run an operator's command."""
    return execute("hefu-service", arguments, 0)


def execute(program: str, arguments: tuple[object, ...], expect: int, *, quiet: bool = False) -> str:
    """Run a program as a user would, show its command line and what it prints."""
    words = [str(argument) for argument in arguments]
    say("$ " + shlex.join([program, *(word.replace(f"{ROOT}/", "") for word in words)]))
    done = subprocess.run([BIN / program, *words], capture_output=True, text=True, env=ENVIRONMENT)
    if not quiet:
        for line in done.stdout.splitlines():
            say("  " + line)
    if done.returncode != expect:
        raise DemoFailedError(f"exit {done.returncode}, not {expect}: {done.stderr.strip()}")
    return done.stdout


def claim(holds: bool, text: str) -> None:
    """Say a claim if it holds, and end the demo if it does not."""
    if not holds:
        raise DemoFailedError(f"did not hold: {text}")
    say(f"✓ {text}")


def heading(text: str) -> None:
    """Begin a step."""
    print(f"\n{text}", flush=True)


def say(text: str) -> None:
    """One line of a step."""
    print(f"   {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
