"""Answers of the HTTP surface: details of requests that are not served."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "status.400": ("请求的格式不符", "the request is not in the form it should be"),
    "status.401": ("缺少口令，或口令不符", "a token is missing or wrong"),
    "status.403": ("不予许可", "this is not granted"),
    "status.404": (
        "此地址没有内容；GET /openapi.json 列出全部地址",
        "there is nothing at this address; GET /openapi.json lists all there are",
    ),
    "status.405": ("此地址不接受 {method}，只接受 {allowed}", "this address does not take {method}, only {allowed}"),
    "status.408": ("正文未能及时收全", "the body did not come in time"),
    "status.413": ("正文超过 {limit} 字节", "the body is longer than {limit} bytes"),
    "status.415": ("正文须为另一种类型", "the body must be of another media type"),
    "status.other": ("请求未能完成（{status}）", "the request could not be served ({status})"),
    "http.one_of_many": ("第 {index} 份声明：{error}", "statement {index}: {error}"),
    "http.cut_short": (
        "正文应有 {length} 字节，只及时收到 {came} 字节",
        "of {length} bytes only {came} came, or not in time",
    ),
    "http.media_type": ("Content-Type 须为 {media_type}", "Content-Type must be {media_type}"),
    "http.media_types": (
        "Content-Type 须为 text/plain（一份声明）或 application/json（多份声明）",
        "Content-Type must be text/plain (one statement) or application/json (many)",
    ),
    "http.encoding": ("不支持 Content-Encoding", "Content-Encoding is not supported"),
    "http.statement": ("一份声明最多 {limit} 字节", "a statement has at most {limit} bytes"),
    "http.no_deposit": ("没有此 SHA-256 的存证声明", "no deposit of a statement with this SHA-256"),
    "http.no_number": ("没有此存证编号", "no deposit has this number"),
    "http.no_depositor": ("没有此存证主体的登记", "no depositor of this id is enrolled"),
    "http.no_batch": ("没有此批次", "no batch has this record index"),
    "http.unpublished": ("没有公布，或尚未公布", "not published, or not yet"),
    "http.no_auditors": (
        "本服务不接受审计：未设置 HEFU_AUDITOR_TOKEN_FILE",
        "this service admits no auditors: HEFU_AUDITOR_TOKEN_FILE is not set",
    ),
    "http.auditor": (
        "须出示审计口令：Authorization: Bearer …",
        "an auditor's token is needed: Authorization: Bearer …",
    ),
    "http.no_metrics": (
        "运行指标只供本机读取：未设置 HEFU_METRICS_TOKEN_FILE",
        "the figures are for this machine alone: HEFU_METRICS_TOKEN_FILE is not set",
    ),
    "http.metrics": (
        "须出示指标口令：Authorization: Bearer …",
        "the token for figures is needed: Authorization: Bearer …",
    ),
    "http.vault": (
        "须出示保管库地址：Authorization: Bearer …",
        "the vault's address is needed: Authorization: Bearer …",
    ),
    "http.no_vault": (
        "没有此地址的保管库：从未存入文件",
        "there is no vault of this address: no file was ever put there",
    ),
    "http.no_blob": ("此保管库中没有这个文件", "no such file in the vault of this address"),
    "http.long_files": ("正在发送的长文件过多", "too many long files are being sent at once"),
    "http.files": (
        "同时送来的文件过多；未作存储",
        "too many files are arriving at once; nothing was stored",
    ),
    "http.one_file": (
        "此主体的另一个文件正在送来；未作存储",
        "another file of this depositor is arriving; nothing was stored",
    ),
    "http.strangers": (
        "此网络地址被拒绝的请求过多",
        "too many requests from this address were refused",
    ),
    "front.title": ("合符存证服务", "Hefu, an evidence service"),
    "front.about": (
        "这是账本 {origin} 的存证服务：企业存入承诺值，任何人都可核验。文件本身从不送到这里。",
        (
            "This is the evidence service of the ledger {origin}. Firms deposit commitments, and anyone can verify"
            " them. Documents themselves never come here."
        ),
    ),
    "front.verify": (
        "收到存证证据的人：用 hefu verify 离线核验，无须信任本服务。",
        "With evidence in hand: run `hefu verify`, offline, without trusting this service.",
    ),
    "front./v1/trust": ("核验所依据的公钥", "the keys to verify by"),
    "front./ledger/checkpoint": ("账本的最新检查点", "the ledger's newest checkpoint"),
    "front./openapi.json": ("全部接口的说明（OpenAPI）", "every operation, described (OpenAPI)"),
    "front./readyz": ("服务是否就绪", "whether the service is ready"),
}
