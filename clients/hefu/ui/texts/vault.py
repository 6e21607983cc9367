"""The vault and its recovery sheet 保管库."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "vault restore.summary": ("凭恢复单找回一切", "bring everything back from the recovery sheet"),
    "vault restore.examples": (
        (
            "hefu vault restore --home ~/.hefu --words - --server https://ledger.example --out 证据/\n"
            "hefu vault restore --home ~/.hefu --words 恢复词.txt --from /网络盘/保管库 --out 证据/"
        ),
        (
            "hefu vault restore --home ~/.hefu --words - --server https://ledger.example --out evidence/\n"
            "hefu vault restore --home ~/.hefu --words words.txt --from /drive/vault --out evidence/"
        ),
    ),
    "vault restore.home": ("恢复到哪个文件夹", "the folder to bring the home back in"),
    "vault restore.words": ("恢复词或二维码文字所在文件；- 则键入", "the sheet's words or QR text; - to type them"),
    "vault restore.source": ("从此保管库文件夹恢复，不经服务", "a vault's folder, instead of the service"),
    "vault restore.server": ("服务的网址，二维码文字未载明时需要", "the service's address, if the QR does not say it"),
    "vault restore.out": ("证据写在哪里", "where evidence is written"),
    "vault restore.type": ("请键入恢复单上的 24 个词，然后按回车：", "the 24 words of the recovery sheet, then Enter:"),
    "vault restore.where": (
        "缺少 --server 或 --from：恢复词本身不说明保管库在哪里",
        "--server or --from is needed: the words alone do not say where the vault is kept",
    ),
    "vault restore.done": (
        "已恢复 {evidence} 份证据，{documents} 份文件，在 {out}",
        "restored {evidence} pieces of evidence of {documents} documents, in {out}",
    ),
    "vault restore.waiting": ("  已存证，尚未入账：{statement}", "  deposited, not on the ledger yet: {statement}"),
    "vault restore.never": ("  已准备，未提交：{statement}", "  prepared, not deposited: {statement}"),
    "vault restore.problem": ("  无法恢复：{path}：{cause}", "  could not be restored: {path}: {cause}"),
    "vault verify.summary": ("验证保管库可以全部恢复", "prove that everything could be brought back"),
    "vault verify.examples": ("hefu vault verify --home ~/.hefu", "hefu vault verify --home ~/.hefu"),
    "vault verify.home": ("hefu init 所建的文件夹", "the folder that hefu init made"),
    "vault verify.server": ("服务的另一网址", "another address of the service than the home's"),
    "vault verify.offline": ("只看本地保管库，不看服务端", "look at the folder alone, not at the service's copy"),
    "vault verify.complete": (
        "保管库完整，可全部恢复：{deposits} 次存证，{documents} 份文件",
        "everything could be brought back: {deposits} deposits, {documents} documents",
    ),
    "vault verify.offline_complete": (
        "此处所有的可全部恢复：{deposits} 次存证，{documents} 份文件；未向服务询问是否还有其他",
        (
            "all that is here could be brought back: {deposits} deposits, {documents} documents; the service was not"
            " asked whether there are more"
        ),
    ),
    "vault verify.pending": (
        "没有缺损，还有 {count} 处待同步；{deposits} 次存证，{documents} 份文件",
        "nothing is lost, and {count} things wait for hefu vault sync; {deposits} deposits, {documents} documents",
    ),
    "vault verify.incomplete": (
        "保管库有缺损；完好的有 {deposits} 次存证，{documents} 份文件",
        "not everything could be brought back; good are {deposits} deposits, {documents} documents",
    ),
    "vault sync.summary": ("与服务互补保管库文件", "exchange what the service or this computer lacks"),
    "vault sync.examples": ("hefu vault sync --home ~/.hefu", "hefu vault sync --home ~/.hefu"),
    "vault sync.done": (
        "上传 {sent} 个文件，取回 {fetched} 个，补齐入账证明 {receipts} 份，新增索引 {learned} 次存证",
        "sent {sent} files, fetched {fetched}, added {receipts} receipts, learned of {learned} deposits",
    ),
    "vault sync.out": (
        "把本机尚无或已删除的证据写在这里",
        "write the evidence there of deposits of which there is none here, or none any more",
    ),
    "vault sync.evidence": ("写出证据：{count}，在 {out}", "evidence written: {count}, in {out}"),
    "vault sync.differs": (
        "与保管库所存不符，予以保留；移走后再次运行同一命令，即可写出",
        "not what the vault has of it; it stays. Move it away and run this again to have it written",
    ),
    "vault sync.elsewhere": (
        "{count} 次存证只在保管库里：hefu vault sync --out 证据文件夹 可写出其证据",
        "{count} deposits are in the vault alone: hefu vault sync --out DIR writes their evidence",
    ),
    "vault sync.later": (
        "本机还不知道以往的存证（{reason}）：请稍后运行 hefu vault sync，之前不要重新存证",
        "what was deposited before is not known here yet ({reason}): run hefu vault sync before depositing again",
    ),
    "vault.answer": ("保管库：服务的回答有误：{error}", "vault: the service's answer is {error}"),
    "vault.no_key": (
        "此处只有保管库，没有签名密钥，不能上传；请在有密钥的电脑上同步",
        "this home has only the vault, and no key to send with; run hefu vault sync where the key is",
    ),
    "vault.away": (
        (
            "保管库文件夹 {folder} 不在或已空：请连接所在的磁盘或共享。若它已丢失，请自行建立该文件夹，"
            "再运行 hefu vault sync；未写入任何内容"
        ),
        (
            "the vault's folder {folder} is away, or empty: connect its disk or share. If it is lost for good, make the"
            " folder yourself, then run hefu vault sync; nothing was written"
        ),
    ),
    "vault.gap": (
        "本主体的第 {nth} 次存证在此处与服务中都没有：服务可能隐瞒了它，或另一台不共用保管库的电脑所存",
        (
            "deposit no. {nth} of this depositor is neither here nor told by the service: it may be hidden, or be of a"
            " computer that does not share this vault"
        ),
    ),
    "vault.last": (
        "已知的最近一次存证是本主体的第 {nth} 次；若您记得更晚的，即是服务隐瞒了它",
        "the last deposit known is no. {nth} of this depositor; if you know of a later one, the service hides it",
    ),
    "vault.untold": (
        (
            "服务不保管此保管库，也不告知都存过哪些：此处所有的（{deposits} 次存证，{documents} 份文件）可以恢复，"
            "是否齐全无从得知"
        ),
        (
            "the service does not hold this vault, and does not tell which deposits there were. All that is here could"
            " be brought back ({deposits} deposits, {documents} documents); whether it is everything is not known"
        ),
    ),
    "vault.lost": (
        "此次存证的私密部分缺失；服务端若有，hefu vault sync 可取回",
        "a deposit's private half is missing; hefu vault sync fetches it if the service has it",
    ),
    "vault.unsent": ("缺失，请运行 hefu vault sync", "missing; run hefu vault sync"),
    "vault.owed": ("尚未上传：请运行 hefu vault sync", "not yet sent: run hefu vault sync"),
    "vault.twin": (
        "已由同事以另一组签名存证，私密部分在此，尚未归到其下：请运行 hefu vault sync",
        "deposited by a colleague under other signatures; its private half is here: run hefu vault sync to file it",
    ),
    "vault.closed": (
        "此保管库已停用：单位更换了恢复词。请用新的恢复单；在本机运行 hefu vault join --words -",
        "this vault was closed: the firm changed its recovery words. Use the new sheet: hefu vault join --words -",
    ),
    "vault.replaced": (
        "恢复词刚被更换；什么也没有丢失，请再次运行同一命令",
        "the recovery words were replaced just now; nothing is lost: run the same command again",
    ),
    "vault.no_beginning": ("此次存证的首个文件缺失", "the first of its deposit's files is missing"),
    "vault.no_settings": (
        "没有可读的设置，因而无法恢复",
        "no readable settings of a home, without which nothing is brought back",
    ),
    "vault.no_receipt": (
        "此处没有其入账证明，离开服务即无从证明；请运行 hefu vault sync",
        "its receipt is not kept here, so without the service it proves nothing; run hefu vault sync",
    ),
    "vault rotate.summary": ("更换恢复词，停用旧保管库", "new recovery words; the old vault is closed"),
    "vault rotate.examples": ("hefu vault rotate --home ~/.hefu", "hefu vault rotate --home ~/.hefu"),
    "vault rotate.done": (
        "保管库已全部改用新的恢复词：{files} 个文件；旧恢复单请销毁",
        "the vault is encrypted to new recovery words: {files} files; destroy the old sheet",
    ),
    "vault rotate.closed": (
        "服务端的旧保管库已停用：从此旧恢复词在那里什么也读不到",
        "the old vault at the service is closed: the old words read nothing there from now on",
    ),
    "vault rotate.here": (
        "只换了本文件夹的恢复词：服务端没有可停用的保管库。此前的副本（备份、网络盘）用旧恢复词仍能读，请一并销毁",
        (
            "the words were changed in this folder alone: the service holds no vault to close. The old words still "
            "read copies made before (backups, drives); destroy those"
        ),
    ),
    "vault rotate.others": (
        "本单位的其他电脑：各运行一次 hefu vault join --words -，键入新的恢复词",
        "on each other computer of the firm: hefu vault join --words -, and type the new words",
    ),
    "vault rotate.left": (
        "  未带走，谁也解不开：{path}：{cause}",
        "  left behind, since no secret here decrypts it: {path}: {cause}",
    ),
    "vault rotate.unfinished": (
        "恢复词的更换尚未完成：请再次运行 hefu vault rotate（或 hefu vault join）",
        "the recovery words are only half replaced: run hefu vault rotate (or hefu vault join) again",
    ),
    "vault join.summary": ("本机改用单位新的恢复词", "take the firm's new recovery words on this computer"),
    "vault join.examples": ("hefu vault join --home ~/.hefu --words -", "hefu vault join --home ~/.hefu --words -"),
    "vault join.words": (
        "新恢复词或二维码文字所在文件；- 则键入",
        "the new sheet's words or QR text; - to type them",
    ),
    "vault join.sheet": (
        "{sheet} 上是旧恢复词，已删除；新的恢复单在更换恢复词的那台电脑上",
        "{sheet} showed the old recovery words, and was removed; the new sheet is where the words were changed",
    ),
    "vault join.done": ("本机已改用新的恢复词", "this computer has taken the new recovery words"),
    "rotate.approver": (
        "停用旧保管库须由审批人签名：请在密钥为 {keys} 之一的电脑上运行",
        "closing the old vault takes an approver's signature: run this where one of the keys {keys} is",
    ),
    "rotate.no_vault": (
        (
            "这些恢复词的保管库在 {server}，而本机不上传（--no-vault），换词后旧库仍可读，故未作改动。"
            "请在上传的电脑上运行 hefu vault rotate（没有则先用 hefu init … --recovery 新增一台），"
            "再在本机 hefu vault join"
        ),
        (
            "{server} holds a vault of these words, and this home sends nothing there (--no-vault): the old words "
            "would read on. Nothing was changed. Run hefu vault rotate on a computer that sends (if there is none, add "
            "one: hefu init … --recovery), then hefu vault join here"
        ),
    ),
    "rotate.not_sent": (
        "服务未收下全部文件；旧保管库未停用，什么也没有丢失。请再次运行同一命令。未收下的：{names}",
        (
            "the service has not taken everything; the old vault stays open, and nothing is lost: run it again. "
            "Not taken:{names}"
        ),
    ),
    "rotate.refused": (
        "旧保管库未能停用：{error}。若另一台电脑已更换恢复词，请运行 hefu vault join --words - 并键入那一份",
        (
            "the old vault was not closed: {error}. If another computer has replaced the words, "
            "run hefu vault join --words - and type its words"
        ),
    ),
    "rotate.busy": (
        "另一个 hefu 命令正在更换 {path} 的恢复词；请等它结束",
        "another hefu command is replacing the recovery words of {path}; wait for it",
    ),
    "join.other_firm": (
        "这些恢复词不是存证主体 {depositor} 的",
        "these recovery words are not those of depositor {depositor}",
    ),
    "join.not_closed": (
        "旧保管库尚未停用：请先在开始更换的电脑上再次运行 hefu vault rotate",
        "the old vault is still open: first run hefu vault rotate again where the change was begun",
    ),
    "place.here": ("本地", "here"),
    "place.service": ("服务端", "at the service"),
    "restore.not_there": (
        "{server} 没有这些恢复词的保管库：恢复词属于另一份恢复单，或服务不对",
        "{server} holds no vault of these words: they are another sheet's, or this is another server",
    ),
    "restore.no_vault": ("{folder} 里没有保管库文件", "{folder} holds no vault files"),
    "restore.home": ("{path} 已在使用；请另选 --home", "{path} is a home already; choose another --home"),
    "restore.other_words": (
        "{path} 正以另一份恢复词恢复；请另选 --home",
        "{path} is being restored with other words; choose another --home",
    ),
    "restore.wrong_words": (
        "这些恢复词打不开此保管库：属于另一份恢复单",
        "these words do not open this vault: they are another sheet's",
    ),
    "restore.no_settings": (
        "保管库里没有可读的设置；请从另一份副本恢复",
        "the vault holds no readable settings of a home; restore from another copy of it",
    ),
    "restore.trusts": (
        "此文件夹信任的账本公钥指纹：{fingerprint}；服务：{server}",
        "this home trusts the log key with the fingerprint {fingerprint}; its server is {server}",
    ),
    "restore.compare": (
        "请与恢复单上的“账本公钥指纹”核对；若不同，请勿使用",
        "compare it with the log key on the recovery sheet; do not use this home if they differ",
    ),
    "restore.strange_key": (
        "此设置信任创世记录以外的账本公钥 {fingerprints}，未采用；知道恢复词的人可能放入了它",
        "not used: it trusts the log keys {fingerprints}, which genesis does not name; the words alone can write such",
    ),
    "restore.other_ledger": (
        "此设置属于另一账本（公钥指纹 {found}，恢复单上是 {wanted}），未采用",
        "not used: it is of another ledger, with the log key {found}; the sheet has {wanted}",
    ),
    "restore.two_ledgers": (
        "保管库里的设置属于不同账本，公钥指纹：{fingerprints}；请以二维码文字（载有指纹）代替恢复词",
        "the vault holds settings of several ledgers, with log keys {fingerprints}: give the QR text, which names one",
    ),
    "restore.in_the_way": (
        "{path} 已有别的内容，不会覆盖；请另选 --out",
        "{path} holds something else, which stays; choose another --out",
    ),
    "recovery.count": (
        "恢复单有 {wanted} 个词，这里是 {found} 个",
        "a recovery sheet has {wanted} words, here are {found}",
    ),
    "recovery.unknown": (
        "第 {places} 个词不在词表里；请与恢复单核对",
        "no word of the list: number {places}; compare with the sheet",
    ),
    "recovery.checksum": (
        "恢复词校验不符：其中一个是词表里的另一个词，或有两个颠倒",
        "the words do not belong together (their checksum is wrong): one is another of the list, or two are exchanged",
    ),
    "sheet.title": ("合符恢复单", "Hefu recovery sheet"),
    "sheet.what": (
        "凭此恢复单，即使所有电脑毁损，也能从服务端或本地保管库的密文中取回全部存证资料。它不能用来存证或签名。",
        (
            "With this sheet every deposit's private half comes back from the encrypted copies, though every "
            "computer be lost. It cannot sign or deposit."
        ),
    ),
    "sheet.keep": (
        "持有者可以读到全部文件名与摘要：请打印后与电脑分开、保密存放，然后删除本文件。任何人（包括运营者）都不能补发。",
        (
            "A person who holds it can read every file name and digest. Print it, lock it away from the computer, "
            "then delete this file. No one can issue it again, not even the operator."
        ),
    ),
    "sheet.restore": (
        (
            "恢复：在新电脑上安装 hefu，运行 hefu vault restore --home DIR --words - --server URL --out DIR，"
            "输入 24 个词。"
        ),
        "To restore: install hefu, run the command above and type the 24 words; the QR code holds words and server.",
    ),
    "sheet.name": ("单位", "organisation"),
    "sheet.depositor": ("存证主体代号", "depositor"),
    "sheet.origin": ("账本", "ledger"),
    "sheet.server": ("服务", "server"),
    "sheet.fingerprint": ("账本公钥指纹", "log key, sha256"),
    "sheet.date": ("日期", "date"),
}
