"""Files, disks and the service, as they are met."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "folder.problem": ("1 处无法存证；什么也没有写入", "1 path cannot be deposited; nothing was written"),
    "folder.problems": (
        "{count} 处无法存证；什么也没有写入",
        "{count} paths cannot be deposited; nothing was written",
    ),
    "folder.skip": (
        "其余照存、这些列出来：加 --skip-unreadable",
        "to deposit the rest and list these: --skip-unreadable",
    ),
    "folder.link": (
        "符号链接，不跟随；请直接给出它所指的文件",
        "a symbolic link, which is not followed; name the file that it leads to",
    ),
    "folder.pipe": ("命名管道", "a named pipe"),
    "folder.socket": ("套接字", "a socket"),
    "folder.device": ("设备", "a device"),
    "folder.folder": ("文件夹", "a folder"),
    "folder.odd": ("不是普通文件", "not a regular file"),
    "folder.twin": (
        "与 {twin!r} 是同一文件夹：成环，或挂载了两次",
        "the same folder as {twin!r}: a loop, or mounted twice",
    ),
    "folder.whole": ("整个文件夹", "the whole"),
    "folder.not_utf8": ("名称不是 UTF-8；请改名", "its name is not UTF-8; rename it"),
    "folder.unreadable": ("当前用户不可读；请改权限", "not readable by this user; change its mode"),
    "folder.changed": (
        "读取期间被改动；请关闭正在写它的程序再试",
        "it changed while it was being read; close the program that writes it, and try again",
    ),
    "folder.nameless": ("没有名称可用于证据", "it has no name to give its evidence"),
    "folder.count": (
        "{path} 内有 {count} 份文件；一次存证为 1 至 {most} 份",
        "{path} holds {count} documents; a deposit has 1 to {most}",
    ),
    "folder.collide": (
        "{one} 与 {other} 的证据都将是 {evidence}；请分开存证",
        "{one} and {other} would share {evidence}; deposit them apart",
    ),
    "folder.inside": (
        "{option} {path} 在 {folder} 之内；请选用其外的文件夹",
        "{option} {path} lies inside {folder}; choose a folder outside it",
    ),
    "folder.none": ("{folder} 不是文件夹", "{folder} is not a folder"),
    "text.utf16": (
        "{path} 被另一程序另存为 UTF-16（PowerShell 的 > 会这样）；请用原来的文件，或另存为 UTF-8",
        "{path} was saved by another program as UTF-16, as > of PowerShell does; take the first file, or save as UTF-8",
    ),
    "text.mark": (
        "{path} 被另一程序另存过，开头多了字节序标记；请用原来的文件，或另存为不带标记的 UTF-8",
        "{path} was saved by another program with a byte order mark; take the first file, or save it as UTF-8 without",
    ),
    "text.gzip": ("{path} 是压缩文件；请先用 gunzip 解开", "{path} is packed; unpack it first, with gunzip"),
    "text.page": (
        "{path} 是网页而不是所要的文件，可能是登录页或网络过滤；请重新下载",
        "{path} is a web page, perhaps a login or a filter, and not the file itself; fetch it again",
    ),
    "disk.no_locks": (
        "{path} 所在的磁盘不能加锁（{cause}）；请用本机磁盘上的文件夹，之后再复制过去",
        "{path} lies on a disk that cannot lock ({cause}); use a folder on this computer and copy it afterwards",
    ),
    "disk.encoding": (
        "此程序以 {encoding} 读取文件名，可能读成别的名称，因此不予处理；请设 PYTHONUTF8=1 后重新启动",
        "this program reads file names as {encoding} and may get others; set PYTHONUTF8=1 and start it again",
    ),
    "disk.in_use": (
        "另一个程序正占用它；请在那里关闭，再次运行同一命令",
        "another program has it open; close it there and run the same command again",
    ),
    "disk.missing": ("没有这个文件或文件夹", "No such file or directory"),
    "disk.denied": ("当前用户没有权限", "Permission denied"),
    "disk.folder": ("这是文件夹，不是文件", "Is a directory"),
    "disk.no_folder": ("路径中有一段不是文件夹", "Not a directory"),
    "disk.full": ("磁盘已满", "No space left on device"),
    "disk.reserved": ('Windows 的名称中不能有 < > : " | ? * \\', 'Windows allows none of < > : " | ? * \\ in a name'),
    "disk.ending": ("Windows 的名称不能以点或空格结尾", "on Windows no name ends in a dot or a space"),
    "disk.device": ("{part} 在 Windows 上是设备名", "{part} names a device on Windows"),
    "ignore.rule": ("按规则忽略；要存证请加 --no-ignore", "ignored by a rule; --no-ignore deposits it"),
    "ignore.not_understood": (
        "{path}：这一行不合 .gitignore 的语法：{line!r}",
        "{path}: this line is not of .gitignore's grammar: {line!r}",
    ),
    "ignore.not_utf8": ("{path} 不是 UTF-8；请另存为 UTF-8", "{path} is not UTF-8; save it as UTF-8"),
    "service.address": (
        "不是服务的网址（例如 https://ledger.example）：{url!r:.200}",
        "not a service's address such as https://ledger.example: {url!r:.200}",
    ),
    "service.password": (
        "网址中有用户名或密码（@ 之前），它会留在设置、恢复单与提示里，因此不接受；请去掉",
        "an address with a user or a password (before @) would stand in settings, sheets and messages; leave it out",
    ),
    "service.insecure": (
        "http:// 上的内容会在途中被读取或改动：{host} 请用 https://；若您接受，请加 --insecure-http",
        "http:// can be read and changed on the way to {host}: use https://, or accept that with --insecure-http",
    ),
    "service.warning": (
        "警告：http:// 不加密，登记码与保管库地址会在途中被人读到，回答会被改动",
        "warning: over http:// codes and the vault's address can be read on the way, and answers can be changed",
    ),
    "service.system": ("系统设置", "the system's settings"),
    "service.proxy_scheme": (
        "代理设置 {setting} 是 {scheme}://，hefu 只能用 http:// 或 https:// 代理；请改它，或把 {host} 写入 NO_PROXY",
        "the proxy of {setting} is {scheme}://, and must be http:// or https://; change it, or add {host} to NO_PROXY",
    ),
    "service.proxy_address": (
        "代理设置 {setting} 不是网址（例如 http://proxy.example:8080）",
        "the proxy of {setting} is no address such as http://proxy.example:8080",
    ),
    "service.through": ("{cause}（经由代理设置 {setting}）", "{cause} (through the proxy of {setting})"),
    "service.moved": (
        "{url} 已移到 {place}（{status}）；请用新的网址：--server 或 HEFU_SERVER",
        "{url} has moved to {place} ({status}); give that address, by --server or HEFU_SERVER",
    ),
    "service.encoding": (
        "{url}：回答以 {encoding} 压缩，无法解开；请运营者关闭途中的压缩",
        "{url}: the answer is packed as {encoding} and cannot be unpacked; packing on the way has to be turned off",
    ),
    "service.page": (
        "{url}：回答是网页而不是数据，可能是登录页或网络过滤；请在浏览器中打开一次，或询问网管",
        "{url}: it answered with a web page, perhaps a login or a filter; open it in a browser",
    ),
    "service.refused": ("服务拒绝（{status} {title}）：{detail}", "the service refused ({status} {title}): {detail}"),
    "service.refused_bare": ("服务拒绝（{status} {title}）", "{status} {title}"),
    "service.failed": ("服务出错（{status} {title}）：{detail}", "the service failed ({status} {title}): {detail}"),
    "service.unreachable": (
        "连不上 {url}（试了 {attempts} 次）：{cause}；稍后再次运行同一命令",
        "{url} cannot be reached ({attempts} attempts): {cause}",
    ),
    "service.status": ("回答 {status}", "it answered {status}"),
    "service.too_long": ("{url}：回答超过 {limit} 字节", "{url}: the answer is longer than {limit} bytes"),
    "service.malformed": ("{what}：服务的回答有误：{error}", "{what}: the service's answer is {error}"),
    "service.no_object": ("{what}：服务的回答不是 JSON 对象", "{what}: the service's answer is not a JSON object"),
}
