"""Evidence and ledgers: verify, inspect, extract, audit 核验."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "verify.summary": ("离线核验证据", "verify evidence offline"),
    "verify.examples": (
        (
            "hefu verify 客户名单.xlsx.hefu.json 客户名单.xlsx --policy policy.txt\n"
            "hefu verify 配方.hefu.bundle 配方/ --policy policy.txt"
        ),
        (
            "hefu verify customers.xlsx.hefu.json customers.xlsx --policy policy.txt\n"
            "hefu verify recipes.hefu.bundle recipes/ --policy policy.txt"
        ),
    ),
    "verify.evidence": ("NAME.hefu.json 或 NAME.hefu.bundle", "NAME.hefu.json or NAME.hefu.bundle"),
    "verify.document": ("原件；证据集则为文件夹", "the document, or for a bundle the folder"),
    "verify.policy": (
        "信任谁：c2sp.org/tlog-policy 文件，须另有来源",
        "whom to trust, a c2sp.org/tlog-policy file from a source of your own",
    ),
    "verify.no_evidence": (
        "{path} 不是证据文件：应为 NAME.hefu.json 或 NAME.hefu.bundle",
        "{path} is no evidence: that is NAME.hefu.json or NAME.hefu.bundle",
    ),
    "verify.no_policy": (
        "{path} 不是信任策略（服务的 /v1/trust）：{error}",
        "{path} is no trust policy, such as a service's /v1/trust: {error}",
    ),
    "verify.uncovered": (
        "文件夹中有 {count} 份文件不在该存证之内：{shown}。",
        "{count} files of the folder are not part of the deposit: {shown}.",
    ),
    "inspect.summary": ("查看证据自述的内容，不核验", "show what evidence says, unverified"),
    "inspect.examples": ("hefu inspect 客户名单.xlsx.hefu.json", "hefu inspect customers.xlsx.hefu.json"),
    "inspect.unverified": ("未经核验", "nothing was verified"),
    "extract.summary": ("从证据集拆出单份证据", "cut single evidence files out of a bundle"),
    "extract.examples": (
        "hefu extract 配方.hefu.bundle --out 单份/ 配方3.docx",
        "hefu extract recipes.hefu.bundle --out single/ recipe3.docx",
    ),
    "extract.documents": ("存证内的文件名；不写则全部", "names in the deposit; none for all"),
    "extract.out": ("单份证据写入何处，保持文件夹的结构", "where evidence files are written, in the folder's shape"),
    "extract.done": ("{count} 份证据，写入 {out}", "{count} evidence files in {out}"),
    "extract.no_bundle": (
        "{bundle} 不是证据集 NAME.hefu.bundle；NAME.hefu.json 已是单份证据",
        "{bundle} is no NAME.hefu.bundle; a NAME.hefu.json is a single document's evidence already",
    ),
    "extract.unknown": ("{bundle} 内没有这些文件：{names}", "{bundle} holds no document named {names}"),
    "extract.unfit": ("{name}：{cause}", "{name}: {cause}"),
    "extract.clash": (
        "{name} 的证据须放在文件夹 {other} 之内，而 {other} 是另一份证据的文件名；请分别拆出，各用一个 --out",
        "the evidence of {name} belongs below {other}, which is evidence itself; extract them into an --out each",
    ),
    "extract.alike": (
        "此盘分不清 {path} 与已有的 {other}；请逐份拆出，各用一个 --out",
        "this disk cannot tell {path} from {other}, which is there; extract them one by one, each into its own --out",
    ),
    "extract.other": (
        "{path} 是另一份证据，予以保留；请换一个 --out",
        "{path} holds other evidence, which stays; choose another --out",
    ),
    "audit.summary": ("重放整个账本", "replay a whole ledger"),
    "audit.examples": (
        "hefu audit https://ledger.example/ledger --policy policy.txt --state 审计.json",
        "hefu audit https://ledger.example/ledger --policy policy.txt --state audit.json",
    ),
    "audit.source": ("/ledger 的网址，或导出的文件夹", "URL of a /ledger, or an exported folder"),
    "audit.policy": ("信任谁：c2sp.org/tlog-policy 文件", "whom to trust, a c2sp.org/tlog-policy file"),
    "audit.state": (
        "记住上次检查点的文件，用以发现改写",
        "a file that remembers the last checkpoint, to notice any rewriting",
    ),
    "audit.no_policy": (
        "缺少 --policy：没有可信任的公钥，什么也无法核验",
        "--policy is needed: nothing can be checked without a key to trust",
    ),
    "audit.no_witness": (
        "检查点（{size} 条）由所信任的公钥签名，不要求见证。",
        "Of {size} records, signed by a trusted key.",
    ),
    "audit.no_quorum": ("见证共签未达到策略要求的数目。", "The cosignatures miss the quorum."),
    "audit.witnessed": (
        "检查点（{size} 条）由所信任的账本公钥签名，并在 {time} 得到足数见证。",
        "Of {size} records, signed and, by {time}, witnessed.",
    ),
    "audit.first": ("第一次查看，没有上次的检查点可比。", "Seen for the first time."),
    "audit.not_shorter": ("上次为 {size} 条，未变短。", "It had {size} records then."),
    "audit.replayed": (
        "重放了 {records} 条账本条目、{deposits} 件存证，逐条相符。",
        "{records} records and {deposits} deposits, all in order.",
    ),
    "audit.replayed_noted": (
        "重放了 {records} 条账本条目、{deposits} 件存证，逐条相符；须留意：{events}。",
        "{records} records and {deposits} deposits, all in order; to be noted: {events}.",
    ),
    "audit.contains": ("上次看到的账本是现在账本的开头。", "It begins with the ledger seen last time."),
    "audit.tiles": ("{count} 个哈希瓦片与重放所得一致。", "{count} hash tiles are as replayed."),
    "audit.unchecked": ("未核验：内容是否真实、权属。", "Not checked: the truth of the content, ownership."),
    "audit.unchecked_public": (
        "未核验：存证主体的签名与收讫规则（需完整导出）、内容是否真实、权属。",
        "Not checked: depositors' signatures and the acceptances, the truth of the content, ownership.",
    ),
    "audit.contradiction": ("不一致：{error}", "Contradiction: {error}."),
    "audit.unknown_form": ("无法解读：{error}", "Not in a known form: {error}."),
    "audit.not_reached": ("无可比之物，或前面的步骤未通过。", "Not reached, or nothing to compare."),
    "sight.alarm": (
        "账本现在所示与上次所见的检查点不能衔接：{error}",
        "the ledger does not lead from the checkpoint seen before to the one it shows now: {error}",
    ),
}
