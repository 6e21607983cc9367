"""Every refusal is a problem that says what to do, changes nothing, and gives nothing away: to client, disk or log."""

from __future__ import annotations

import importlib
import io
import json
import logging
import pkgutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import pytest
from tests.sample_api import PROBLEM, TOKEN, SampleApi, api_of
from tests.sample_service import SampleService, depositor_key, depositor_of, possession, seen, statement
from werkzeug.test import TestResponse

import hefu_ledger
import hefu_service
from hefu_ledger.errors import LedgerError, MalformedError
from hefu_ledger.note import format_note, parse_note
from hefu_ledger.number import format_number
from hefu_ledger.statement import statement_id
from hefu_ledger.verify.case import NotReachedError
from hefu_service.api.problems import INTERNAL, PROBLEMS, problem_of
from hefu_service.intake.enrolment import CODE_VALID_MS, retire_key
from hefu_service.intake.refusals import OneOfManyError
from hefu_service.logs import JsonFormatter
from hefu_service.ports import PortError, StorageError
from hefu_service.settings import SettingsError

VECTORS = Path(__file__).parents[1] / "vectors" / "v1"
EVIDENCE = (VECTORS / "evidence/0/formula.txt.hefu.json").read_bytes()
BUNDLE = (VECTORS / "bundles/1.hefu.bundle").read_bytes()


@pytest.fixture
def api(service: SampleService) -> SampleApi:
    return api_of(service)


