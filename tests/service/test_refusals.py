"""Whatever is malformed, unsigned or out of place is refused by its cause, and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.service.refusing import kind, unchanged
from tests.support.sample_api import SampleApi, api_of
from tests.support.sample_service import SampleService, depositor_key, depositor_of, possession, seen, statement
from werkzeug.test import TestResponse

from hefu_ledger.tlog.note import format_note, parse_note
from hefu_service.intake.enrolment import CODE_VALID_MS, retire_key


@pytest.fixture
def api(service: SampleService) -> SampleApi:
    return api_of(service)


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
    note = api.service.possession(code, depositor_key(code, "key"))
    wrong = [f"{code}x", code.partition(".")[0], code.replace(".", ""), "nobody.secret", "合.符", "\0.x", code.upper()]
    with unchanged(api):
        answers = [api.enrol(each, note) for each in wrong]
        api.service.clock.time_ms += CODE_VALID_MS + 10
        answers.append(api.enrol(code, possession(depositor_key(code, "key"), at=api.service.clock.time_ms)))
    assert {kind(answer) for answer in answers} == {"403 code-refused"}
    assert len({answer.data for answer in answers}) == 1, "which of them it is, is not told"


def test_a_used_code_and_an_enrolled_key_conflict(api: SampleApi) -> None:
    code = api.service.code()
    assert api.redeem(code, depositor_key(code, "key")).status_code == 201
    with unchanged(api):
        assert kind(api.redeem(code, depositor_key(code, "other"))) == "409 conflict"


def test_a_possession_note_that_is_not_the_holder_s_is_refused(api: SampleApi) -> None:
    code, another = api.service.code(), api.service.code()
    with unchanged(api):
        assert kind(api.redeem(code, depositor_key(another, "key"))) == "422 possession-refused"
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
    notes = [api.service.possession(code, depositor_key(code, f"key {n}")) for n in range(2)]
    answers = at_once(api, 8, lambda client, n: client.enrol(code, notes[n % 2]))
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
