"""``hefu verify``: evidence against its document, or a bundle against its folder. Offline, and quick to start."""

from __future__ import annotations

from hefu.files.document import digest_document
from hefu.files.platform import reach
from hefu.ui.language import both, say
from hefu_ledger.deposit.evidence import MAX_EVIDENCE
from hefu_ledger.errors import MalformedError
from hefu_ledger.tlog.policy import Policy, parse_policy
from hefu_ledger.verify import verify_evidence, verify_folder
from hefu_ledger.verify.verdict import CANNOT, OK, Step, Verdict, conclude

_BUNDLE = b'{"count":'  # how a bundle begins, and no evidence file
_BEGINNING = b'{"'
_MAX_POLICY = 65_536


def read_policy(path: str | None) -> Policy | None:
    """Read a trust policy (c2sp.org/tlog-policy); no path gives none, and nothing is then proven."""
    if path is None:
        return None
    with open(path, "rb") as file:
        text = file.read(_MAX_POLICY + 1).decode("utf-8", "surrogateescape")
    try:
        return parse_policy(text)
    except MalformedError as error:
        raise MalformedError(say("verify.no_policy", path=path, error=error)) from None


def is_bundle(path: str) -> bool:
    """Tell a bundle from an evidence file by how it begins."""
    with open(reach(path), "rb") as file:
        return file.read(len(_BUNDLE)) == _BUNDLE


def check_evidence(path: str) -> None:
    """Raise MalformedError for a file that does not even begin as evidence does: it is probably another file."""
    with open(reach(path), "rb") as file:
        if not file.read(len(_BEGINNING)).startswith(_BEGINNING):
            raise MalformedError(say("verify.no_evidence", path=path))


def verify(evidence: str, document: str, *, policy: Policy | None) -> Verdict:
    """Verify an evidence file against its document, or a bundle against its folder.

    Raises OSError and UnreadableError where a file cannot be read; what is wrong with the evidence is in the verdict.
    """
    if is_bundle(evidence):
        return _verify_bundle(evidence, document, policy)
    with open(evidence, "rb") as file:
        data = file.read(MAX_EVIDENCE + 1)
    return verify_evidence(data, document=digest_document(document), policy=policy)


def _verify_bundle(bundle: str, folder: str, policy: Policy | None) -> Verdict:
    from hefu.evidence.compare import compare  # one document's evidence starts faster without it

    found = compare(bundle, folder)
    verdict = verify_folder(found.receipt, folder=found.folder, identity=found.header.identity, policy=policy)
    return _with_uncovered(verdict, found.uncovered) if found.uncovered else verdict


def _with_uncovered(verdict: Verdict, names: tuple[str, ...]) -> Verdict:
    """Who asks about a folder must not hear that it is proven while it holds what nobody deposited."""
    shown = ", ".join(map(repr, names[:3])) + (f" (+{len(names) - 3})" if names[3:] else "")
    zh, en = both("verify.uncovered", count=len(names), shown=shown)
    steps = [
        Step(step.step, CANNOT, step.checked, shown, zh, en) if step.step == 2 and step.outcome == OK else step
        for step in verdict.steps
    ]
    return conclude(steps, verdict.facts | {"uncovered": list(names)})
