"""Policies: which files conform, what is refused on which line, and when a quorum was complete."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cases import every_case

from hefu_ledger.errors import LedgerError, MalformedError, UnknownFormatError
from hefu_ledger.tlog.keys import COSIGNATURE, ED25519, Ed25519Signer, MLDSA44Signer, VerifierKey, format_vkey
from hefu_ledger.tlog.policy import Group, Log, Policy, Witness, format_policy, parse_policy, quorum_second, quorum_time


def key(name: str, number: int, key_type: int) -> VerifierKey:
    return Ed25519Signer(name, number.to_bytes(32, "big"), key_type).key


@cache
def mldsa(name: str, number: int) -> VerifierKey:
    return MLDSA44Signer(name, number.to_bytes(32, "big")).key


LOG = key("log.example", 1, ED25519)
LOG_TEXT = format_vkey(LOG)
WITNESSES = {
    name: key(f"{name}.example", 10 + number, COSIGNATURE)
    for number, name in enumerate(["X1", "X2", "X3", "Y1", "Y2", "Y3"])
}
LINES = {name: f"witness {name} {format_vkey(key)}\n" for name, key in WITNESSES.items()}

# The example of the specification.
EXAMPLE = (
    f"log {LOG_TEXT}\n\n"
    f"{LINES['X1']}{LINES['X2']}{LINES['X3']}group X-witnesses 2 X1 X2 X3\n\n"
    f"{LINES['Y1']}{LINES['Y2']}{LINES['Y3']}group Y-witnesses any Y1 Y2 Y3\n\n"
    "group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n"
)
POLICY = Policy(
    (Log(LOG),),
    tuple(Witness(name, key) for name, key in WITNESSES.items()),
    (
        Group("X-witnesses", 2, ("X1", "X2", "X3")),
        Group("Y-witnesses", 1, ("Y1", "Y2", "Y3")),
        Group("X-and-Y", 2, ("X-witnesses", "Y-witnesses")),
    ),
    "X-and-Y",
)
KEYS = [mldsa(f"n{n}", 100 + n) if n % 2 else key(f"n{n}", 100 + n, COSIGNATURE) for n in range(6)]
names = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters=" "), min_size=1).filter(
    lambda name: name != "none"
)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    urls = st.none() | names
    logs = [
        Log(mldsa(f"l{n}", n) if hedged else key(f"l{n}", n, ED25519), draw(urls))
        for n, hedged in enumerate(draw(st.lists(st.booleans(), max_size=3)))
    ]
    defined = draw(st.lists(names, max_size=9, unique=True))
    witnesses = tuple(Witness(name, KEYS[n], draw(urls)) for n, name in enumerate(defined[:6]))
    free = [witness.name for witness in witnesses]
    groups = []
    for name in defined[6:]:
        members = draw(st.lists(st.sampled_from(free), unique=True, min_size=1))
        groups.append(Group(name, draw(st.integers(1, len(members))), tuple(members)))
        free = [other for other in free if other not in members] + [name]
    return Policy(
        tuple(logs), witnesses, tuple(groups), draw(st.none() | st.sampled_from(defined) if defined else st.none())
    )


def test_the_example_of_the_specification_reads() -> None:
    assert parse_policy(EXAMPLE) == POLICY


@given(policies())
def test_every_policy_reads_back(policy: Policy) -> None:
    assert parse_policy(format_policy(policy)) == policy


def test_a_written_policy_shows_the_fingerprint_above_each_key() -> None:
    lines = format_policy(POLICY).splitlines()
    for shown in (LOG, *WITNESSES.values()):
        at = next(number for number, line in enumerate(lines) if format_vkey(shown) in line)
        assert lines[at - 1] == f"# fingerprint sha256 {shown.fingerprint}"


@given(st.integers(0, len(EXAMPLE)), st.text(max_size=2), st.integers(0, 2))
def test_a_changed_policy_is_refused_or_reads_back_through_its_meaning(at: int, new: str, cut: int) -> None:
    try:
        policy = parse_policy(EXAMPLE[:at] + new + EXAMPLE[at + cut :])
    except LedgerError:
        return
    assert parse_policy(format_policy(policy)) == policy


def test_comments_blank_lines_tabs_and_spaces_mean_nothing() -> None:
    text = (
        f"#\n \t\n\n  # log {LOG_TEXT}\n#log\n\tlog\t {LOG_TEXT} \t https://log.example/ \n \tquorum  \tnone\t\n# end\n"
    )
    assert parse_policy(text) == Policy((Log(LOG, "https://log.example/"),), (), (), None)


def test_lines_may_follow_the_quorum_and_logs_may_be_missing() -> None:
    policy = parse_policy(f"{LINES['X1']}quorum X1\n{LINES['X2']}log {LOG_TEXT}\n")
    assert (policy.quorum, len(policy.witnesses), len(policy.logs)) == ("X1", 2, 1)
    assert parse_policy("quorum none\n") == Policy((), (), (), None)


PQ = mldsa("log.example", 1)
BOTH = f"log {LOG_TEXT}\nlog {format_vkey(PQ)}\n"


def test_a_log_may_have_keys_of_both_types_under_its_name() -> None:
    policy = parse_policy(BOTH + "quorum none\n")
    assert [log.key for log in policy.logs] == [LOG, PQ]
    lines = format_policy(policy).splitlines()
    assert [lines[0], lines[2]] == [f"# fingerprint sha256 {key.fingerprint}" for key in (LOG, PQ)]


@every_case(
    "witness",
    [
        key("log.example", 7, COSIGNATURE),
        mldsa("log.example", 7),
        key("w.example", 1, COSIGNATURE),
        mldsa("w.example", 1),
        key("log.example", 1, COSIGNATURE),
    ],
    ids=["name", "name of a 06 key", "public key", "06 public key", "both"],
)
def test_a_witness_with_the_name_or_the_public_key_of_a_log_is_refused_before_it_and_after(
    witness: VerifierKey,
) -> None:
    line = f"witness w {format_vkey(witness)}\n"
    for text, number in ((BOTH + line, 3), (line + BOTH, r"[23]")):
        with pytest.raises(MalformedError, match=f"^policy line {number}: .*own witness") as caught:
            parse_policy(text + "quorum w\n")
        assert caught.value.code == "policy-witness-log"


TWICE = f"witness a {format_vkey(key('w.example', 21, COSIGNATURE))}\nwitness b {format_vkey(mldsa('w.example', 22))}\n"
OTHER = f"witness c {format_vkey(key('c.example', 23, COSIGNATURE))}\n"


@every_case(
    "groups",
    [
        "quorum none\n",
        "quorum a\n",
        "group g all a b\nquorum g\n",
        "group g 2 a b c\nquorum g\n",
        "group g any a c\nquorum g\n",
        "group g any a\ngroup h any b\nquorum none\n",
        "group g any a\ngroup h any g b\nquorum h\n",
        "group g any a c\ngroup h 2 g b\nquorum h\n",
    ],
)
def test_two_witnesses_of_one_key_name_outside_one_group_of_any_are_refused(groups: str) -> None:
    for first in (TWICE + OTHER, OTHER + "".join(reversed(TWICE.splitlines(keepends=True)))):
        with pytest.raises(MalformedError, match=r"one key name, 'w\.example'.*group of 'any'") as caught:
            parse_policy(first + groups)
        assert caught.value.code == "policy-one-witness"


@every_case("groups", ["group g any a b\n", "group g any a c b\n", "group g 1 b a\n"])
def test_two_keys_of_one_witness_in_one_group_of_any_count_once_and_from_the_earlier_line(groups: str) -> None:
    policy = parse_policy(f"{TWICE}{OTHER}{groups}group h all g\nquorum h\n")
    a, b, c = (witness.key for witness in policy.witnesses)
    assert quorum_second(policy, {a: 9, b: 7}) == quorum_second(policy, {a: 7, b: 9}) == 7
    assert quorum_second(policy, {b: 8}) == 8
    assert quorum_second(policy, {}) is None
    if "c" not in groups:
        assert quorum_second(policy, {c: 8}) is None


def test_a_third_key_of_a_witness_must_be_in_the_group_too() -> None:
    third = f"witness d {format_vkey(key('w.example', 24, COSIGNATURE))}\n"
    assert parse_policy(f"{TWICE}{third}group g any a b d\nquorum g\n").quorum == "g"
    with pytest.raises(MalformedError, match="'a' and 'd'"):
        parse_policy(f"{TWICE}{third}group g any a b\nquorum g\n")


@every_case("name", ["w\u00a0x", "\u2028", "\x85", "见证", "K", "\udcff", "all", "2", "#w"])
def test_a_name_is_opaque_between_spaces(name: str) -> None:
    text = LINES["X1"].replace("X1 ", f"{name} ", 1) + f"group g all {name}\nquorum {name}\n"
    policy = parse_policy(text)
    assert (policy.witnesses[0].name, policy.quorum, policy.groups[0].members) == (name, name, (name,))


def test_names_that_look_alike_are_different() -> None:
    with pytest.raises(MalformedError, match="line 2"):
        parse_policy(LINES["X1"].replace("X1 ", "K ", 1) + "quorum \N{KELVIN SIGN}\n")


def test_forty_of_each_are_read() -> None:
    logs = [f"log {format_vkey(key(f'l{n}', n, ED25519))}\n" for n in range(40)]
    witnesses = [f"witness w{n} {format_vkey(key(f'w{n}', 100 + n, COSIGNATURE))}\n" for n in range(40)]
    groups = [f"group g{n} any w{n}\n" for n in range(40)]
    policy = parse_policy("".join((*logs, *witnesses, *groups, "quorum g39\n")))
    assert (len(policy.logs), len(policy.witnesses), len(policy.groups)) == (40, 40, 40)


@every_case(
    ("line", "defect"),
    [
        ("log", "not one of"),
        (f"log {LOG_TEXT} url url", "not one of"),
        (f"LOG {LOG_TEXT}", "not one of"),
        (f"log {LOG_TEXT}x", "base64"),
        (f"log {format_vkey(WITNESSES['Y1'])}", "type 0x04; a log's is of type 0x01 or 0x06"),
        (f"witness w {format_vkey(key('w', 2, ED25519))}", "type 0x01; a witness's is of type 0x04 or 0x06"),
        (LINES["Y1"].replace("Y1 ", "", 1), "not one of"),
        (LINES["Y1"].rstrip() + " url url", "not one of"),
        (LINES["Y1"].replace("Y1 ", "X1 ", 1), "taken"),
        (LINES["Y1"].replace("Y1 ", "none ", 1), "taken"),
        (LINES["Y1"].replace("Y1 ", "g ", 1), "taken"),
        (LINES["X1"].replace("X1 ", "Z ", 1), "earlier line already"),
        (f"witness Z {format_vkey(key('another.example', 10, COSIGNATURE))}", "earlier line already"),
        (f"log {format_vkey(key('other.example', 5, ED25519))}", "earlier line already"),
        ("group h", "not one of"),
        ("group h all", "not one of"),
        ("group h 0 X3", "cannot ask for 0"),
        ("group h 2 X3", "cannot ask for 2"),
        ("group h +1 X3", "decimal"),
        ("group h 01 X3", "decimal"),
        ("group h -1 X3", "decimal"),
        ("group h \uff11 X3", "decimal"),
        ("group h ALL X3", "decimal"),
        ("group h all X3 X3", "member of a group already"),
        ("group h all X1", "member of a group already"),
        ("group h all none", "no witness or group"),
        ("group h all h", "no witness or group"),
        ("group h all later", "no witness or group"),
        ("group X3 all g", "taken"),
        ("group none all X3", "taken"),
        ("group g all X3", "taken"),
        ("quorum", "not one of"),
        ("quorum X1 X2", "not one of"),
        ("quorum later", "no witness or group"),
        ("quorum none\nquorum none", "second"),
        ("quorum X1\nquorum none", "second"),
        ("threshold 1", "not one of"),
        ("quorum\u00a0none", "not one of"),
        ("quorum none\r", "control"),
        ("# comment\r", "control"),
        ("# \x00", "control"),
        ("# \x0b", "control"),
        ("# \x7f", "control"),
    ],
)
def test_a_bad_line_is_refused_by_its_number(line: str, defect: str) -> None:
    before = (
        f"log {format_vkey(key('log.example', 5, ED25519))}\n{LINES['X1']}{LINES['X2']}{LINES['X3']}group g 1 X1 X2\n"
    )
    number = 6 + line.rstrip("\n").count("\n")
    with pytest.raises(MalformedError, match=f"^policy line {number}: .*{defect}"):
        parse_policy(f"{before}{line.rstrip(chr(10))}\nquorum none\n")


@every_case("line", ["log {}", "witness w {}"])
def test_a_key_of_a_newer_type_is_unknown_rather_than_wrong(line: str) -> None:
    newer = format_vkey(VerifierKey("new.example", 0x07, bytes(5)))
    with pytest.raises(UnknownFormatError, match=r"line 1.*0x07"):
        parse_policy(f"{line.format(newer)}\nquorum none\n")


@pytest.mark.parametrize("text", ["", f"log {LOG_TEXT}\n", "# quorum none\n"])
def test_a_policy_without_quorum_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match="quorum"):
        parse_policy(text)


def test_a_last_line_without_line_feed_is_refused_as_cut_off() -> None:
    with pytest.raises(MalformedError, match=r"line 14.*cut off"):
        parse_policy(EXAMPLE[:-1])


def test_a_policy_as_long_as_the_limit_is_read_and_one_character_more_refused() -> None:
    assert parse_policy(EXAMPLE, limit=len(EXAMPLE)) == POLICY
    with pytest.raises(MalformedError, match="at most"):
        parse_policy(EXAMPLE, limit=len(EXAMPLE) - 1)
    with pytest.raises(MalformedError, match="at most 65536"):
        parse_policy("#" * 65536 + "\nquorum none\n")


def test_what_the_format_cannot_carry_is_not_written() -> None:
    for policy in (
        POLICY._replace(quorum="nobody"),
        POLICY._replace(quorum="none"),
        POLICY._replace(logs=(Log(LOG, ""),)),
        POLICY._replace(logs=(Log(LOG, "a b"),)),
        POLICY._replace(logs=(Log(LOG, "a\nquorum none"),)),
        POLICY._replace(logs=(Log(WITNESSES["X1"]),)),
        POLICY._replace(witnesses=(Witness("", WITNESSES["X1"]),)),
        POLICY._replace(groups=(Group("g", 0, ("X1",)),), quorum="g"),
        POLICY._replace(groups=(Group("g", 1, ()),), quorum="g"),
    ):
        with pytest.raises(MalformedError):
            format_policy(policy)


def holds(name: str, present: frozenset[str]) -> bool:
    """The specification's sentence about groups, word for word."""
    for group in POLICY.groups:
        if group.name == name:
            return sum(holds(member, present) for member in group.members) >= group.threshold
    return name in present


