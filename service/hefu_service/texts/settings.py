"""Refusals of settings."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "settings.problem": ("{name}：{problem}", "{name}: {problem}"),
    "settings.unknown": ("没有此设置；是否指 {near}？", "unknown: is {near} meant?"),
    "settings.language": ("须为 zh 或 en", "must be zh or en"),
    "settings.data": ("缺少（或 --data DIR）", "missing (or --data DIR)"),
    "settings.server": (
        "多个进程需要数据库服务器：请同时设置 {server}",
        "several processes need a database server: set {server} too",
    ),
    "settings.certificate": ("证书与其私钥须一同给出", "a certificate and its key go together"),
    "settings.queue": (
        "缺少；没有队列时由 hefu-service serve 自行封存",
        "missing; without a queue `hefu-service serve` seals by itself",
    ),
    "settings.together": ("缺少，与 {other} 须一同给出", "missing, and needed with {other}"),
    "settings.empty": ("不能为空", "empty"),
    "settings.tilde": (
        "没有此用户的文件夹可供 ~ 代替；请写出完整路径",
        "~ stands for no user's folder here; write the whole path",
    ),
    "settings.address": (
        "不是 IP 地址，例如 127.0.0.1、0.0.0.0 或 ::1：{value!r:.40}",
        "not an IP address such as 127.0.0.1, 0.0.0.0 or ::1: {value!r:.40}",
    ),
    "settings.database_password": (
        "含有口令；口令应放在口令文件中（PGPASSFILE 或 ~/.pgpass）",
        "holds a password, whose place is a password file (PGPASSFILE, or ~/.pgpass)",
    ),
    "settings.database": (
        "不是 PostgreSQL 数据库的网址，例如 postgresql://hefu@db.example/hefu",
        "not the URL of a PostgreSQL database, such as postgresql://hefu@db.example/hefu",
    ),
    "settings.redis_password": (
        "含有口令，他人可见；请经套接字，只让本服务访问其 Redis",
        "holds a password, which others can see: let only this service reach its Redis, by a socket",
    ),
    "settings.redis": (
        "不是 Redis 的网址，例如 unix:///run/redis/hefu.sock 或 redis://127.0.0.1:6379/0",
        "not the URL of a Redis, such as unix:///run/redis/hefu.sock or redis://127.0.0.1:6379/0",
    ),
    "settings.url": ("不是网址", "not a URL"),
    "settings.webhook_user": (
        "含有用户名或口令，他人可见；请求以签名为凭",
        "holds a user or password, which others can see: requests are signed instead",
    ),
    "settings.webhook": (
        "不是 https:// 网址（http:// 只限本机）",
        "not an https:// URL (http:// is for this machine alone)",
    ),
    "settings.mail_password": (
        "含有口令；口令应放在 {setting} 所指的文件中",
        "holds a password, whose place is the file of {setting}",
    ),
    "settings.mail_server": (
        "不是邮件服务器的网址，例如 smtps://hefu@mail.example 或 starttls://mail.example:587",
        "not a mail server's URL, such as smtps://hefu@mail.example or starttls://mail.example:587",
    ),
    "settings.mail_clear": (
        "口令会以明文发送；请用 smtps:// 或 starttls://",
        "would send a password in the clear: use smtps:// or starttls://",
    ),
    "settings.mailbox": (
        "不是单个邮箱地址，例如 hefu@office.example",
        "not one mail address such as hefu@office.example",
    ),
    "settings.networks": (
        "不是以逗号分隔的 IP 地址或网段，例如 10.0.0.5,10.1.0.0/16：{value!r:.80}",
        "not IP addresses or networks such as 10.0.0.5,10.1.0.0/16, between commas: {value!r:.80}",
    ),
    "settings.time_servers": (
        "不是以逗号分隔的时间服务器名称，例如 ntp.ntsc.ac.cn,ntp.example:123：{value!r:.80}",
        "not the names of time servers such as ntp.ntsc.ac.cn,ntp.example:123, between commas: {value!r:.80}",
    ),
    "settings.number": (
        "不是 {low} 至 {high} 的整数：{value!r:.40}",
        "not a whole number from {low} to {high}: {value!r:.40}",
    ),
}
