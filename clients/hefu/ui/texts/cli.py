"""The words of the command line itself, of its completion, its manual page and its single file."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "confirm.ask": ("继续吗？[y/N]", "go on? [y/N]"),
    "confirm.no": ("已取消，未做任何改动", "stopped; nothing was done"),
    "confirm.no_terminal": (
        "没有终端可询问：核对后请加 {option}；未做任何改动",
        "there is no terminal to ask at: compare, then say {option}; nothing was done",
    ),
    "cli.usage": ("用法：", "usage: "),
    "cli.error": ("错误：{message}", "error: {message}"),
    "cli.title": ("合符：任何人都可独立核验的电子存证", "合符: evidence that anyone can verify"),
    "cli.more": ("每个命令的用法：hefu COMMAND --help", "for each command: hefu COMMAND --help"),
    "cli.examples": ("示例：", "examples:"),
    "cli.json": ("以一个 JSON 对象作答", "answer with one JSON object"),
    "cli.or_setting": ("{what}（或 {setting}）", "{what} (or {setting})"),
    "cli.unknown_setting": ("{name}：没有这个设置；是否指 {near}？", "{name}: unknown setting: is {near} meant?"),
    "cli.unknown_language": ("{name}：应为 zh 或 en", "{name}: must be zh or en"),
    "cli.needed": ("缺少 --{option}", "--{option} is needed"),
    "cli.needed_or": ("缺少 --{option}（或 {setting}）", "--{option} is needed (or {setting})"),
    "cli.interrupted": (
        "已中断；没有写到一半的文件，再次运行同一命令即可继续",
        "interrupted; nothing is half-written, and the same command goes on",
    ),
    "cli.contradiction": ("不一致：{error}", "{error}"),
    "cli.unreadable": ("无法解读：{error}", "{error}"),
    "cli.unexpected": ("意外错误 {kind}：{error}", "unexpected {kind}: {error}"),
    "completion.summary": (
        "命令补全：bash、zsh、fish、powershell",
        "complete commands in bash, zsh, fish or powershell",
    ),
    "completion.examples": (
        (
            'eval "$(hefu completion bash)"     写入 ~/.bashrc\n'
            "hefu completion fish > ~/.config/fish/completions/hefu.fish"
        ),
        'eval "$(hefu completion bash)"     in ~/.bashrc\nhefu completion fish > ~/.config/fish/completions/hefu.fish',
    ),
    "completion.shell": ("您的 shell", "your shell"),
    "man.name": ("名称", "NAME"),
    "man.synopsis": ("用法", "SYNOPSIS"),
    "man.command": ("命令", "COMMAND"),
    "man.commands": ("命令", "COMMANDS"),
    "man.environment": ("环境变量", "ENVIRONMENT"),
    "man.language": ("语言：zh 或 en", "the language: zh or en"),
    "man.exit": ("退出码", "EXIT STATUS"),
    "exit.0": ("核验一致，或已完成", "proven, or done"),
    "exit.1": ("核验不一致", "not proven"),
    "exit.2": ("用法有误，或被拒绝", "wrong words, or refused"),
    "exit.3": ("无法核验，或环境出错", "cannot tell, or the world failed"),
    "exit.130": ("被中断", "interrupted"),
    "cli.insecure_http": (
        "接受发往其他电脑的 http://（会被途中读取或改动）",
        "accept http:// to another computer, though it can be read and changed on the way",
    ),
    "cli.unwritten": ("结果无法写出：{cause}", "the answer could not be written: {cause}"),
    "cli.not_utf8": (
        "{word}：不是 UTF-8，可能来自另一种编码的文档或终端；请重新键入",
        "{word}: not UTF-8, perhaps from a document or a terminal of another encoding; type it again",
    ),
    "cli.tilde": (
        "{path}：没有此用户的文件夹可供 ~ 代替；请写出完整路径，或以 ./ 开头",
        "{path}: ~ stands for no user's folder here; write the whole path, or begin with ./",
    ),
    "portable.missing": (
        "此文件不含适用于 Python {version}、{platform} 的 {names}；请运行 pip install {names}，或换一个版本的 Python",
        "this file carries no {names} for Python {version} on {platform}; pip install them, or take another Python",
    ),
    "portable.cache": (
        "无法在 {path} 写入所携带的组件：{cause}",
        "what this file carries cannot be unpacked: {path}: {cause}",
    ),
    "portable.damaged": ("文件已损坏，请重新下载", "damaged; download the file again"),
    "portable.changed": ("刚写入就被改动，请再次运行", "it was changed while it was written; run this again"),
    "portable.no_folder": ("不是文件夹（或是链接），请移走", "not a folder, or a link to one; move it away"),
    "portable.not_private": (
        "他人可写入此文件夹，其中的程序不予运行；请删除它，再次运行",
        "other users can write into this folder, so no program in it is run; remove it and run this again",
    ),
    "portable.foreign": (
        "不是 hefu 放在那里的，不予运行；请删除它，再次运行",
        "hefu did not put it there and runs nothing beside it; remove it and run this again",
    ),
}

# argparse speaks English alone; longer phrases stand before those that they contain.
ARGPARSE: Final[dict[str, str]] = {
    "positional arguments": "参数",
    "options": "选项",
    "show this help message and exit": "显示此帮助",
    "the following arguments are required: ": "缺少参数：",
    "unrecognized arguments: ": "没有这些参数：",
    "expected one argument": "需要一个值",
    "expected at least one argument": "至少需要一个值",
    "not allowed with argument": "不能同时使用",
    "ignored explicit argument": "不接受值",
    "invalid choice: ": "不可选：",
    "choose from": "可选",
    "argument ": "参数 ",
}
