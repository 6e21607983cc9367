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
    "verify.ledger": (
        "账本的网址或导出的文件夹：读到最新，以知密钥后来是否失控",
        "the ledger's address, or its exported folder: read to its end, for keys that were reported later",
    ),
    "verify.ledger_policy": ("--ledger 须与 --policy 同用", "--ledger needs --policy"),
    "verify.ledger_unwitnessed": (
        "读到的账本（{size} 条）尚未得到策略要求的见证，无从采信",
        "the ledger that was read ({size} records) lacks the witnesses that the policy asks for",
    ),
    "verify.tsa": (
        "所信任的时间戳机构证书（PEM 或 DER），须另有来源；可重复",
        "a certificate of a timestamp authority to trust, PEM or DER, from a source of your own; may be repeated",
    ),
    "verify.report": (
        "另写一页核验报告（HTML，可打印），不覆盖已有文件",
        "also write a report of one page (HTML, to print); an existing file stays",
    ),
    "verify.report_there": (
        "{path} 已经存在，不会覆盖；请换一个文件名",
        "{path} exists and stays as it is; choose another name for the report",
    ),
    "verify.all": ("列出每个步骤，不折叠通过的步骤", "show every step, those that hold too"),
    "report.title": ("核验报告", "Verification report"),
    "report.facts": ("存证", "The deposit"),
    "report.compared": ("核验对象", "The files compared"),
    "report.means": ("核验依据", "How it was verified"),
    "report.steps": ("十九个步骤", "The nineteen steps"),
    "report.size": ("文件大小（字节）", "size in bytes"),
    "report.documents": ("文件数", "documents"),
    "report.evidence": ("证据文件", "evidence file"),
    "report.policy": ("信任策略", "trust policy"),
    "report.log_key": ("账本公钥指纹", "trusted log key"),
    "report.no_policy": ("无", "none"),
    "report.tool": ("核验程序", "program"),
    "report.time": ("核验时间（本机时钟）", "time, by this computer"),
    "report.ok": ("通过", "holds"),
    "report.noted": ("留意", "noted"),
    "report.failed": ("不符", "fails"),
    "report.cannot": ("无法核验", "cannot tell"),
    "report.unchecked": ("未核验", "unchecked"),
    "report.scope": (
        "本页记录一次离线核验，本身不是证据，也不是公证书。任何人都可以重新核验：",
        "This page records one offline verification; it is no evidence, and no notarial certificate. Repeat it with:",
    ),
    "inspect.summary": ("查看证据自述的内容，不核验", "show the contents of evidence, unverified"),
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
    "extract.link": (
        "{path} 是链接，证据会写到别处；请移走它，或另选 --out",
        "{path} is a link, and evidence would be written elsewhere; move it away, or choose another --out",
    ),
    "extract.problems": (
        "{count} 份证据无法写出，其余已写出：",
        "{count} pieces of evidence could not be written; the others are there:",
    ),
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
    "sight.alarm": (
        "账本现在所示与上次所见的检查点不能衔接：{error}",
        "the ledger does not lead from the checkpoint seen before to the one it shows now: {error}",
    ),
}
