"""Backup and restore, rehearsed: while deposits go on, on both databases, into an empty place, up to a clean fsck."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from pyrage import x25519
from tests.support.enrolling import enrol, make_statement
from tests.support.postgres import Postgres, execute
from tests.support.serving import BIN, ENVIRONMENT, ORIGIN

from hefu_ledger.deposit.receipt import format_receipt
from hefu_ledger.deposit.statement import statement_id
from hefu_ledger.tlog.checkpoint import Checkpoint, format_checkpoint
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_ledger.tlog.note import Note, cosign, format_note, parse_note, sign_note
from hefu_ledger.tlog.policy import Log, Policy
from hefu_ledger.verify import verify_receipt
from hefu_service.intake.accept import FrontDoor
from hefu_service.intake.committer import Committer
from hefu_service.jobs.tasks import settle
from hefu_service.outside.signer import create_key, read_key, read_mldsa44_key
from hefu_service.publishing.fsck import fsck
from hefu_service.receipts.receipts import Receipts
from hefu_service.sealing.stops import RolledBackError
from hefu_service.services import Services
from hefu_service.wiring import create_data, move_data, open_services, recover

pytestmark = pytest.mark.skipif(shutil.which("age") is None, reason="no age")
DEPLOY = Path(__file__).parents[2] / "deploy"
BEFORE = 20  # deposits


class Place(NamedTuple):
    """Where a ledger lies: its directory, and its database's URL if that is a server's."""

    data: Path
    database: str | None


class Machine:
    """The operator's: the scripts, the programs that they want, and the keys of two people."""

    def __init__(self, folder: Path, path: str, password: str | None) -> None:
        self.folder = folder
        self.backups = folder / "backups"
        self.backups.mkdir()
        self.environment = {**ENVIRONMENT, "PATH": path} | ({"PGPASSWORD": password} if password else {})
        for person in ("keeper", "director"):
            identity = x25519.Identity.generate()
            (folder / person).write_text(f"{identity}\n")
            (folder / f"{person}.pub").write_text(f"{identity.to_public()}\n")

    def run(self, script: str, place: Place, *words: object) -> subprocess.CompletedProcess[str]:
        settings = {"HEFU_DATA": str(place.data)}
        settings |= {"HEFU_DATABASE_URL": place.database} if place.database else {}
        command = [str(word) for word in (DEPLOY / script, *words)]
        return subprocess.run(
            command, env=self.environment | settings, capture_output=True, text=True, timeout=120, check=False
        )

    def back_up(self, place: Place) -> tuple[Path, Path]:
        """The backup and that of the keys."""
        words = ("--recipients", self.folder / "keeper.pub", "--keys-recipients", self.folder / "director.pub")
        done = self.run("backup.sh", place, *words, self.backups)
        assert done.returncode == 0, done.stderr
        (data,) = (path for path in self.backups.iterdir() if ".keys." not in path.name)
        return data, data.with_name(data.name.replace(".tar.", ".keys.tar."))

    def restore(
        self, place: Place, backup: Path, keys: Path, seen: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        words: tuple[object, ...] = ("--identity", self.folder / "keeper", "--seen", seen or "none")
        words += ("--keys", keys, "--keys-identity", self.folder / "director")
        return self.run("restore.sh", place, *words, backup)


@pytest.fixture(params=["sqlite", "postgresql"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Place, Place, Machine]:
    """A place for the ledger, another to restore it to, and the machine."""
    path = f"{BIN}:{os.environ['PATH']}"
    if request.param == "sqlite":
        machine = Machine(tmp_path, path, None)
        return Place(tmp_path / "data", None), Place(tmp_path / "restored" / "data", None), machine
    server: Postgres = request.getfixturevalue("postgres")
    urls = [server.create(), server.create()]
    password = urls[0].password
    first, second = (str(url._replace(password=None)) for url in urls)
    if server.own is not None:
        path = f"{server.own.bin_path}:{path}"
    if isinstance(password, str):
        os.environ["PGPASSWORD"] = password
    machine = Machine(tmp_path, path, password if isinstance(password, str) else None)
    return Place(tmp_path / "data", first), Place(tmp_path / "restored" / "data", second), machine


def deposit(services: Services, signer: Ed25519Signer, number: int) -> None:
    FrontDoor(Committer(services)).accept([make_statement(signer, number)])
    if number % 3 == 0:
        settle(services)


@contextmanager
def depositing(services: Services, signer: Ed25519Signer) -> Iterator[list[int]]:
    """Deposit without end meanwhile; the numbers so far."""
    done, ended = list(range(BEFORE)), threading.Event()

    def work() -> None:
        while not ended.is_set():
            deposit(services, signer, len(done))
            done.append(len(done))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield done
    finally:
        ended.set()
        thread.join()


def begun(place: Place) -> None:
    place.data.parent.mkdir(exist_ok=True)
    create_data(place.data, ORIGIN, place.database)


def count_proven(services: Services, signer: Ed25519Signer, numbers: range) -> int:
    policy = Policy(logs=tuple(map(Log, services.log_keys)), witnesses=(), groups=(), quorum=None)
    receipts, count = Receipts(services), 0
    for number in numbers:
        receipt = receipts.make(statement_id(make_statement(signer, number)))
        if receipt is None:
            return count
        assert verify_receipt(format_receipt(receipt), policy=policy).verdict == "proven"
        count += 1
    return count


def test_a_backup_taken_while_deposits_go_on_is_a_whole_ledger(places: tuple[Place, Place, Machine]) -> None:
    place, other, machine = places
    begun(place)
    other.data.parent.mkdir()
    with open_services(place.data, place.database) as services:
        signer = enrol(services)
        for number in range(BEFORE):
            deposit(services, signer, number)
        with depositing(services, signer) as done:
            backup, keys = machine.back_up(place)
        settle(services)
        assert len(done) > BEFORE + 1, "nothing was deposited meanwhile"
        assert list(fsck(services)) == []
    restored = machine.restore(other, backup, keys)
    assert restored.returncode == 0, restored.stderr + restored.stdout
    assert restored.stdout.endswith("clean\n")
    with open_services(other.data, other.database) as services:
        recover(services)
        settle(services)
        with services.store.view() as view:
            held = view.intake_head().next_seq
        assert BEFORE <= held <= len(done)
        assert count_proven(services, signer, range(held)) == held
        assert list(fsck(services)) == []
        deposit(services, signer, held)


_GROWING = """#!{python}
import os, subprocess, sys
age = subprocess.Popen(["{age}", *sys.argv[1:]], stdin=subprocess.PIPE)
seen, batch = b"", os.path.join(os.environ["HEFU_DATA"], "batches", "000000009999-1")
while data := sys.stdin.buffer.read(512):
    age.stdin.write(data)
    seen = seen[-511:] + data
    if b"batches/" in seen and not os.path.exists(batch):
        open(batch, "wb").close()
age.stdin.close()
sys.exit(age.wait())
"""


def test_a_batch_that_is_sealed_while_the_batches_are_read_does_not_end_a_backup(tmp_path: Path) -> None:
    place, age = Place(tmp_path / "data", None), shutil.which("age")
    begun(place)
    (place.data / "batches").mkdir(exist_ok=True)
    # More than a pipe holds: tar is still at the folder when the next batch comes.
    (place.data / "batches" / "000000000000-1").write_bytes(bytes(1 << 20))
    growing = tmp_path / "bin" / "age"
    growing.parent.mkdir()
    growing.write_text(_GROWING.format(python=sys.executable, age=age))
    growing.chmod(0o755)
    backup, _ = Machine(tmp_path, f"{growing.parent}:{BIN}:{os.environ['PATH']}", None).back_up(place)
    assert (place.data / "batches" / "000000009999-1").exists()
    assert [path for path in backup.parent.iterdir() if path.suffix == ".part"] == []


def test_a_backup_that_cannot_read_a_file_is_none(tmp_path: Path) -> None:
    place = Place(tmp_path / "data", None)
    begun(place)
    machine = Machine(tmp_path, f"{BIN}:{os.environ['PATH']}", None)
    failing = tmp_path / "bin" / "tar"
    failing.parent.mkdir()
    failing.write_text("#!/bin/sh\nexit 2\n")
    failing.chmod(0o755)
    machine.environment["PATH"] = f"{failing.parent}:{machine.environment['PATH']}"
    done = machine.run("backup.sh", place, "--recipients", tmp_path / "keeper.pub", machine.backups)
    assert done.returncode != 0
    assert list(machine.backups.iterdir()) == [], "nothing half done is left"


def test_a_backup_of_a_relative_folder_is_whole(small: tuple[Place, Machine], monkeypatch: pytest.MonkeyPatch) -> None:
    place, machine = small
    with open_services(place.data) as services:
        deposit(services, enrol(services), 0)
    monkeypatch.chdir(place.data.parent)
    backup, keys = machine.back_up(Place(Path(place.data.name), None))
    restored = machine.restore(Place(Path("restored"), None), backup, keys)
    assert restored.returncode == 0, restored.stderr


def test_a_restored_ledger_that_is_behind_what_anyone_saw_signs_nothing(places: tuple[Place, Place, Machine]) -> None:
    place, other, machine = places
    begun(place)
    other.data.parent.mkdir()
    with open_services(place.data, place.database) as services:
        signer = enrol(services)
        deposit(services, signer, 0)
        backup, keys = machine.back_up(place)
        deposit(services, signer, 3)
    restored = machine.restore(other, backup, keys, place.data / "ledger" / "checkpoint")
    assert restored.returncode == 1
    assert "records was signed, the database has" in restored.stdout
    with open_services(other.data, other.database) as services, pytest.raises(RolledBackError):
        recover(services)
    assert not (other.data / "ledger" / "checkpoint").exists()


def forked(place: Place, path: Path, size: int, *, key: Path | None = None) -> Path:
    """A checkpoint of this size that the ledger's own keys have signed, of records that it never had."""
    signer = read_key(key or place.data / "keys" / "log.key")
    mldsa44 = read_mldsa44_key(place.data / "keys" / "log-mldsa44.key")
    text = format_checkpoint(Checkpoint(ORIGIN, size, bytes(32)))
    (line,) = sign_note(text, [signer]).signatures
    path.write_bytes(format_note(Note(text, (line, cosign(text, mldsa44, 0)))))
    return path


@pytest.mark.parametrize("behind", [0, 1, 2], ids=["equal", "smaller", "smaller still"])
def test_a_backup_that_somebody_saw_another_history_of_is_refused(small: tuple[Place, Machine], behind: int) -> None:
    place, machine = small
    with open_services(place.data) as services:
        signer = enrol(services)
        deposit(services, signer, 0)
        backup, keys = machine.back_up(place)
        with services.store.view() as view:
            size = view.ledger_head().size - behind
    seen = forked(place, machine.folder / "seen", size)
    other = Place(machine.folder / "other" / "data", None)
    other.data.parent.mkdir()
    restored = machine.restore(other, backup, keys, seen)
    assert restored.returncode == 1
    assert f"checkpoint of {size} records" in restored.stdout
    assert "do not start the service" in restored.stderr
    if not behind:
        with open_services(other.data) as services, pytest.raises(RolledBackError, match="of other records"):
            recover(services)


@pytest.mark.parametrize("which", ["first", "newest"])
def test_a_backup_that_holds_what_was_seen_is_restored(small: tuple[Place, Machine], which: str) -> None:
    place, machine = small
    seen = machine.folder / "seen"
    shutil.copy(place.data / "ledger" / "checkpoint", seen)
    with open_services(place.data) as services:
        signer = enrol(services)
        deposit(services, signer, 0)
    backup, keys = machine.back_up(place)
    remembered = (place.data / "signer" / "checkpoint").read_bytes()
    other = Place(machine.folder / "other" / "data", None)
    other.data.parent.mkdir()
    restored = machine.restore(other, backup, keys, seen if which == "first" else place.data / "ledger" / "checkpoint")
    assert restored.returncode == 0, restored.stderr + restored.stdout
    assert restored.stdout.endswith("clean\n")
    assert (other.data / "signer" / "checkpoint").read_bytes() == remembered


def test_a_seen_checkpoint_without_one_of_the_logs_lines_is_refused(small: tuple[Place, Machine]) -> None:
    place, machine = small
    backup, keys = machine.back_up(place)
    note = parse_note((place.data / "ledger" / "checkpoint").read_bytes())
    seen = machine.folder / "seen"
    seen.write_bytes(format_note(note._replace(signatures=note.signatures[:1])))
    other = Place(machine.folder / "other" / "data", None)
    other.data.parent.mkdir()
    restored = machine.restore(other, backup, keys, seen)
    assert restored.returncode == 2
    assert "lacks a line of the log" in restored.stderr
    assert not other.data.exists()


def test_what_nobody_signed_is_not_what_was_seen(small: tuple[Place, Machine]) -> None:
    place, machine = small
    backup, keys = machine.back_up(place)
    create_key(machine.folder / "strangers.key", ORIGIN)
    seen = forked(place, machine.folder / "seen", 1, key=machine.folder / "strangers.key")
    other = Place(machine.folder / "other" / "data", None)
    other.data.parent.mkdir()
    restored = machine.restore(other, backup, keys, seen)
    assert restored.returncode == 1
    assert "has not signed" in restored.stdout


def test_the_services_own_role_can_take_the_backup(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.create()
    role = f"{url.database}_service"
    path = f"{postgres.own.bin_path}:{BIN}:{os.environ['PATH']}" if postgres.own else f"{BIN}:{os.environ['PATH']}"
    machine = Machine(tmp_path, path, url.password if isinstance(url.password, str) else None)
    begun(Place(tmp_path / "data", str(url._replace(password=None))))
    execute(url, (DEPLOY / "postgres-roles.sql").read_text().replace("hefu_service", role))
    try:
        as_service = url._replace(password=None).update_query_dict({"options": f"-crole={role}"})
        machine.back_up(Place(tmp_path / "data", as_service.render_as_string()))
    finally:
        execute(url, f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.fixture
def small(tmp_path: Path) -> tuple[Place, Machine]:
    """A ledger that has just begun, in SQLite."""
    place = Place(tmp_path / "data", None)
    begun(place)
    return place, Machine(tmp_path, f"{BIN}:{os.environ['PATH']}", None)


def readable(machine: Machine, person: str, archive: Path) -> Mapping[str, bytes] | None:
    """The files of an archive, if this person can read it."""
    folder = machine.folder / f"{person}.{archive.name}"
    folder.mkdir()
    opened = subprocess.run(["age", "-d", "-i", machine.folder / person, archive], capture_output=True, check=False)
    if opened.returncode:
        return None
    subprocess.run(["tar", "-x", "-C", folder], input=opened.stdout, check=True)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_nobody_who_keeps_the_data_can_read_the_keys(small: tuple[Place, Machine]) -> None:
    place, machine = small
    data, keys = machine.back_up(place)
    assert readable(machine, "keeper", keys) is None
    assert readable(machine, "director", data) is None
    kept, secret = readable(machine, "keeper", data), readable(machine, "director", keys)
    assert kept is not None
    assert secret is not None
    names = {"log.key", "log-mldsa44.key", "acknowledgement.key", "recovery.key"}
    assert set(secret) == {f"keys/{name}" for name in names}
    assert {name.partition("/")[0] for name in kept} == {"MANIFEST", "database", "signer"}
    everything = b"".join(kept.values())
    assert not [name for name, key in secret.items() if key.strip()[-40:] in everything]


def test_a_backup_leaves_nothing_else_behind(small: tuple[Place, Machine]) -> None:
    place, machine = small
    before = sorted(place.data.rglob("*"))
    machine.back_up(place)
    assert sorted(path for path in place.data.rglob("*") if path.suffix not in {".sqlite3-shm", ".sqlite3-wal"}) == [
        path for path in before if path.suffix not in {".sqlite3-shm", ".sqlite3-wal"}
    ]
    assert len(list(machine.backups.iterdir())) == 2


def test_nothing_is_restored_over_anything(small: tuple[Place, Machine]) -> None:
    place, machine = small
    before = (place.data / "hefu.sqlite3").read_bytes()
    done = machine.restore(place, *machine.back_up(place))
    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert (place.data / "hefu.sqlite3").read_bytes() == before


@pytest.mark.parametrize("how", ["cut short", "changed"])
def test_a_damaged_backup_is_refused_and_nothing_restored(small: tuple[Place, Machine], how: str) -> None:
    place, machine = small
    backup, keys = machine.back_up(place)
    sound = backup.read_bytes()
    middle = len(sound) // 2
    backup.write_bytes(sound[:middle] if how == "cut short" else sound[:middle] + b"?" + sound[middle + 1 :])
    other = Place(machine.folder / "other", None)
    assert machine.restore(other, backup, keys).returncode
    assert not other.data.exists()


def test_who_does_not_say_what_was_seen_restores_nothing(small: tuple[Place, Machine]) -> None:
    place, machine = small
    backup, _ = machine.back_up(place)
    other = Place(machine.folder / "other", None)
    done = machine.run("restore.sh", other, "--identity", machine.folder / "keeper", backup)
    assert done.returncode == 2
    assert "--seen is missing" in done.stderr


def test_a_database_that_the_ledger_has_left_is_not_backed_up(
    places: tuple[Place, Place, Machine], postgres: Postgres
) -> None:
    place, _, machine = places
    begun(place)
    other = postgres.create()._replace(password=None).set(drivername="postgresql").render_as_string()
    move_data(place.data, place.database, None if place.database else other, lambda *_: None)
    done = machine.run("backup.sh", place, "--recipients", machine.folder / "keeper.pub", machine.backups)
    assert done.returncode != 0
    assert "the ledger has moved from this database" in done.stderr
    assert list(machine.backups.iterdir()) == []
