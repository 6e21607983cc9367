"""``hefu watch`` deposits what is new or changed once it has come to rest, as a chain of statements."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.clients.conftest import Firm
from tests.support.command_line import hefu

from hefu.deposit.depositor import alone
from hefu.errors import ClientError, UnreachableError
from hefu.evidence.extract import extract
from hefu.evidence.verify import verify
from hefu.files.document import UnreadableError, digest_document
from hefu.folders.watch import Quiet, Round, Watch, watch
from hefu.home.index import Index
from hefu.home.index_file import FILE
from hefu_ledger.deposit.statement import parse_signed_statement
from hefu_ledger.digest import Digests
from hefu_ledger.verify.verdict import PROVEN


class Stop(BaseException):
    """Ends a watch."""


@pytest.fixture
def index(firm: Firm) -> Iterator[Index]:
    with Index(firm.home.path) as opened:
        yield opened


@pytest.fixture
def watched(firm: Firm, index: Index, documents: Path) -> Watch:
    return Watch(firm.home, firm.service, index, str(documents), str(firm.out))


def sent(firm: Firm) -> list[tuple[int, str | None]]:
    """Of each statement that was sent, in order: how many documents, and the statement it goes on from."""
    found = [parse_signed_statement(note)[1] for note in firm.double.posted("/v1/deposits")]
    return [(statement.count, statement.previous.hex() if statement.previous else None) for statement in found]


def test_each_round_deposits_what_is_new_or_changed_and_names_the_last(
    firm: Firm, watched: Watch, documents: Path
) -> None:
    first = watched.once(wait=True)
    assert first.deposited is not None
    (documents / "0.txt").write_bytes(b"changed")
    (documents / "new.txt").write_bytes(b"new")
    second = watched.once(wait=True)
    assert second.deposited is not None
    assert (second.changed, second.new, second.intact) == (1, 1, 4)
    assert sent(firm) == [(5, None), (2, first.deposited.statement)]
    assert watched.once(wait=True).deposited is None
    assert len(sent(firm)) == 2
    assert len(firm.written()) == 2


def test_a_rounds_evidence_is_that_of_its_documents(firm: Firm, watched: Watch, documents: Path) -> None:
    watched.once(wait=True)
    (documents / "0.txt").write_bytes(b"changed")
    done = watched.once(wait=True).deposited
    assert done is not None
    (single,) = extract(done.evidence, str(firm.folder / "single"))
    assert verify(single, str(documents / "0.txt"), policy=firm.home.policy).verdict == PROVEN


def test_a_document_that_was_only_touched_or_moved_is_not_deposited_again(watched: Watch, documents: Path) -> None:
    watched.once(wait=True)
    os.utime(documents / "0.txt", (1, 1))
    (documents / "1.txt").rename(documents / "9.txt")
    assert watched.once(wait=True).deposited is None


def test_the_chain_goes_on_after_the_index_was_lost_and_nothing_is_deposited_again(
    firm: Firm, watched: Watch, documents: Path
) -> None:
    words = ("watch", documents, "--home", firm.home.path, "--out", firm.out, "--once", "--wait", "--json")
    first = hefu(*words).json["deposited"]
    (Path(firm.home.path) / FILE).unlink()
    del watched
    hefu("refresh", "--home", firm.home.path, "--out", firm.out)
    assert hefu(*words).json["deposited"] is None
    (documents / "new").write_bytes(b"new")
    hefu(*words)
    assert sent(firm) == [(5, None), (1, first["statement"])]


def test_what_is_on_its_way_is_finished_first_and_not_deposited_twice(
    firm: Firm, watched: Watch, documents: Path
) -> None:
    firm.double.sealing = False
    first = watched.once()
    assert first.deposited is not None
    assert first.deposited.state == "accepted"
    (documents / "0.txt").write_bytes(b"changed meanwhile")
    firm.double.sealing = True
    second = watched.once(wait=True)
    assert [done.state for done in second.refreshed.done] == ["anchored"]
    assert second.changed == 1
    assert [count for count, _ in dict.fromkeys(sent(firm))] == [5, 1]


def test_a_round_that_was_cut_short_before_it_was_signed_is_made_again(
    firm: Firm, watched: Watch, documents: Path
) -> None:
    firm.out.mkdir(exist_ok=True)
    cut = firm.out / "documents.20260101T000000Z.hefu.bundle.part"
    cut.write_bytes(b'{"count":5,')
    other = firm.out / "other.hefu.bundle.part"
    other.write_bytes(b'{"count":5,')
    done = watched.once(wait=True)
    assert done.new == 5
    assert not cut.exists()
    assert [problem.path for problem in done.refreshed.stuck] == [str(firm.out / "other.hefu.bundle")]
    assert other.exists()
    del documents


def test_a_refused_round_is_taken_up_by_the_next(firm: Firm, watched: Watch) -> None:
    firm.double.faults += [None, (403, b"{}", {})]
    with pytest.raises(ClientError, match="403"):
        watched.once()
    done = watched.once(wait=True)
    assert ([item.documents for item in done.refreshed.done], done.new) == ([5], 0)


def test_a_file_that_changes_while_it_is_read_is_left_for_the_next_round(
    watched: Watch, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(path: str, tell: Callable[[int], None]) -> Digests:
        if path.endswith("0.txt"):
            raise UnreadableError(path, "it changed while it was being read")
        return digest_document(path, tell)

    with monkeypatch.context() as patch:
        patch.setattr("hefu.evidence.bundle.digest_document", busy)
        done = watched.once(wait=True)
        assert [problem.path for problem in done.left_out] == [str(documents / "0.txt")]
        assert watched.once(wait=True).deposited is None
    assert watched.once(wait=True).new == 1


def test_ignored_files_are_never_deposited(watched: Watch, documents: Path) -> None:
    (documents / "~$contract.docx").write_bytes(b"lock")
    (documents / ".hefuignore").write_text("*.log\n")
    (documents / "a.log").write_bytes(b"log")
    assert watched.once(wait=True).new == 5


@pytest.mark.parametrize("inside", ["out", "home"])
def test_evidence_and_home_must_lie_outside_the_folder(firm: Firm, index: Index, inside: str) -> None:
    folder = firm.folder if inside == "home" else firm.folder / "x"
    folder.mkdir(exist_ok=True)
    with pytest.raises(ClientError, match="lies inside"):
        Watch(firm.home, firm.service, index, str(folder), str(firm.folder / "x" / "out"))


def test_a_single_file_cannot_be_watched(firm: Firm, index: Index, documents: Path) -> None:
    with pytest.raises(ClientError, match="is not a folder"):
        Watch(firm.home, firm.service, index, str(documents / "0.txt"), str(firm.out))


def test_a_file_is_ready_once_it_has_rested_and_only_once() -> None:
    quiet = Quiet(30)
    assert quiet.ready({"a": (1, 1, 1)}, 0) == []
    assert quiet.ready({"a": (1, 1, 1), "b": (1, 1, 1)}, 29.9) == []
    assert quiet.ready({"a": (2, 2, 2), "b": (1, 1, 1)}, 30) == []
    assert quiet.ready({"a": (2, 2, 2), "b": (1, 1, 1)}, 59.9) == ["b"]
    quiet.settle(["b"])
    assert quiet.ready({"a": (2, 2, 2), "b": (1, 1, 1)}, 60) == ["a"]
    quiet.settle(["a"])
    assert quiet.ready({"a": (2, 2, 2)}, 90) == []
    assert quiet.ready({"a": (2, 2, 2), "b": (1, 1, 1)}, 91) == []  # deleted, and there again
    assert quiet.ready({"a": (2, 2, 2), "b": (1, 1, 1)}, 121) == ["b"]


class Clock:
    """Time that passes by sleeping alone; ``events`` happen before the n-th sleep, and after the last it stops."""

    def __init__(self, *events: object) -> None:
        self.now = 0.0
        self._events = list(events)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 2
        self.now += seconds
        if not self._events:
            raise Stop
        event = self._events.pop(0)
        if callable(event):
            event()


def rounds(watched: Watch, clock: Clock, quiet_s: float = 3) -> list[Round | UnreachableError]:
    told: list[Round | UnreachableError] = []
    with pytest.raises(Stop):
        watch(watched, quiet_s=quiet_s, tell=told.append, clock=clock, sleep=clock.sleep)
    return told


def test_watching_waits_for_rest_and_then_deposits(firm: Firm, watched: Watch, documents: Path) -> None:
    def write(size: int) -> None:
        (documents / "slow.txt").write_bytes(b"x" * size)

    clock = Clock(*(lambda size=size: write(size) for size in range(1, 6)), *[None] * 4)
    told = rounds(watched, clock)
    assert [(event.new, event.changed) for event in told if isinstance(event, Round) and event.deposited] == [
        (5, 0),
        (1, 0),
    ]
    assert [count for count, _ in dict.fromkeys(sent(firm))] == [5, 1]
    assert (documents / "slow.txt").stat().st_size == 5


def test_watching_goes_on_when_the_service_is_back(firm: Firm, watched: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hefu.service.ATTEMPTS", 1)
    firm.double.faults += [(503, b"", {})]
    told = rounds(watched, Clock(*[None] * 40))
    assert isinstance(told[0], UnreachableError)
    assert isinstance(told[1], Round)
    assert told[1].new == 5
    assert len(firm.double.ledger.deposits) == 1


def test_watching_fetches_the_receipt_later(firm: Firm, watched: Watch) -> None:
    firm.double.sealing = False

    def seal() -> None:
        firm.double.sealing = True

    rounds(watched, Clock(None, None, None, seal, *[None] * 40))
    assert [name for name in firm.written() if not name.endswith(".hefu.bundle")] == []
    assert len(firm.written()) == 1


def test_an_idle_watch_asks_the_service_nothing(firm: Firm, watched: Watch) -> None:
    watched.once(wait=True)
    rounds(watched, Clock(*[None] * 3))
    asked = len(firm.double.requests)
    rounds(watched, Clock(*[None] * 30))
    assert len(firm.double.requests) == asked


def test_once_says_what_it_left_out_and_exits_1(firm: Firm, documents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (documents / "secret").write_bytes(b"")
    monkeypatch.setattr(
        "hefu.files.scan.os.access", lambda path, _: not path.endswith("secret")
    )  # root may read anything
    words = ("watch", documents, "--home", firm.home.path, "--out", firm.out, "--once", "--wait")
    ran = hefu(*words, expect=1)
    assert "secret: not readable" in ran.out
    assert "5 new" in ran.out


def test_what_is_no_file_is_skipped_by_name_and_is_no_failure(firm: Firm, documents: Path) -> None:
    (documents / "link").symlink_to("0.txt")
    os.mkfifo(documents / "pipe")
    words = ("watch", documents, "--home", firm.home.path, "--out", firm.out, "--once", "--wait")
    told = hefu(*words).out
    assert all(text in told for text in ("skipped, being no files: 2", "link: a symbolic link", "pipe: a named pipe"))
    assert [item["path"] for item in hefu(*words, "--json").json["odd"]] == ["link", "pipe"]


def test_watching_waits_for_a_folder_that_is_away_and_for_another_deposit(
    firm: Firm, watched: Watch, documents: Path
) -> None:
    away = firm.folder / "away"
    with ExitStack() as held:

        def leave() -> None:
            documents.rename(away)

        def come_back() -> None:
            away.rename(documents)
            held.enter_context(alone(str(firm.out)))

        told = rounds(watched, Clock(leave, None, come_back, None, None, None, held.close, *[None] * 3))
    said = [str(event) for event in told if isinstance(event, UnreachableError)]
    assert "is not there now" in said[0]
    assert "another hefu deposit" in said[-1]
    assert isinstance(told[-1], Round)
    assert len(firm.double.ledger.deposits) == 1
