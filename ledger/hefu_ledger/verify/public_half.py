"""The steps that need nothing private: 1, 6 to 12 and 14 to 19."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from hefu_ledger.deposit.statement import statement_id
from hefu_ledger.encoding import MAX_TIME_MS, format_time
from hefu_ledger.errors import UnknownAuthorityError, UnknownFormatError, VerificationError
from hefu_ledger.number import format_number
from hefu_ledger.tlog.merkle import leaf_hash, verify_inclusion
from hefu_ledger.tlog.note import verify_note
from hefu_ledger.tlog.policy import quorum_time
from hefu_ledger.verify.case import Case, Finding, NotReachedError
from hefu_ledger.verify.verdict import CANNOT, NOTED, OK, UNCHECKED

SKEW_MS: Final = 60_000  # how far a witness's or stamp's clock may be behind the service's


def trust(case: Case) -> Finding:
    """1: parsed already; where does trust come from?"""
    key = case.genesis.log
    case.facts |= {"log_fingerprint": key.fingerprint, "origin": case.genesis.origin}
    if case.policy is None:
        return Finding(
            CANNOT,
            f"log key fingerprint {key.fingerprint}",
            f"格式无误，但没有来自外部的信任策略；请向可靠来源核对账本公钥指纹 {key.fingerprint}。",
            f"Well-formed, but no trust policy from outside; compare the log key's fingerprint {key.fingerprint}.",
        )
    return Finding(
        OK,
        case.genesis.origin,
        "各部分格式无误，信任策略来自外部。",
        "Well-formed; the trust policy came from outside.",
    )


def signatures(case: Case) -> Finding:
    """6: statement kind and origin; lines and enrolled keys match one to one, and are enough."""
    statement = case.statement
    if statement.origin != case.genesis.origin:
        raise VerificationError("the statement's ledger", expected=case.genesis.origin, found=statement.origin)
    case.facts |= {"depositor": statement.depositor, "kind": statement.kind, "count": statement.count}
    case.signers = case.roster.verify_statement(case.statement_note, case.acceptance.seq)
    names = ", ".join(key.key_id.hex() for key in case.signers)
    zh = f"存证声明（类别 {statement.kind}）由存证主体已登记的 {len(case.signers)} 个密钥签名，签名有效。"
    en = f"The statement (kind {statement.kind}) is signed by {len(case.signers)} enrolled key(s) of the depositor."
    return Finding(OK, names, zh, en)


def acceptance(case: Case) -> Finding:
    """7: the acceptance names this statement, its depositor and ledger; the deposit number."""
    acceptance, statement = case.acceptance, case.statement
    expected = (statement.origin, statement.depositor, statement_id(case.statement_note).hex())
    found = (acceptance.origin, acceptance.depositor, acceptance.statement.hex())
    if found != expected:
        raise VerificationError(
            "the acceptance is of another statement", expected=" ".join(expected), found=" ".join(found)
        )
    number = format_number(case.genesis.number_prefix, acceptance.seq)
    case.facts |= {"number": number, "nth": acceptance.nth, "statement": acceptance.statement.hex()}
    zh = f"存证编号 {number}，是该主体的第 {acceptance.nth + 1} 次存证。"
    return Finding(OK, number, zh, f"Deposit number {number}, the depositor's deposit no. {acceptance.nth + 1}.")


def batch(case: Case) -> Finding:
    """8: the batch covers the deposit, and its path leads from the acceptance to its root."""
    batch, record, seq = case.batch, case.records[-1], case.acceptance.seq
    if not batch.first_seq <= seq < batch.first_seq + batch.count:
        held = f"{batch.first_seq} to {batch.first_seq + batch.count - 1}"
        raise VerificationError("the batch covers other deposits", expected=held, found=f"{seq}")
    if record.entries != batch.first_seq + batch.count:
        raise VerificationError("entries", expected=f"{batch.first_seq + batch.count}", found=f"{record.entries}")
    verify_inclusion(
        leaf_hash=leaf_hash(case.acknowledgement.text.encode()),
        index=seq - batch.first_seq,
        size=batch.count,
        path=case.receipt.batch_path,
        root=batch.roots["sha-256"],
    )
    zh = f"收讫记录在第 {record.index} 条账本条目的批次中（共 {batch.count} 件）。"
    return Finding(OK, f"record {record.index}", zh, f"The acceptance is in batch {record.index} (of {batch.count}).")


def entries(case: Case) -> Finding:
    """9: each record, at its index, leads to the root of each checkpoint."""
    indices = [record.index for record in case.records]
    if indices[0] != 0 or any(later <= earlier for earlier, later in pairwise(indices)):
        raise VerificationError(f"the records' places {indices} do not rise from 0")
    for (proof, checkpoint), carried in zip(case.proofs, case.receipt.proofs, strict=True):
        if proof.index != indices[-1]:
            raise VerificationError("the proof's place", expected=f"{indices[-1]}", found=f"{proof.index}")
        for index, text, path in zip(indices, case.receipt.records, (*carried.paths, proof.path), strict=True):
            leaf = leaf_hash(text.encode())
            verify_inclusion(leaf_hash=leaf, index=index, size=checkpoint.size, path=path, root=checkpoint.root)
    case.facts["record"] = indices[-1]
    zh = f"{len(indices)} 条账本条目都在 {len(case.proofs)} 个检查点之下。"
    return Finding(
        OK, ", ".join(map(str, indices)), zh, f"All {len(indices)} records are under {len(case.proofs)} checkpoint(s)."
    )


def checkpoint(case: Case) -> Finding:
    """10: one origin throughout, no extension lines, a log key of the policy."""
    if case.policy is None:
        return Finding(
            CANNOT, "", "没有信任策略，检查点的签名无从核对。", "No policy to check the checkpoint's signature by."
        )
    logs = [log.key for log in case.policy.logs]
    witnesses = {witness.key: witness.name for witness in case.policy.witnesses}
    unknown = 0
    for proof, checkpoint in case.proofs:
        if checkpoint.origin != case.genesis.origin:
            raise VerificationError("the checkpoint's origin", expected=case.genesis.origin, found=checkpoint.origin)
        if checkpoint.extensions:
            raise VerificationError("the checkpoint carries extension lines, which mean nothing here")
        verified, strangers = verify_note(proof.checkpoint, [*logs, *witnesses])
        unknown += len(strangers)
        if not any(line.key in logs and line.key.name == checkpoint.origin for line in verified):
            own = case.genesis.log.fingerprint
            zh = f"检查点没有信任策略中账本公钥的签名；证据所带公钥指纹为 {own}。"
            en = f"Not signed by a log key of the policy; the evidence's own has fingerprint {own}."
            return Finding(CANNOT, checkpoint.origin, zh, en)
        times = {
            witnesses[line.key]: line.time_s for line in verified if line.key in witnesses and line.time_s is not None
        }
        if max(times.values(), default=0) > MAX_TIME_MS // 1000:
            raise VerificationError("a witness states a time after the year 9999 (are its seconds milliseconds?)")
        case.witnessed.append(times)
    if case.genesis.log not in logs:
        raise VerificationError("the genesis record names another log key than the policy trusts")
    size = max(checkpoint.size for _, checkpoint in case.proofs)
    case.facts |= {"checkpoint_size": size, "unknown_signatures": unknown}
    zh = f"账本 {case.genesis.origin} 的检查点（{size} 条）由所信任的账本公钥签名" + (
        f"；另有 {unknown} 行未知签名。" if unknown else "。"
    )
    en = f"A trusted key of {case.genesis.origin} signed the checkpoint of {size} records" + (
        f"; {unknown} unknown line(s)." if unknown else "."
    )
    return Finding(NOTED if unknown else OK, f"size {size}", zh, en)


def witnesses(case: Case) -> Finding:
    """11: cosignatures, and the quorum of the policy."""
    if case.policy is None or len(case.witnessed) < len(case.proofs):
        raise NotReachedError
    names = sorted({name for times in case.witnessed for name in times})
    case.facts["witnessed"] = {
        name: format_time(1000 * min(times[name] for times in case.witnessed if name in times)) for name in names
    }
    if case.policy.quorum is None:
        return Finding(NOTED, "", "信任策略不要求见证。", "The policy asks for no witnesses.")
    quorum = [time for times in case.witnessed if (time := quorum_time(case.policy, times)) is not None]
    if not quorum:
        return Finding(
            CANNOT,
            ", ".join(names),
            "见证共签未达到策略要求的数目。",
            "The cosignatures do not meet the policy's quorum.",
        )
    case.narrow(1000 * min(quorum) + 999, "见证节点", "the witnesses")
    zh, en = f"见证共签达到要求：{'、'.join(names)}。", f"The quorum of witnesses cosigned: {', '.join(names)}."
    return Finding(OK, ", ".join(names), zh, en)


def enrolment(case: Case) -> Finding:
    """12: the keys of step 6 were enrolled before, by their holder, on whose word."""
    case.check_roster()
    if not case.signers:
        raise NotReachedError
    relied = [member for member in case.roster.members if member.key in case.signers]
    on_word = [member for member in relied if not member.vouched]
    case.unchecked.append(("证据未载明的密钥变更", "key events that the receipt does not carry"))
    found = ", ".join(member.key.key_id.hex() for member in relied)
    if on_word:
        zh = f"其中 {len(on_word)} 个密钥由运营者核验登记（无更早密钥担保），密钥持有人已签名确认。"
        en = f"{len(on_word)} of the keys was enrolled on the operator's word; its holder signed for it."
        return Finding(NOTED, found, zh, en)
    return Finding(
        OK, found, "密钥由同一主体更早的密钥担保登记。", "An earlier key of the depositor vouched for the keys."
    )


def acknowledgement(case: Case) -> Finding:
    """14: signed by the key of genesis; a delay within the promise; the promise kept or not, and on whose word.

    Run after 15: whether it was kept, a witness or stamp may know better than the operator.
    """
    acceptance, genesis = case.acceptance, case.genesis
    verified, unknown = verify_note(case.acknowledgement, [genesis.acknowledgement])
    if unknown or not verified:
        raise VerificationError("the acknowledgement is not signed by the key of genesis, and by it alone")
    if not acceptance.received_at <= acceptance.anchor_by <= acceptance.received_at + genesis.longest_delay_ms:
        raise VerificationError(
            "the promised delay",
            expected=f"at most {genesis.longest_delay_ms} ms",
            found=f"{acceptance.anchor_by - acceptance.received_at} ms",
        )
    received, by = format_time(acceptance.received_at), format_time(acceptance.anchor_by)
    case.facts |= {
        "received_at": received,
        "anchor_by": by,
        "promise_kept": case.batch.sealed_at <= acceptance.anchor_by,
    }
    if not case.facts["promise_kept"]:
        zh = f"收讫回执有效，但平台未在承诺的 {by} 之前入账。"
        return Finding(NOTED, received, zh, f"The acknowledgement holds, but its promise ({by}) was broken.")
    if case.independent is not None and case.independent[0] > acceptance.anchor_by:
        first = format_time(case.independent[0])
        zh = f"平台于 {received} 收讫；是否按承诺在 {by} 前入账仅凭运营者所言，最早的独立佐证为 {first}。"
        en = f"Received at {received}; anchored by {by} on the operator's word alone: first independently at {first}."
        return Finding(NOTED, received, zh, en)
    return Finding(
        OK, received, f"平台于 {received} 收讫，并按承诺入账。", f"Received at {received}; anchored as promised."
    )


def stamps(case: Case) -> Finding:
    """15: RFC 3161 tokens over the checkpoints, each at its own time."""
    tokens = [
        (token, proof.checkpoint.text)
        for (proof, _), carried in zip(case.proofs, case.receipt.proofs, strict=True)
        for token in carried.tokens
    ]
    if not tokens:
        return Finding(UNCHECKED, "", "没有可信时间戳。", "There are no timestamps.")
    if not case.roots:
        case.unchecked.append(
            (f"{len(tokens)} 枚时间戳（未提供信任根）", f"{len(tokens)} timestamp(s), no trusted root given")
        )
        return Finding(
            UNCHECKED, f"{len(tokens)} tokens", "有时间戳，但未提供信任根。", "No trusted root for them was given."
        )
    for token, text in tokens:
        _stamp(case, token, text.encode())
    case.facts["stamped"] = {who: format_time(time) for time, _, who in case.stamps}
    names, strange = ", ".join(who for _, _, who in case.stamps), len(tokens) - len(case.stamps)
    zh, en = f"{len(case.stamps)} 枚时间戳有效：{names}", f"{len(case.stamps)} timestamp(s) hold: {names}"
    if strange:
        return Finding(NOTED, names, f"{zh}；另有 {strange} 枚无从核验。", f"{en}; {strange} could not be checked.")
    return Finding(OK, names, f"{zh}。", f"{en}.")


def _stamp(case: Case, token: bytes, text: bytes) -> None:
    """Check one token; a strange authority's, or one in a form not known here, is neither for nor against."""
    from hefu_ledger.timestamp.token import verify_token  # noqa: PLC0415  # x509 takes long to import

    try:
        stamp = verify_token(token, message=text, roots=case.roots)
    except (UnknownAuthorityError, UnknownFormatError) as error:
        case.unchecked.append((f"一枚时间戳（{error}）", f"a timestamp ({error})"))
        return
    case.stamps.append((stamp.gen_time_ms, stamp.accuracy_ms, stamp.signer))
    not_later = stamp.gen_time_ms + stamp.accuracy_ms
    case.narrow(not_later, f"时间戳机构 {stamp.signer}", f"the authority {stamp.signer}")


