"""``hefu verify``: evidence against its document, or a bundle against its folder. Offline, and quick to start."""

from __future__ import annotations

from collections.abc import Sequence

from hefu.files.document import digest_document
from hefu.files.platform import reach
from hefu_ledger.deposit.evidence import MAX_EVIDENCE
from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.policy import Policy, parse_policy
from hefu_ledger.verify import Reading, verify_evidence, verify_folder
from hefu_ledger.verify.verdict import Verdict

_BUNDLE = b'{"count":'  # how a bundle begins, and no evidence file
_BEGINNING = b'{"'
_MAX_POLICY = 65_536


def read_policy(path: str | None) -> Policy | None:
    """Read a trust policy (c2sp.org/tlog-policy) of at most 64 KiB; without a path, None: nothing is proven then."""
    if path is None:
        return None
    with open(path, "rb") as file:
        text = file.read(_MAX_POLICY + 1).decode("utf-8", "surrogateescape")
    try:
        return parse_policy(text)
    except MalformedError as error:
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
        if not file.read(len(_BEGINNING)).startswith(_BEGINNING):
            text = f"{path} is no evidence: that is NAME.hefu.json or NAME.hefu.bundle"
            raise MalformedError(text, code="evidence-none", path=path)


def verify(
    evidence: str,
    document: str,
    *,
    policy: Policy | None,
    roots: Sequence[bytes] = (),
    reading: Reading | None = None,
) -> Verdict:
    """Verify an evidence file against its document, or a bundle against its folder.

    ``policy``, ``roots`` and ``reading`` come from outside, see ``hefu_ledger.verify``. Raises OSError and UnreadableError where a file cannot be read; the verdict names the faults of the evidence.
    """
    if is_bundle(evidence):
        return _verify_bundle(evidence, document, policy, roots, reading)
    with open(evidence, "rb") as file:
        data = file.read(MAX_EVIDENCE + 1)
    return verify_evidence(data, document=digest_document(document), policy=policy, roots=roots, reading=reading)


def _verify_bundle(
    bundle: str, folder: str, policy: Policy | None, roots: Sequence[bytes], reading: Reading | None
) -> Verdict:
    from hefu.evidence.compare import compare  # one document's evidence starts faster without it

    found = compare(bundle, folder)
    return verify_folder(
        found.receipt, folder=found.folder, identity=found.header.identity, policy=policy, roots=roots, reading=reading
    )
