"""Keys, roles and approvals 人员与密钥."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "role.prepare": ("经办", "prepares"),
    "role.approve": ("审批", "approves"),
    "keystate.in force": ("有效", "in force"),
    "keystate.retired": ("已停用", "retired"),
    "keystate.compromised": ("失控", "compromised"),
    "key request.summary": ("新电脑：生成密钥，请同事加入", "on a new computer: make a key, for a colleague to add"),
    "key request.examples": (
        (
            "hefu key request --home ~/.hefu --server https://ledger.example --words -\n"
            "hefu key request --home ~/.hefu          加入之后再运行一次"
        ),
        (
            "hefu key request --home ~/.hefu --server https://ledger.example --words -\n"
            "hefu key request --home ~/.hefu          once more, when it was added"
        ),
    ),
    "key.request_home": ("新建的文件夹，存放私钥与设置", "a new folder to keep key and settings in"),
    "key.words": (
        "恢复单上的恢复词，用以共用保管库；- 则键入",
        "the words of the firm's recovery sheet, to share its vault; - to type them",
    ),
    "key.role": (
        "经办 prepare（默认）或审批 approve",
        "prepare (the default), or approve, which also adds and ends keys",
    ),
    "key.mine": ("本机密钥 {key}（{role}）", "this computer's key {key} ({role})"),
    "key.fingerprint": ("  指纹 sha256 {fingerprint}", "  fingerprint sha256 {fingerprint}"),
    "key.carry": (
        "请把 {file} 带到同事的电脑，运行 hefu key add 该文件并核对指纹；然后在此再次运行同一命令",
        (
            "carry {file} to a colleague's computer and run hefu key add FILE there, comparing fingerprints; "
            "then run the same command here again"
        ),
    ),
    "key.ready": (
        "该密钥已入账，可以存证",
        "the key is on the ledger, deposits may begin",
    ),
    "key.need_words": (
        "{path} 尚无设置：首次须给出 --server 与 --words",
        "{path} has no settings yet: the first time --server and --words are needed",
    ),
    "key.home_already": (
        "{path} 已有签名密钥；请换一个 --home",
        "{path} has a signing key already; choose another --home",
    ),
    "key.other_words": (
        "{path} 属于另一张恢复单；请换一个 --home",
        "{path} belongs to another recovery sheet; choose another --home",
    ),
    "key.no_vault": (
        "{url} 没有这些恢复词的保管库；请核对恢复单，或先用 hefu vault restore --from",
        "{url} holds no vault of these words; compare the sheet, or use hefu vault restore --from first",
    ),
    "key.no_settings": (
        "{url} 的保管库内没有设置；请先在原来的电脑上运行 hefu vault sync",
        "the vault at {url} holds no settings; run hefu vault sync on the first computer",
    ),
    "key add.summary": ("为同事的密钥担保并加入", "vouch for a colleague's key and add it"),
    "key add.examples": (
        "hefu key add 1dd03125.keyrequest --home ~/.hefu --label 王会计的笔记本",
        'hefu key add 1dd03125.keyrequest --home ~/.hefu --label "Wang\'s laptop"',
    ),
    "key.file": ("hefu key request 写出的 .keyrequest 文件", "the .keyrequest file that hefu key request wrote"),
    "key.label": ("谁的密钥；只存于保管库，绝不公开", "whose key it is; kept in the vault, never published"),
    "key.other_firm": (
        "{path} 不是为存证主体 {depositor} 申请密钥",
        "{path} does not ask for a key of depositor {depositor}",
    ),
    "key.other_identity": (
        "{path} 所写的单位身份与本机的不同",
        "{path} says another identity of the organisation than this home's",
    ),
    "key.other_number": (
        "{path} 要求每件存证 {found} 个签名，现为 {now} 个",
        "{path} asks for {found} signature(s) a deposit; they are {now} now",
    ),
    "key.twice": ("密钥 {key} 已登记过", "key {key} was enrolled before"),
    "key.other_fingerprint": (
        "{path} 的指纹是 {fingerprint}，与所给的不同；未签名",
        "{path} has the fingerprint {fingerprint}, not the one given; nothing was signed",
    ),
    "key.asked": (
        "申请的密钥 {key}（{role}），单位 {name}，每件存证需 {signatures} 个签名，申请时间 {requested_at}",
        "the key asked for: {key} ({role}), of {name}, {signatures} signature(s) a deposit, asked at {requested_at}",
    ),
    "key.ask_compare": (
        "请与新电脑上显示的指纹核对；确认无误才担保",
        "compare the fingerprint with the one that the new computer shows; vouch only if they are equal",
    ),
    "key.vouched": (
        "已担保（{signed}/{needed}）；请把 {file} 交给下一位担保人，也运行 hefu key add",
        "vouched ({signed} of {needed}); carry {file} to the next one who vouches, with hefu key add as well",
    ),
    "key.fingerprint_given": (
        "核对过的指纹；给出后不再询问",
        "the fingerprint that was compared; nothing is asked then",
    ),
    "key.yes": ("不询问（指纹须已核对）", "do not ask; the fingerprint was compared"),
    "key.no_request": ("{path} 不是有效的密钥申请：{error}", "{path} is no valid request for a key: {error}"),
    "key.added": ("已加入密钥 {key}（{role}）{label}", "added key {key} ({role}) {label}"),
    "key list.summary": ("列出全部密钥、角色与状态", "list all keys, their roles and states"),
    "key list.examples": ("hefu key list --home ~/.hefu", "hefu key list --home ~/.hefu"),
    "key.rule": ("每件存证需 {count} 个签名", "a deposit needs {count} signature(s)"),
    "key.this": ("本机", "this computer"),
    "key.word": ("由运营者登记（第 {event} 次变更），无更早密钥担保", "on the operator's word (event {event})"),
    "key.since": ("自 {time} 起", "since {time}"),
    "key retire.summary": ("停用离职者的密钥，此前的存证不受影响", "stop a leaver's key; earlier deposits stay good"),
    "key retire.examples": ("hefu key retire 1dd03125 --home ~/.hefu", "hefu key retire 1dd03125 --home ~/.hefu"),
    "key.id": ("hefu key list 显示的密钥编号", "the key's id, as hefu key list shows it"),
    "key.why": ("写上公开账本的英文理由；请勿写姓名", "a reason for the public ledger, in ASCII; no names"),
    "key.reason": (
        "理由会写上公开账本，限 400 个英文字符，请勿写姓名",
        "the reason goes on the public ledger: at most 400 ASCII characters, and no names",
    ),
    "key.unknown": ("没有编号为 {key} 的密钥（已知：{known}）", "no key has the id {key} (known: {known})"),
    "key.ended": (
        "密钥 {key}：{state}，自下一件存证起不能再签名",
        "key {key}: {state}; from the next deposit on it signs nothing",
    ),
    "key.retired": (
        (
            "本机密钥 {key} 已停用，不能再存证。如属误停，请用 hefu key request（另用 --home）生成新密钥，"
            "由同事 hefu key add 加入"
        ),
        (
            "this computer's key {key} is retired and deposits nothing any more. If that was a mistake, make a new one "
            "with hefu key request in another --home, and let a colleague run hefu key add"
        ),
    ),
    "key.reported": (
        (
            "本机密钥 {key} 已报告失控，不能再存证。请用 hefu key request（另用 --home）生成新密钥，"
            "由同事 hefu key add 加入"
        ),
        (
            "this computer's key {key} was reported as lost and deposits nothing any more. Make a new one with "
            "hefu key request in another --home, and let a colleague run hefu key add"
        ),
    ),
    "key.words_known": (
        "此人若知道恢复词，仍可读到保管库里的全部文件名与摘要，直到 hefu vault rotate 更换恢复词",
        "a person who knows the recovery words can read every name and digest in the vault, until hefu vault rotate",
    ),
    "key lost.summary": ("报告密钥可能已落入他人之手", "report that a key may be in other hands"),
    "key lost.examples": (
        'hefu key lost 1dd03125 --home ~/.hefu --since 2026-01-31T08:00:00.000Z --reason "laptop stolen"',
        'hefu key lost 1dd03125 --home ~/.hefu --since 2026-01-31T08:00:00.000Z --reason "laptop stolen"',
    ),
    "key.lost_since": (
        "最早何时可能失控（UTC）：2026-01-31T08:00:00.000Z",
        "since when it may have been (UTC): 2026-01-31T08:00:00.000Z",
    ),
    "key.time": (
        "不是时间：{text}；应如 2026-01-31T08:00:00.000Z（UTC）",
        "not a time: {text}; write 2026-01-31T08:00:00.000Z (UTC)",
    ),
    "approve.summary": ("审批同事准备的存证", "approve what a colleague prepared"),
    "approve.examples": (
        (
            "hefu approve 配方.hefu.bundle.part --home ~/.hefu --show\n"
            "hefu approve 配方.hefu.bundle.part 配方/ --home ~/.hefu"
        ),
        (
            "hefu approve recipes.hefu.bundle.part --home ~/.hefu --show\n"
            "hefu approve recipes.hefu.bundle.part recipes/ --home ~/.hefu"
        ),
    ),
    "approve.file": (
        "NAME.statement，或可看到文件名的 NAME.part",
        "NAME.statement, or NAME.part, which tells the names",
    ),
    "approve.show": ("只显示，不签名", "only show what it says, and sign nothing"),
    "approve.about": ("类别 {kind}，{count} 份文件，根 {root}", "kind {kind}, {count} documents, root {root}"),
    "approve.signed": ("已由密钥 {keys} 签名", "signed by the keys {keys}"),
    "approve.nameless": (
        "文件名不在声明中；要核对请用 .part",
        "a statement tells no names; to see them, use the .part",
    ),
    "approve.more": ("  另有 {count} 份", "  and {count} more"),
    "approve.unproven": (
        "文件名由经办人填写，不证明文件内容；要核对每份文件，请给出文件夹",
        "the names are the preparer's and prove nothing; to compare every document, name the folder too",
    ),
    "approve.compared": ("{count} 份文件均与声明一致", "all {count} documents are those of the statement"),
    "approve.differs": ("与声明不符：{count}", "not as the statement has them: {count}"),
    "approve.wrong": ("{name}：内容不同", "{name}: other content"),
    "approve.missing": ("{name}：缺少或无法读取", "{name}: missing, or cannot be read"),
    "approve.uncovered": ("{name}：不在声明之内", "{name}: not part of the statement"),
    "approve.no_part": ("{path} 旁没有 .part，无法核对文件", "there is no .part beside {path} to compare documents by"),
    "approve.refused": ("文件与声明不符，未签名", "the documents are not those of the statement; nothing was signed"),
    "approve.other_root": (
        "{path} 的根是 {root}，与所给的不同；未签名",
        "{path} has the root {root}, not the one given; nothing was signed",
    ),
    "approve.mine": (
        "本机的密钥已在 {path} 上签过名；审批须由另一人的密钥签名",
        "this computer's key has signed {path} already; approval is by another person's key",
    ),
    "approve.documents": (
        "声明所指的文件夹或文件；逐份核对",
        "the folder or file it is about; every document is compared",
    ),
    "approve.root": ("已看过的根；给出后不再询问", "the root that was seen; nothing is asked then"),
    "approve.yes": ("不询问", "do not ask"),
    "approve.done": ("已审批；请把 {file} 带回经办人", "approved; carry {file} back to who prepared it"),
    "approve.only_shown": ("未签名", "not signed"),
    "approve.other_firm": (
        "{path} 属于存证主体 {depositor}，不是本机的",
        "{path} is of depositor {depositor}, not of this home's",
    ),
    "approve.not_mine": ("本机的密钥已停用或尚未入账", "this computer's key is retired, or not on the ledger yet"),
    "approve.stranger": (
        "{path} 由密钥 {key} 签名：未知、已停用或他人的",
        "{path} is signed by the key {key}: unknown, retired or another's",
    ),
    "approve.not_enough": ("{path} 的签名不合规则：{error}", "{path} is not signed as the rule asks: {error}"),
    "approve.differ": (
        "{path} 的 .part 与 .statement 不是同一件存证",
        "the .part and .statement of {path} are not of one deposit",
    ),
    "approve.enough": (
        "{path} 的签名已经足够，再签一次会成为另一份存证",
        "{path} has all the signatures it needs; one more would make it another deposit",
    ),
}
