"""``hefu verify``: evidence against its document, or a bundle against its folder. Offline, and quick to start."""

from __future__ import annotations

from collections.abc import Sequence

from hefu.errors import UnreachableError
from hefu.files.document import digest_document
from hefu.files.platform import reach
from hefu.files.text import as_utf8, foreign_kind
from hefu.ui.language import say
from hefu_ledger.deposit.evidence import MAX_EVIDENCE
from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.policy import Policy, parse_policy
from hefu_ledger.verify import Reading, verify_evidence, verify_folder
from hefu_ledger.verify.verdict import Verdict

_BUNDLE = b'{"count":'  # how a bundle begins, and no evidence file
_BEGINNING = b'{"'
_MAX_POLICY = 65_536
_START = 200  # bytes; even, so that UTF-16 is not cut


def read_policy(path: str | None) -> Policy | None:
    """Read a trust policy (c2sp.org/tlog-policy) of at most 64 KiB; without a path, None: nothing is proven then."""
    if path is None:
        return None
    with open(path, "rb") as file:
        data = file.read(_MAX_POLICY + 1)
    try:
        return parse_policy(as_utf8(data).replace(b"\r\n", b"\n").decode("utf-8", "surrogateescape"))
    except MalformedError as error:
        _check_kind(path, data)
        raise MalformedError(
            f"{path} is no trust policy, such as a service's /v1/trust: {error}",
            code="policy-none",
            path=path,
            error=[error.code, error.values],
        ) from None


def is_bundle(path: str) -> bool:
    """Tell a bundle from an evidence file by how it begins."""
    with open(reach(path), "rb") as file:
        return file.read(len(_BUNDLE)) == _BUNDLE


def check_evidence(path: str) -> None:
    """Refuse, with MalformedError, a file that does not begin as evidence does."""
    with open(reach(path), "rb") as file:
        data = file.read(_START)
    own = as_utf8(data)
    if not own.startswith(_BEGINNING) or (own.startswith(_BUNDLE) and own != data):  # a bundle is read as it lies
        _check_kind(path, data)
        text = f"{path} is no evidence: that is NAME.hefu.json or NAME.hefu.bundle"
        raise MalformedError(text, code="evidence-none", path=path)


def read_evidence(path: str) -> bytes:
    """The bytes of an evidence file, as they were before another program saved them again."""
    with open(reach(path), "rb") as file:
        data = file.read(2 * MAX_EVIDENCE + 4)
    return as_utf8(data).rstrip(b"\r\n")


def _check_kind(path: str, data: bytes) -> None:
    """UnreachableError for a file that is of another kind, by its beginning: a web page, or packed."""
    kind = foreign_kind(data[:_START])
    if kind:
        raise UnreachableError(say(kind, path=path))


def verify(
    evidence: str,
    document: str,
    *,
    policy: Policy | None,
    roots: Sequence[bytes] = (),
    reading: Reading | None = None,
) -> Verdict:
    """Verify an evidence file against its document, or a bundle against its folder.

    ``policy``, ``roots`` and ``reading`` come from outside, see ``hefu_ledger.verify``. Raises OSError and
    UnreadableError where a file cannot be read; the verdict names the faults of the evidence.
    """
    if is_bundle(evidence):
        return _verify_bundle(evidence, document, policy, roots, reading)
    data = read_evidence(evidence)
    return verify_evidence(data, document=digest_document(document), policy=policy, roots=roots, reading=reading)


def _verify_bundle(
    bundle: str, folder: str, policy: Policy | None, roots: Sequence[bytes], reading: Reading | None
) -> Verdict:
    from hefu.evidence.compare import compare  # one document's evidence starts faster without it

    found = compare(bundle, folder)
    return verify_folder(
        found.receipt, folder=found.folder, identity=found.header.identity, policy=policy, roots=roots, reading=reading
    )
