"""Refusals of requests, as their senders read them."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "refused.private_half": (
        "请求中含有私密部分（卡片、摘要、随机数或种子）",
        "the body holds a part of the private half (sections, digests, nonces or a seed)",
    ),
    "verify.busy": (
        "正在核验另一份入账证明；请稍后再试，或用 hefu verify 自行核验",
        "another receipt is being verified; try again later, or verify it yourself with `hefu verify`",
    ),
    "verify.slow": (
        "核验未能在 {seconds} 秒内完成；请稍后再试，或用 hefu verify 自行核验",
        "not verified within {seconds} s; try again later, or verify it yourself with `hefu verify`",
    ),
    "verify.long": ("入账证明超过 {limit} 字节", "the receipt is longer than {limit} bytes"),
    "verify.failed": ("核验进程出错：{reason}", "the process that verifies has failed: {reason}"),
}