@contextmanager
def unchanged(api: SampleApi) -> Iterator[None]:
    """Nothing of the database changes meanwhile."""

    def heads() -> tuple[object, ...]:
        with api.service.services.store.view() as view:
            return view.intake_head(), view.ledger_head(), list(view.events(0)), list(view.deposits(0, 1000))

    before = heads()
    yield
    assert heads() == before


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """Everything that is logged meanwhile, as the service writes it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def kind(answer: TestResponse) -> str:
    """The status and type of a problem."""
    assert answer.mimetype == PROBLEM
    assert answer.get_json()["status"] == answer.status_code
    return f"{answer.status_code} {answer.get_json()['type'].removeprefix('about:hefu/')}"


# The table


def error_classes() -> set[type[Exception]]:
    """Every exception class that the ledger or the service defines."""

    def modules(package: ModuleType) -> Iterator[ModuleType]:
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations" not in found.name:
                yield importlib.import_module(found.name)

    return {
        value
        for package in (hefu_ledger, hefu_service)
        for module in modules(package)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == module.__name__
    }


def test_every_error_of_ours_is_in_the_table_or_cannot_reach_a_client() -> None:
    never_in_a_request = {NotReachedError, SettingsError}
    by_its_cause = {OneOfManyError}
    missing = {each for each in error_classes() if not any(base in PROBLEMS for base in each.__mro__)}
    assert missing == never_in_a_request
    assert by_its_cause < error_classes() - set(PROBLEMS)
    assert len(error_classes()) >= 20


def test_a_problem_tells_nothing_of_an_error_of_the_service_s_own() -> None:
    for error, problem in PROBLEMS.items():
        if issubclass(error, PortError) and problem.type != "clock":
            assert not problem.tell
        if problem.status == 503:
            assert problem.retry_after_s
        assert problem.status in {400, 403, 404, 409, 410, 422, 429, 500, 503, 507}
    assert problem_of(ZeroDivisionError()) is INTERNAL
    assert not INTERNAL.tell


# Errors of the service's own


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (StorageError("cannot write /srv/secret"), "503 storage"),
        (PortError("secret"), "500 internal"),
        (RuntimeError("secret"), "500 internal"),
        (MalformedError("secret is damaged"), "500 internal"),
        (LedgerError("secret"), "500 internal"),
        (UnicodeDecodeError("utf-8", b"secret", 0, 1, "secret"), "500 internal"),
        (KeyError("secret"), "500 internal"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/deposits/" + "0" * 64, "/v1/enrolments/x", "/v1/numbers/FX0000000000000"])
def test_an_internal_error_shows_nothing_of_itself(
    api: SampleApi, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: str, path: str
) -> None:
    def fail() -> NoReturn:
        raise error

    monkeypatch.setattr(type(api.service.services.store), "view", lambda _self: fail())
    if "numbers" in path:
        path = "/v1/numbers/" + number_of(0)
    with logged() as log:
        answer = api.get(path)
    assert kind(answer) == expected
    assert "detail" not in answer.get_json()
    assert b"secret" not in answer.data
    assert "secret" in log.getvalue(), "the operator is told"
    assert answer.headers["X-Request-Id"] in log.getvalue()


def number_of(seq: int) -> str:
    return format_number("FX", seq)


def test_a_damaged_tile_is_no_fault_of_who_asks_for_a_receipt(api: SampleApi) -> None:
    key = api.service.enrol()
    note = statement(key)
    api.statement(note)
    api.statement(statement(key, 1))  # the leaf of a batch of one is its root, whatever a file says
    api.service.settle()
    for leaves in (api.service.data / "ledger").rglob("leaves"):
        leaves.chmod(0o600)
        leaves.write_bytes(b"short")
    answer = api.get(f"/v1/deposits/{statement_id(parse_note(note)).hex()}/receipt")
    assert answer.status_code >= 500
    assert "detail" not in answer.get_json()


# What the framework refuses


def test_the_framework_s_own_refusals_are_problems(api: SampleApi) -> None:
    assert kind(api.get("/")) == "404 not-found"
    assert kind(api.get("/ledger//checkpoint")) == "404 not-found", "and no redirect, which would be HTML"
    assert kind(api.get("/healthz/")) == "404 not-found"
    assert kind(api.get("/v1/deposits/")) == "404 not-found"
    assert kind(api.delete("/v1/deposits")) == "405 method-not-allowed"
    assert kind(api.options("/v1/deposits")) == "405 method-not-allowed"
    refused = api.get("/v1/deposits")
    assert kind(refused) == "405 method-not-allowed"
    assert refused.headers["Allow"] == "POST"


@pytest.mark.parametrize("path", ["/v1/deposits", "/v1/enrolments", "/v1/verify"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": ""},
        {"Content-Type": "text/html"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "application/json", "Content-Encoding": ""},
    ],
)
def test_media_types_are_exact(api: SampleApi, path: str, headers: dict[str, str]) -> None:
    with unchanged(api):
        assert kind(api.post(path, data=b"{}", headers=headers)) == "415 unsupported-media-type"


def test_a_charset_does_not_make_another_media_type(api: SampleApi) -> None:
    note = statement(api.service.enrol())
    assert api.post("/v1/deposits", data=note, content_type="text/plain; charset=utf-8").status_code == 201
    assert api.post("/v1/deposits", data=note, content_type="TEXT/PLAIN").status_code == 200


def test_text_is_not_taken_where_json_is_wanted(api: SampleApi) -> None:
    for path in ("/v1/enrolments", "/v1/verify"):
        assert kind(api.post(path, data=b"{}", content_type="text/plain")) == "415 unsupported-media-type"


@pytest.mark.parametrize(
    ("path", "content_type", "size"),
    [
        ("/v1/deposits", "text/plain", 4097),
        ("/v1/deposits", "text/plain", 300_000),
        ("/v1/deposits", "application/json", 262_145),
        ("/v1/enrolments", "application/json", 262_145),
        ("/v1/verify", "application/json", 2_000_000),
    ],
)
def test_a_body_that_is_too_long_is_refused(api: SampleApi, path: str, content_type: str, size: int) -> None:
    with unchanged(api):
        answer = api.post(path, data=b" " * size, content_type=content_type)
    assert kind(answer) == "413 request-entity-too-large"


# Malformed bodies

DEEP = 100_000
NOT_A_BODY = {
    "empty": b"",
    "a space": b" ",
    "truncated": b'{"statements": ["',
    "trailing": b'{"statements": []} x',
    "a key twice": b'{"statements": ["a"], "statements": ["a"]}',
    "nested": b'{"statements": [' + b"[" * 40 + b"]" * 40 + b"]}",
    "nested beyond the stack": b"[" * DEEP + b"]" * DEEP,
    "half nested": b'{"a":' * 20_000,
    "UTF-16": '{"statements": ["a"]}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"statements": ["a"]}',
    "GBK": '{"statements": ["合符"]}'.encode("gbk"),
    "a lone surrogate": b'{"statements": ["\\ud800"]}',
    "a float": b'{"statements": [1.5]}',
    "NaN": b'{"statements": [NaN]}',
    "a huge number": b'{"statements": [' + b"9" * 100_000 + b"]}",
    "a key that is not ASCII": '{"声明": ["a"]}'.encode(),
    "null": b"null",
    "a list": b"[]",
    "a text": b'"statements"',
    "nothing": b"{}",
    "another member": b'{"statements": ["a"], "more": 1}',
    "no list": b'{"statements": "a"}',
    "an object": b'{"statements": {"0": "a"}}',
    "none": b'{"statements": []}',
    "a number": b'{"statements": [1]}',
    "a null": b'{"statements": [null]}',
    "a list of a list": b'{"statements": [["a"]]}',
    "an empty text": b'{"statements": [""]}',
    "65": json.dumps({"statements": ["a"] * 65}).encode(),
}


@pytest.mark.parametrize("body", NOT_A_BODY.values(), ids=NOT_A_BODY.keys())
@pytest.mark.parametrize("path", ["/v1/deposits", "/v1/enrolments"])
def test_a_malformed_body_is_refused(api: SampleApi, path: str, body: bytes) -> None:
    with unchanged(api):
        answer = api.post(path, data=body, content_type="application/json")
    assert kind(answer) == "400 malformed"
    assert len(answer.data) < 1000


@pytest.mark.parametrize("body", NOT_A_BODY.values(), ids=NOT_A_BODY.keys())
def test_what_is_no_receipt_is_refused_or_not_judged(api: SampleApi, body: bytes) -> None:
    answer = api.post("/v1/verify", data=body, content_type="application/json")
    if answer.status_code == 200:
        assert answer.get_json()["verdict"] == "cannot tell"
    else:
        assert kind(answer) == "400 malformed"


@pytest.mark.parametrize(
    ("code", "note"), [(1, "x"), ("", "x"), ("x" * 101, "x"), ("x", None), ("x", ""), ("x", "x" * 4097), ("x", ["x"])]
)
def test_an_enrolment_of_other_types_is_malformed(api: SampleApi, code: object, note: object) -> None:
    with unchanged(api):
        answer = api.post("/v1/enrolments", json={"code": code, "possession": note})
    assert kind(answer) == "400 malformed"


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "a line": lambda _: b"\n",
    "not UTF-8": lambda note: note.replace(b"hefu", b"\xff"),
    "UTF-16": lambda note: note.decode().encode("utf-16"),
    "without its last line break": lambda note: note[:-1],
    "with one more": lambda note: note + b"\n",
    "with Windows line ends": lambda note: note.replace(b"\n", b"\r\n"),
    "without signatures": lambda note: note.partition(b"\n\n")[0] + b"\n",
    "with a space in its JSON": lambda note: note.replace(b'":', b'": ', 1),
    "of a kind that is none": lambda note: note.replace(b'"file"', b'"File"'),
    "of another format": lambda note: note.replace(b"hefu-deposit", b"hefu-deposits"),
    "cut short": lambda note: note[: len(note) // 2],
    "with a NUL": lambda note: b"\0" + note,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_malformed_statement_is_refused(api: SampleApi, change: Callable[[bytes], bytes]) -> None:
    note = change(statement(api.service.enrol()))
    with unchanged(api):
        assert kind(api.statement(note)) == "400 malformed"


def test_a_statement_of_a_later_version_is_told_so(api: SampleApi) -> None:
    note = statement(api.service.enrol()).replace(b"hefu-deposit/v1", b"hefu-deposit/v2")
    with unchanged(api):
        assert kind(api.statement(note)) in {"400 unknown-format", "400 malformed"}


# Statements that are refused


def unknown_depositor(_: SampleApi) -> bytes:
    return statement(depositor_key("nobody.secret", "key"))


def unknown_key(api: SampleApi) -> bytes:
    depositor = depositor_of(api.service.enrol())
    return statement(depositor_key(depositor, "never enrolled"))


def retired_key(api: SampleApi) -> bytes:
    key = api.service.enrol()
    retire_key(api.service.services, depositor_of(key), key.key, reason="lost")
    return statement(key)


def another_s_key(api: SampleApi) -> bytes:
    key, other = api.service.enrol("key"), api.service.enrol("other")
    return statement(other, depositor=depositor_of(key))


def one_line_more(api: SampleApi) -> bytes:
    key = api.service.enrol()
    return statement(key, 0, depositor_key(depositor_of(key), "stranger"))


def one_line_too_few(api: SampleApi) -> bytes:
    return statement(api.service.enrol(signatures_required=2))


def changed_after_signing(api: SampleApi) -> bytes:
    return statement(api.service.enrol()).replace(b'"count":1', b'"count":2')


def another_text_s_signature(api: SampleApi) -> bytes:
    key = api.service.enrol()
    one, two = parse_note(statement(key, 1)), parse_note(statement(key, 2))
    return format_note(one._replace(signatures=two.signatures))


def for_another_ledger(api: SampleApi) -> bytes:
    return statement(api.service.enrol(), origin="log.example/minhang")


def that_has_seen_more(api: SampleApi) -> bytes:
    return statement(api.service.enrol(), seen=seen(1000))


REFUSED = [
    (unknown_depositor, "403 unknown-depositor"),
    (unknown_key, "403 key-not-in-force"),
    (retired_key, "403 key-not-in-force"),
    (another_s_key, "403 key-not-in-force"),
    (one_line_more, "403 key-not-in-force"),
    (one_line_too_few, "403 signature-refused"),
    (changed_after_signing, "403 signature-refused"),
    (another_text_s_signature, "403 signature-refused"),
    (for_another_ledger, "422 wrong-ledger"),
    (that_has_seen_more, "422 wrong-ledger"),
]


@pytest.mark.parametrize(("refused", "expected"), REFUSED)
def test_a_statement_is_refused_by_its_cause(
    api: SampleApi, refused: Callable[[SampleApi], bytes], expected: str
) -> None:
    note = refused(api)
    with unchanged(api):
        assert kind(api.statement(note)) == expected
        assert kind(api.statements([note])) == expected


@pytest.mark.parametrize(("refused", "expected"), [*REFUSED, (lambda _: b"no note", "400 malformed")])
@pytest.mark.parametrize("index", [0, 2])
def test_one_refused_statement_refuses_all_and_is_named(
    api: SampleApi, refused: Callable[[SampleApi], bytes], expected: str, index: int
) -> None:
    key = api.service.enrol("good")
    notes = [statement(key, number) for number in range(3)]
    notes[index] = refused(api)
    with unchanged(api):
        answer = api.statements(notes)
    assert kind(answer) == expected
    assert answer.get_json()["index"] == index


# Codes


def test_a_code_that_is_wrong_expired_or_unknown_is_refused_alike(api: SampleApi) -> None:
    code = api.service.code()
    note = possession(depositor_key(code, "key"))
    wrong = [f"{code}x", code.partition(".")[0], code.replace(".", ""), "nobody.secret", "合.符", "\0.x", code.upper()]
    with unchanged(api):
        answers = [api.enrol(each, note) for each in wrong]
        api.service.clock.time_ms += CODE_VALID_MS + 10
        answers.append(api.enrol(code, note))
    assert {kind(answer) for answer in answers} == {"403 code-refused"}
    assert len({answer.data for answer in answers}) == 1, "which of them it is, is not told"


def test_a_used_code_and_an_enrolled_key_conflict(api: SampleApi) -> None:
    code = api.service.code()
    assert api.enrol(code, possession(depositor_key(code, "key"))).status_code == 201
    with unchanged(api):
        assert kind(api.enrol(code, possession(depositor_key(code, "other")))) == "409 conflict"


def test_a_possession_note_that_is_not_the_holder_s_is_refused(api: SampleApi) -> None:
    code, another = api.service.code(), api.service.code()
    with unchanged(api):
        assert kind(api.enrol(code, possession(depositor_key(another, "key")))) == "422 possession-refused"
        assert kind(api.enrol(code, b"no note")) == "400 malformed"


def at_once(api: SampleApi, count: int, ask: Callable[[SampleApi, int], TestResponse]) -> list[TestResponse]:
    def one(number: int) -> TestResponse:
        client = api.application.test_client()
        assert isinstance(client, SampleApi)
        return ask(client, number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_two_keys_at_once_with_one_code_enrol_one(api: SampleApi) -> None:
    code = api.service.code()
    answers = at_once(api, 8, lambda client, n: client.enrol(code, possession(depositor_key(code, f"key {n % 2}"))))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201, 409, 409, 409, 409]
    assert len({answer.data for answer in answers if answer.status_code < 300}) == 1
    with api.service.services.store.view() as view:
        assert len(list(view.events(0))) == 1


def test_one_statement_sixteen_times_at_once_is_one_deposit(api: SampleApi) -> None:
    note = statement(api.service.enrol())
    answers = at_once(api, 16, lambda client, _: client.statement(note))
    assert sorted(answer.status_code for answer in answers) == [*[200] * 15, 201]
    assert len({answer.data for answer in answers}) == 1
    with api.service.services.store.view() as view:
        assert view.intake_head().next_seq == 1


# Private halves


def marks(value: Any) -> Iterator[str]:
    """Every nonce, seed and digest of a private half."""
    if isinstance(value, dict):
        for name, member in value.items():
            if name in {"nonce", "seed", "sha-256", "sm3"} and isinstance(member, str):
                yield member
            yield from marks(member)
    elif isinstance(value, list):
        for member in value:
            yield from marks(member)
    elif isinstance(value, str) and value.startswith("{"):
        yield from marks(json.loads(value))


SECTIONS = json.loads(EVIDENCE)["sections"]
PRIVATE = {
    "an evidence file": EVIDENCE,
    "one written with spaces": json.dumps(json.loads(EVIDENCE), indent=2).encode(),
    "one cut short": EVIDENCE[: EVIDENCE.index(b'"sections"') + 200],
    "one in a list": b"[" + EVIDENCE + b"]",
    "its sections": json.dumps({"sections": SECTIONS}).encode(),
    "one opened section": json.dumps(SECTIONS["document"]).encode(),
    "the text of one": SECTIONS["document"]["text"].encode(),
    "one as a statement": json.dumps({"statements": [EVIDENCE.decode()]}).encode(),
    "one as a code": json.dumps({"code": EVIDENCE.decode(), "possession": "x"}).encode(),
    "a seed": json.dumps({"statements": ["x"], "seed": "ab" * 32}).encode(),
    "a seed in escapes": b'{"\\u0073eed": "' + b"ab" * 32 + b'"}',
    "a bundle": BUNDLE,
    "a bundle's first line": BUNDLE.splitlines(keepends=True)[0],
}


@pytest.mark.parametrize("body", PRIVATE.values(), ids=PRIVATE.keys())
@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/v1/deposits", "application/json"),
        ("/v1/deposits", "text/plain"),
        ("/v1/verify", "application/json"),
        ("/v1/enrolments", "application/json"),
    ],
)
def test_a_private_half_is_refused_and_neither_kept_nor_logged(
    api: SampleApi, path: str, content_type: str, body: bytes
) -> None:
    api.service.deposit(api.service.enrol())
    escaped = b"\\u0073" in body and content_type == "text/plain"  # nobody's JSON, then
    with logged() as log, unchanged(api):
        answer = api.post(path, data=body, content_type=content_type)
    assert kind(answer) == ("400 malformed" if escaped else "422 private-half")
    api.service.settle()
    secrets = {*marks(json.loads(EVIDENCE)), *marks(json.loads(BUNDLE.splitlines()[0])), "ab" * 32, "formula.txt"}
    assert len(secrets) >= 6
    kept = b"".join(path.read_bytes() for path in api.service.data.rglob("*") if path.is_file())
    assert b"log.example/fengxian" in kept
    for secret in secrets:
        assert secret.encode() not in answer.data
        assert secret not in log.getvalue()
        assert secret.encode() not in kept


def test_a_receipt_is_no_private_half(api: SampleApi) -> None:
    receipts = sorted((VECTORS / "receipts").glob("*.json"))
    assert receipts
    for receipt in receipts:
        answer = api.post("/v1/verify", data=receipt.read_bytes(), content_type="application/json")
        assert answer.get_json()["verdict"] == "proven"


def test_the_longest_receipt_is_read_before_it_is_judged(api: SampleApi) -> None:
    body = json.dumps({"receipt": "x" * 700_000}).encode()
    answer = api.post("/v1/verify", data=body, content_type="application/json")
    assert answer.get_json()["verdict"] == "cannot tell"


# The log


def test_log_lines_hold_nothing_of_whoever_asks(api: SampleApi) -> None:
    with logged() as log:
        code = api.service.code()
        key = depositor_key(code, "key")
        api.enrol(code, possession(key))
        api.enrol(f"{code}x", possession(key))
        note = statement(key)
        identity = statement_id(parse_note(note)).hex()
        acknowledgement = api.statement(note).data.decode()
        api.statement(note.replace(b'"count":1', b'"count":2'))
        api.statements([note, b"no note"])
        api.service.settle()
        for path in (
            f"/v1/deposits/{identity}",
            f"/v1/deposits/{identity}/receipt",
            f"/v1/deposits/{identity}x?{identity}",
            f"/v1/enrolments/{depositor_of(key)}",
            f"/v1/numbers/{number_of(0)}",
            f"/{identity}",
            "/ledger/checkpoint",
        ):
            api.get(path, headers={"User-Agent": identity, "Referer": identity})
        api.get("/v1/batches/2/entries", headers={"Authorization": f"Bearer {TOKEN}"})
        api.get("/v1/batches/2/entries", headers={"Authorization": f"Bearer {identity}"})
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    requests = [line for line in lines if line["logger"] == "hefu.request"]
    assert len(requests) == 14
    assert {line["route"] for line in requests} >= {"none", "/v1/deposits", "/v1/deposits/<statement_id>"}
    members = {"time", "level", "logger", "message", "request", "method", "route", "status", "ms"}
    assert all(set(line) - {"problem"} == members for line in requests)
    depositor, _, secret = code.partition(".")
    signature = note.splitlines()[-1].rpartition(b" ")[2].decode()
    signed = acknowledgement.splitlines()[-1].rpartition(" ")[2]
    for hidden in (depositor, secret, identity, number_of(0), signature, signed, TOKEN, "上海", "127.0.0.1"):
        assert hidden not in log.getvalue()
