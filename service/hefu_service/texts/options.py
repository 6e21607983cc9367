"""The help of each option."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "option.data": ("数据文件夹（或 HEFU_DATA）。", "The data directory (or HEFU_DATA)."),
    "option.reason": ("原因；会公开，请勿写入姓名。", "Why; it is public on the ledger: no names."),
    "option.no_reason": ("请说明原因。", "say why."),
    "option.origin": (
        "账本的名称，不带协议的网址：log.example/fengxian。",
        "The ledger's name, a schema-less URL: log.example/fengxian.",
    ),
    "option.predecessor": (
        "所接续的前账本的最后检查点。",
        "The last checkpoint of a ledger that has ended, which this one continues.",
    ),
    "option.host": (
        "监听的 IP 地址（127.0.0.1，或 HEFU_HOST）。",
        "The IP address to listen on (127.0.0.1, or HEFU_HOST).",
    ),
    "option.port": ("监听的端口（8080，或 HEFU_PORT）。", "The port to listen on (8080, or HEFU_PORT)."),
    "option.window": (
        "一次存证等待其他存证一同封存的毫秒数（1000，或 HEFU_WINDOW_MS）。",
        "Milliseconds that a deposit waits for others to be sealed with (1000, or HEFU_WINDOW_MS).",
    ),
    "option.token": (
        "审计口令文件；凭此口令可读全部声明（或 HEFU_AUDITOR_TOKEN_FILE）。",
        "The auditor's token file; the token admits to all statements (or HEFU_AUDITOR_TOKEN_FILE).",
    ),
    "option.worker_window": (
        "超过此毫秒数仍未封存的，不待请求即封存（同 serve）。",
        "Milliseconds after which deposits are sealed unasked (as of serve).",
    ),
    "option.queues": (
        "做哪些工作：封存 ledger，消息 slow，或两者，互不等待。",
        "Which work to do: sealing (ledger), messages (slow), or both, which do not wait for each other.",
    ),
    "option.name": ("机构登记的名称。", "The organisation's name as registered."),
    "option.uscc": ("统一社会信用代码，18 位。", "The unified social credit code, 18 characters."),
    "option.known": (
        "已登记的主体，重发登记码或增加密钥。",
        "A known depositor, for a new code or a further key.",
    ),
    "option.method": ("身份的核验方式；无默认值。", "How the identity was verified; no default."),
    "option.verifier": ("核验人；无默认值。", "Who verified it; no default."),
    "option.role": ("登记码所登记密钥的角色：经办或审批。", "The role of the key that the code enrols."),
    "option.signatures": ("一次存证所需的签名数，默认 1。", "Signatures that a deposit needs; 1 if not said."),
    "option.another_identity": (
        "该单位已登记，而仍须另立主体的原因（不公开）。",
        "Why an organisation that is known becomes another depositor (not public).",
    ),
    "option.another_check_character": (
        "营业执照上的校验位与国家标准不同的原因（不公开）。",
        "Why the licence has another check character than GB 32100 asks for (not public).",
    ),
    "option.find": (
        "只列出编号、名称或统一社会信用代码含有此文字的主体。",
        "Only depositors whose id, name or unified social credit code holds this text.",
    ),
    "option.withdraw": ("作废此编号的登记码。", "End the code of this number."),
    "option.depositor": ("密钥所属的存证主体。", "The depositor that the key belongs to."),
    "option.vkey": ("密钥，与登记条目所载相同。", "The key, as its enrolment record has it."),
    "option.compromised": (
        "自此时起密钥可能为他人所用：2026-01-31T08:00:00.000Z。",
        "The key may have been in other hands since: 2026-01-31T08:00:00.000Z.",
    ),
    "option.to": (
        "迁入的空数据库：PostgreSQL 的网址，或 sqlite（数据文件夹中）。",
        "The empty database to move into: PostgreSQL's URL, or sqlite (in the data directory).",
    ),
    "option.repair": ("先重写损坏或遗失的公开文件。", "First write damaged or lost published files anew."),
    "option.seen": ("外部所见的检查点，用以比对。", "A checkpoint that was kept outside, to compare."),
    "option.out": ("文件夹，新建的或先前导出的。", "A directory, new or of an earlier export."),
    "option.statements": (
        "一并导出接收凭条与声明，供完整重放。",
        "Acceptances and statements too, for a full replay.",
    ),
}