def times(case: Case) -> Finding:
    """16: received, sealed, witnessed and stamped in this order; nothing seen before it was there."""
    sealed, received = case.batch.sealed_at, case.acceptance.received_at
    case.facts["sealed_at"] = format_time(sealed)
    if received > sealed:
        raise VerificationError(
            "received after it was sealed", expected=format_time(sealed), found=format_time(received)
        )
    outside = [1000 * time + 999 for times in case.witnessed for time in times.values()]
    outside += [time + accuracy for time, accuracy, _ in case.stamps]
    for time in outside:
        if time < sealed - SKEW_MS:
            raise VerificationError(
                "witnessed or stamped before it was sealed", expected=format_time(sealed), found=format_time(time)
            )
    seen = case.statement.seen
    if seen is not None and seen.size > case.records[-1].index:
        raise VerificationError(
            "the statement had seen", expected=f"at most {case.records[-1].index}", found=f"{seen.size}"
        )
    zh, en = "收讫、入账、见证与时间戳先后相符。", "Received, sealed, witnessed and stamped in this order."
    return Finding(OK, f"{format_time(received)} <= {format_time(sealed)}", zh, en)


def compromise(case: Case) -> Finding:
    """17: a key that was compromised needs an independent time from before."""
    if not case.signers:
        raise NotReachedError
    since, key_id = min(
        (
            (member.compromised_since, member.key.key_id.hex())
            for member in case.roster.members
            if member.key in case.signers and member.compromised_since is not None
        ),
        default=(None, ""),
    )
    if since is None:
        zh = "证据所载记录中，所用密钥未见失控。"
        return Finding(OK, "", zh, "No record here reports a key used as compromised.")
    if case.independent is None or case.independent[0] >= since:
        zh = f"所用密钥自 {format_time(since)} 起可能失控，且无更早的独立时间佐证。"
        en = f"A key used may have been in other hands since {format_time(since)}; no independent time is earlier."
        return Finding(CANNOT, key_id, zh, en)
    zh = "所用密钥后来失控，但独立时间早于失控之时。"
    return Finding(NOTED, key_id, zh, "A key used was compromised later than an independent time.")


def headline(case: Case) -> Finding:
    """18: not later than when, and who vouches for it 不晚于 T，由 X 保证."""
    received = case.acceptance.received_at
    time, zh_by, en_by = case.independent or (received, "运营者（无独立佐证）", "the operator's word alone")
    text = format_time(time)
    case.facts |= {"not_later_than": text, "vouched_by": en_by, "independent": case.independent is not None}
    if case.independent is None:
        case.unchecked.append(("独立的时间佐证", "an independent time"))
    return Finding(
        NOTED if case.independent is None else OK,
        text,
        f"不晚于 {text}，由{zh_by}保证。",
        f"Not later than {text}, by {en_by}.",
    )


def not_checked(case: Case) -> Finding:
    """19: what nobody should believe was checked."""
    always = [
        ("账本此后的变化", "what the ledger did since"),
        ("是否为该主体的全部存证", "completeness"),
        ("内容是否真实", "the truth of the content"),
        ("权属", "ownership"),
    ]
    zh = "、".join(chinese for chinese, _ in (*case.unchecked, *always))
    en = ", ".join(english for _, english in (*case.unchecked, *always))
    return Finding(UNCHECKED, en, f"未核验：{zh}。", f"Not checked: {en}.")
