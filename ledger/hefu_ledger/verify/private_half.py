"""The steps about the private half: 2 to 5 and 13."""

from __future__ import annotations

from hefu_ledger.deposit.card import commitment_of, verify_digests
from hefu_ledger.encoding import format_time
from hefu_ledger.errors import VerificationError
from hefu_ledger.records.identity import verify_identity
from hefu_ledger.section import OpenedSection
from hefu_ledger.tlog.merkle import leaf_hash, verify_inclusion
from hefu_ledger.verify.case import Case, Finding, NotReachedError
from hefu_ledger.verify.verdict import CANNOT, OK, UNCHECKED


def not_given(_case: Case) -> Finding:
    """2 to 5 and 13, where there is only a receipt."""
    return Finding(UNCHECKED, "", "需要私密的一半，未出示。", "Needs the private half, which was not given.")


def document(case: Case) -> Finding:
    """2: the document's digests and size equal the card's."""
    if case.card is None:
        return Finding(CANNOT, "", "“文件”一节未公开，无法核对文件。", "The section about the document is closed.")
    if case.document is None:
        return Finding(CANNOT, "", "没有提供文件，无法核对。", "No document was given to compare.")
    verify_digests(case.card, sha256=case.document.sha256, sm3=case.document.sm3, size=case.document.size)
    both = case.card.sm3 is not None and case.document.sm3 is not None
    found = f"sha-256 {case.card.sha256.hex()}, {case.card.size} bytes"
    if case.card.sm3 is not None and not both:
        case.unchecked.append(("SM3 摘要（本机不支持）", "the SM3 digest (not available on this machine)"))
    zh = f"文件共 {case.card.size} 字节，SHA-256{' 与 SM3' if both else ''} 摘要与卡片一致。"
    return Finding(OK, found, zh, f"{case.card.size} bytes; SHA-256{' and SM3' if both else ''} equal the card's.")


def commitment(case: Case) -> Finding:
    """3: sections and nonces give the commitment."""
    evidence = case.need_evidence()
    commitment = commitment_of(evidence.sections)
    opened = sum(isinstance(section, OpenedSection) for section in evidence.sections)
    zh = f"由 {opened} 节公开内容与 {3 - opened} 节封存值算得承诺值。"
    return Finding(OK, commitment.hex(), zh, f"Computed from {opened} open and {3 - opened} closed sections.")


def owner(case: Case) -> Finding:
    """4: the card's origin and depositor equal the statement's."""
    if case.card is None:
        return Finding(CANNOT, "", "“文件”一节未公开，无法核对归属。", "The section about the document is closed.")
    return _same_owner(case, {(case.card.origin, case.card.depositor)})


def _same_owner(case: Case, owners: set[tuple[str, str]] | frozenset[tuple[str, str]]) -> Finding:
    expected = (case.statement.origin, case.statement.depositor)
    for owner in owners:
        if owner != expected:
            raise VerificationError("the card is another's", expected=" ".join(expected), found=" ".join(owner))
    zh = f"卡片属于存证主体 {expected[1]}，与存证声明一致。"
    return Finding(OK, expected[1], zh, f"The card belongs to depositor {expected[1]}, as the statement says.")


def place(case: Case) -> Finding:
    """5: index below count; the path leads to the statement's root."""
    evidence, statement = case.need_evidence(), case.statement
    verify_inclusion(
        leaf_hash=leaf_hash(commitment_of(evidence.sections)),
        index=evidence.index,
        size=statement.count,
        path=evidence.path,
        root=statement.root,
    )
    zh = f"是该存证所列 {statement.count} 份文件（由存证主体自报）中的第 {evidence.index + 1} 份。"
    en = f"Document {evidence.index + 1} of the {statement.count} that the depositor declared."
    return Finding(OK, f"index {evidence.index} of {statement.count}", zh, en)


def documents(case: Case) -> Finding:
    """2: every document of the folder equals its card."""
    folder = case.need_folder()
    if folder.wrong:
        more = f" (+{len(folder.wrong) - 3})" if len(folder.wrong) > 3 else ""
        raise VerificationError("; ".join(folder.wrong[:3]) + more)
    if folder.missing:
        found = ", ".join(map(repr, folder.missing[:3])) + (
            f" (+{len(folder.missing) - 3})" if folder.missing[3:] else ""
        )
        return Finding(
            CANNOT, found, f"缺少 {len(folder.missing)} 份文件。", f"{len(folder.missing)} documents are missing."
        )
    zh, en = f"{folder.count} 份文件的摘要均与卡片一致。", f"All {folder.count} documents equal their cards."
    return Finding(OK, f"{folder.count} documents", zh, en)


def commitments(case: Case) -> Finding:
    """3: every commitment was computed from its texts and the seed."""
    folder = case.need_folder()
    zh, en = f"重新计算了 {folder.count} 个承诺值。", f"All {folder.count} commitments were computed again."
    return Finding(OK, f"{folder.count} commitments", zh, en)


def owners(case: Case) -> Finding:
    """4: every card's origin and depositor equal the statement's."""
    return _same_owner(case, case.need_folder().owners)


def whole_deposit(case: Case) -> Finding:
    """5: the root over all commitments is the statement's."""
    folder, statement = case.need_folder(), case.statement
    if (folder.count, folder.root) != (statement.count, statement.root):
        raise VerificationError(
            "the deposit's root",
            expected=f"{statement.root.hex()} over {statement.count}",
            found=f"{folder.root.hex()} over {folder.count}",
        )
    zh, en = "全部承诺值的根与存证声明一致。", "The root over all commitments is the statement's."
    return Finding(OK, folder.root.hex(), zh, en)


def identity(case: Case) -> Finding:
    """13: the identity shown is the one enrolled; by what method and on whose word."""
    if case.identity is None:
        case.unchecked.append(("存证主体的身份（未出示）", "the depositor's identity (not shown)"))
        return Finding(UNCHECKED, "", "未出示身份信息。", "The identity was not shown.")
    if not case.signers:
        raise NotReachedError
    for key in case.signers:  # of the keys that signed: another key's enrolment may name someone else
        identity = verify_identity(case.identity, commitment=case.roster.identity_of(key))
    case.facts["identity"] = identity._asdict() | {"verified_at": format_time(identity.verified_at)}
    zh = f"{identity.name}（{identity.uscc}），由{identity.verified_by}以“{identity.method}”方式核验。"
    en = f"{identity.name} ({identity.uscc}), verified by {identity.verified_by}: {identity.method}."
    return Finding(OK, identity.uscc, zh, en)
