"""Whom a verifier trusts: logs, witnesses, and how many of them it takes (c2sp.org/tlog-policy, an untagged draft)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from hefu_ledger.encoding import parse_decimal
from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.keys import COSIGNATURE, ED25519, MLDSA44, VerifierKey, check_type, format_vkey, parse_vkey

LOG_TYPES: Final = (ED25519, MLDSA44)
WITNESS_TYPES: Final = (COSIGNATURE, MLDSA44)
_CONTROLS: Final = frozenset(map(chr, (*range(0x20), 0x7F))) - {"\t", "\n"}


class Log(NamedTuple):
    """A key of a log whose checkpoints are accepted; the key's name is its origin."""

    key: VerifierKey
    url: str | None = None


class Witness(NamedTuple):
    """A witness 见证方; ``name`` serves only inside the policy."""

    name: str
    key: VerifierKey
    url: str | None = None


class Group(NamedTuple):
    """Holds when ``threshold`` of its ``members`` do, each the name of a witness or of an earlier group."""

    name: str
    threshold: int
    members: tuple[str, ...]


class Policy(NamedTuple):
    """A checkpoint needs a signature of any log, and the ``quorum`` (a witness or group; None asks for none)."""

    logs: tuple[Log, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str | None


class _Reader:
    """Takes a policy's lines one by one; a name must stand on an earlier line, so that no group is circular."""

    def __init__(self) -> None:
        self.logs: list[Log] = []
        self.witnesses: list[Witness] = []
        self.groups: list[Group] = []
        self.quorum: str | None = None
        self.has_quorum = False
        self._names = {"none"}
        self._members: set[str] = set()
        self._public: set[bytes] = set()

    def read(self, items: list[str]) -> None:
        match items:
            case ["log", vkey, *url] if len(url) < 2:
                self.logs.append(Log(self._log_key(vkey), *url))
            case ["witness", name, vkey, *url] if len(url) < 2:
                self.witnesses.append(Witness(self._define(name), self._witness_key(vkey), *url))
            case ["group", name, threshold, member, *more]:
                self._read_group(name, threshold, (member, *more))
            case ["quorum", name]:
                self._read_quorum(name)
            case _:
                raise MalformedError(
                    "not one of: log VKEY [URL], witness NAME VKEY [URL], "
                    "group NAME all|any|COUNT MEMBER..., quorum NAME"
                )

    def _log_key(self, vkey: str) -> VerifierKey:
        key = check_type(parse_vkey(vkey), LOG_TYPES, "a log's")
        self._check_apart(key, [witness.key for witness in self.witnesses])
        return self._once(key)

    def _witness_key(self, vkey: str) -> VerifierKey:
        key = check_type(parse_vkey(vkey), WITNESS_TYPES, "a witness's")
        self._check_apart(key, [log.key for log in self.logs])
        return self._once(key)

    def _check_apart(self, key: VerifierKey, others: list[VerifierKey]) -> None:
        if any(key.public == other.public or key.name == other.name for other in others):
            raise MalformedError(
                f"a log and a witness share the public key or the name of {key.name!r:.80}: "
                "no log can be its own witness",
                code="policy-witness-log",
                name=key.name,
            )

    def _once(self, key: VerifierKey) -> VerifierKey:
        if key.public in self._public:  # one witness under two names would count twice
            raise MalformedError(f"public key stands on an earlier line already: {format_vkey(key):.200}")
        self._public.add(key.public)
        return key

    def check_witnesses(self) -> None:
        """Refuse two witnesses of one key name, which are one organisation, where a quorum might count both."""
        groups = {member: group.name for group in self.groups if group.threshold == 1 for member in group.members}
        first: dict[str, Witness] = {}
        for witness in self.witnesses:
            other = first.setdefault(witness.key.name, witness)
            if other is not witness and (other.name not in groups or groups[other.name] != groups.get(witness.name)):
                raise MalformedError(
                    f"policy: the witnesses {other.name!r:.80} and {witness.name!r:.80} have one key name, "
                    f"{witness.key.name!r:.80}, so they count as one: list both in one group of 'any'",
                    code="policy-one-witness",
                    names=[other.name, witness.name],
                    name=witness.key.name,
                )

    def _define(self, name: str) -> str:
        if name in self._names:
            raise MalformedError(f"name is taken already: {name!r:.80}")
        self._names.add(name)
        return name

    def _check_defined(self, name: str) -> None:
        if name not in self._names or name == "none":
            raise MalformedError(f"no witness or group of this name on an earlier line: {name!r:.80}")

    def _read_group(self, name: str, threshold: str, members: tuple[str, ...]) -> None:
        for member in members:
            self._check_defined(member)
            if member in self._members:
                raise MalformedError(f"name is a member of a group already: {member!r:.80}")
            self._members.add(member)
        count = {"any": 1, "all": len(members)}.get(threshold) or parse_decimal(threshold)
        if not 1 <= count <= len(members):
            raise MalformedError(f"group of {len(members)} cannot ask for {count}")
        self.groups.append(Group(self._define(name), count, members))

    def _read_quorum(self, name: str) -> None:
        if self.has_quorum:
            raise MalformedError("a second quorum; exactly one is needed")
        self.has_quorum = True
        if name != "none":
            self._check_defined(name)
            self.quorum = name


def parse_policy(text: str, *, limit: int = 65536) -> Policy:
    """Read a policy of at most ``limit`` characters; MalformedError names the line.

    The format knows bytes, not characters: a file that is not UTF-8 is read with ``errors="surrogateescape"``.
    """
    if len(text) > limit:
        raise MalformedError(f"policy of {len(text)} characters, at most {limit} allowed", code="too-long", limit=limit)
    *lines, rest = text.split("\n")
    if rest:
        number = len(lines) + 1
        raise MalformedError(
            f"policy line {number}: not ended by a line feed; has the file been cut off?",
            code="policy-cut",
            line=number,
        )
    reader = _Reader()
    for number, line in enumerate(lines, 1):
        try:
            _read_line(reader, line)
        except MalformedError as error:
            code = error.code if error.code.startswith("policy-") else "policy-line"
            text = f"policy line {number}: {error}"
            raise type(error)(text, code=code, **error.values | {"line": number}) from None
    if not reader.has_quorum:
        raise MalformedError("policy lacks its quorum line, such as 'quorum none'", code="policy-quorum")
    reader.check_witnesses()
    return Policy(tuple(reader.logs), tuple(reader.witnesses), tuple(reader.groups), reader.quorum)


def _read_line(reader: _Reader, line: str) -> None:
    if not _CONTROLS.isdisjoint(line):
        raise MalformedError("control character; lines end in a line feed alone, without carriage return")
    items = [item for item in line.replace("\t", " ").split(" ") if item]  # not split(): it knows other spaces too
    if items and not items[0].startswith("#"):
        reader.read(items)


def format_policy(policy: Policy) -> str:
    """Write the policy, each key below its fingerprint; MalformedError where it would not be read back the same."""
    lines: list[str] = []
    for log in policy.logs:
        lines += _with_fingerprint(log.key, "log", log.url)
    for witness in policy.witnesses:
        lines += _with_fingerprint(witness.key, f"witness {witness.name}", witness.url)
    lines += [f"group {group.name} {group.threshold} {' '.join(group.members)}" for group in policy.groups]
    lines.append(f"quorum {'none' if policy.quorum is None else policy.quorum}")
    text = "".join(f"{line}\n" for line in lines)
    if parse_policy(text) != policy:
        raise MalformedError("policy holds a name or URL that its format cannot carry")
    return text


def _with_fingerprint(key: VerifierKey, start: str, url: str | None) -> tuple[str, str]:
    end = "" if url is None else f" {url}"
    return f"# fingerprint sha256 {key.fingerprint}", f"{start} {format_vkey(key)}{end}"


def quorum_second(policy: Policy, seconds: Mapping[VerifierKey, int]) -> int | None:
    """The earliest POSIX second in which the quorum was complete, from the second of each witness's key.

    Of a group of ``any`` it is the earlier of its good lines. None where the quorum is not met, and for a policy that
    asks for none (see ``policy.quorum``); keys that are no witness's count for nothing.
    """
    return quorum_time(policy, {item.name: seconds[item.key] for item in policy.witnesses if item.key in seconds})


def quorum_time(policy: Policy, times_s: Mapping[str, int]) -> int | None:
    """The earliest POSIX second in which the quorum was complete, from each witness's cosignature second by its name.

    None where the quorum is not met, and for a policy that asks for none (see ``policy.quorum``).
    """
    if policy.quorum is None:
        return None
    complete = {witness.name: times_s[witness.name] for witness in policy.witnesses if witness.name in times_s}
    for group in policy.groups:  # each after its members, so that no depth of groups can exhaust the stack
        times = sorted(complete[member] for member in group.members if member in complete)
        if len(times) >= group.threshold:
            complete[group.name] = times[group.threshold - 1]
    return complete.get(policy.quorum)