@pytest.mark.parametrize("quorum", ["X1", "X-witnesses", "Y-witnesses", "X-and-Y"])
def test_a_quorum_is_met_by_exactly_the_sets_that_the_specification_says(quorum: str) -> None:
    policy = POLICY._replace(quorum=quorum)
    for count in range(7):
        for present in map(frozenset, combinations(WITNESSES, count)):
            time = quorum_time(policy, dict.fromkeys(present, 7))
            assert time == (7 if holds(quorum, present) else None)


@given(st.dictionaries(st.sampled_from(sorted(WITNESSES)), st.integers(0, 9)))
def test_the_quorum_time_is_the_first_second_in_which_it_was_complete(times_s: dict[str, int]) -> None:
    seconds = [
        second
        for second in range(10)
        if holds("X-and-Y", frozenset(name for name, at in times_s.items() if at <= second))
    ]
    assert quorum_time(POLICY, times_s) == (seconds[0] if seconds else None)


@given(st.dictionaries(st.sampled_from(sorted(WITNESSES)), st.integers(0, 9)))
def test_the_quorum_by_keys_is_the_one_by_names_and_strangers_count_for_nothing(times_s: dict[str, int]) -> None:
    seconds = {WITNESSES[name]: second for name, second in times_s.items()}
    expected = quorum_time(POLICY, times_s)
    assert quorum_second(POLICY, seconds | {LOG: 0, key("X1.example", 99, COSIGNATURE): 0}) == expected


def test_a_time_under_the_name_of_a_group_or_stranger_counts_for_nothing() -> None:
    assert quorum_time(POLICY, {"X-and-Y": 7, "X-witnesses": 7, "Y-witnesses": 7, "stranger": 7}) is None


def test_a_policy_that_asks_for_no_quorum_has_no_quorum_time() -> None:
    assert quorum_time(POLICY._replace(quorum=None), dict.fromkeys(WITNESSES, 7)) is None


def test_groups_nested_as_deep_as_the_limit_allows_do_not_exhaust_the_stack() -> None:
    groups = "".join(f"group g{n} 1 {f'g{n - 1}' if n else 'X1'}\n" for n in range(3000))
    policy = parse_policy(f"{LINES['X1']}{groups}quorum g2999\n")
    assert quorum_time(policy, {"X1": 7}) == 7
