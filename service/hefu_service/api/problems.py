"""Every error a client can meet, in one table (RFC 9457 problem+json)."""

from __future__ import annotations

import json
import logging
from typing import Any, Final, NamedTuple

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from hefu_ledger.errors import LedgerError, MalformedError, UnknownFormatError, VerificationError
from hefu_service.api.reader import in_language, language_of
from hefu_service.intake import refusals
from hefu_service.language import error_text
from hefu_service.ports.errors import (
    ClockError,
    DamagedError,
    HeadMovedError,
    ImmutableError,
    PortError,
    SignerError,
    StorageError,
)
from hefu_service.receipts.receipts import UnknownDepositError
from hefu_service.sealing.stops import SealingStoppedError
from hefu_service.texts import Text, sentence

LOG: Final = logging.getLogger("hefu.api")
MEDIA_TYPE: Final = "application/problem+json"


class Problem(NamedTuple):
    """A problem as the client sees it; ``tell`` allows the error's own text to leave the service."""

    status: int
    type: str
    title: str
    tell: bool = True
    retry_after_s: int | None = None


PROBLEMS: Final[dict[type[Exception], Problem]] = {
    MalformedError: Problem(400, "malformed", "Not in the form it should be 格式不符"),
    UnknownFormatError: Problem(400, "unknown-format", "A format or version not known here 未知格式"),
    VerificationError: Problem(422, "not-verified", "It does not prove what it should 核验不一致"),
    LedgerError: Problem(422, "not-verified", "It does not prove what it should 核验不一致"),
    refusals.PrivateHalfError: Problem(
        422, "private-half", "The private half must not be sent; it was not kept 请勿发送私密部分"
    ),
    refusals.UnknownDepositorError: Problem(403, "unknown-depositor", "No such depositor is enrolled 存证主体未登记"),
    refusals.WrongLedgerError: Problem(422, "wrong-ledger", "For another ledger, or another history of it 账本不符"),
    refusals.KeyNotInForceError: Problem(403, "key-not-in-force", "The key is unknown, retired or another's 密钥无效"),
    refusals.SignatureRefusedError: Problem(403, "signature-refused", "The signatures do not verify 签名不符"),
    refusals.CodeRefusedError: Problem(403, "code-refused", "The enrolment code is not accepted 登记码无效"),
    refusals.PossessionRefusedError: Problem(422, "possession-refused", "The key's holder has not signed 持钥声明不符"),
    refusals.TooLateError: Problem(422, "too-late", "The statement was to be received earlier 存证声明已过期限"),
    refusals.RequestTimeError: Problem(422, "request-time", "Made too long ago, or in the future 声明时间不符"),
    refusals.ConflictError: Problem(409, "conflict", "It contradicts what was done before 与既有登记冲突"),
    refusals.BusyError: Problem(503, "busy", "Too many requests wait; nothing was stored 服务繁忙", retry_after_s=1),
    refusals.VerifierBusyError: Problem(
        503, "verifier-busy", "Too many verify here; nothing is wrong with the receipt 核验繁忙", retry_after_s=2
    ),
    refusals.OverLimitError: Problem(429, "over-limit", "Too many for now; nothing was stored 超出限额"),
    refusals.NotTheirVaultError: Problem(403, "not-their-vault", "The vault is another depositor's 保管库属于他人"),
    refusals.VaultClosedError: Problem(410, "vault-closed", "The vault is closed, and another in use 保管库已停用"),
    refusals.QuotaError: Problem(507, "quota", "The vault is full; nothing was stored 保管库已满"),
    refusals.RefusedError: Problem(422, "refused", "Refused 不予接受"),
    UnknownDepositError: Problem(404, "not-found", "Not there 没有此项"),
    ClockError: Problem(
        503, "clock", "The service does not trust its clock; nothing was stored 时钟异常", retry_after_s=30
    ),
    HeadMovedError: Problem(503, "busy", "Another worker was first 服务繁忙", tell=False, retry_after_s=1),
    StorageError: Problem(503, "storage", "The service cannot store; try again 存储异常", tell=False, retry_after_s=5),
    DamagedError: Problem(503, "storage", "The service cannot store; try again 存储异常", retry_after_s=5),
    ImmutableError: Problem(500, "stopped", "The ledger needs its operator 账本停写", tell=False),
    SignerError: Problem(500, "stopped", "The ledger needs its operator 账本停写", tell=False),
    SealingStoppedError: Problem(500, "stopped", "The ledger needs its operator 账本停写", tell=False),
    PortError: Problem(500, "internal", "An error of the service 服务内部错误", tell=False),
}
TITLES: Final = {
    400: "Not in the form it should be 格式不符",
    401: "A token is needed 须出示口令",
    403: "Not granted 不予许可",
    404: "Not there 没有此项",
    405: "Not by this method 不支持此方法",
    408: "Too slow 未能及时收全",
    413: "Too long 过长",
    415: "Another kind of body is needed 正文类型不符",
}
INTERNAL: Final = Problem(500, "internal", "An error of the service 服务内部错误", tell=False)


def problem_of(error: Exception) -> Problem:
    """The table's row for an error: its own class's, or the nearest above it."""
    problem = next((PROBLEMS[kind] for kind in type(error).__mro__ if kind in PROBLEMS), INTERNAL)
    if isinstance(error, refusals.OverLimitError):
        problem = problem._replace(retry_after_s=error.retry_after_s)
    return problem


def register(app: Flask) -> None:
    """Let the app answer every error as a problem."""
    app.register_error_handler(refusals.OneOfManyError, _one_of_many)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, answer)


def answer(error: Exception) -> Response:
    """Answer this request with an error, and log it for the operator if it is an internal one."""
    problem = problem_of(error)
    if isinstance(error, LedgerError) and request.method not in {"POST", "PUT"}:
        problem = INTERNAL  # a GET sends a path alone, and the view has parsed it: the stored data are damaged
    if problem.status >= 500 and problem.type not in {"busy", "quota", "verifier-busy"}:
        # An internal error's text may name paths or values: it goes to the operator's log, never to the client.
        event = {"request": g.get("request_id")}
        LOG.error("request failed", exc_info=error, extra={"event": event})
    return _render(problem, error_text(error) if problem.tell else None)


def problem_json(problem: Problem, detail: str | None, accept_language: str, **members: Any) -> bytes:
    """A problem as it is sent; its detail in the reader's language where it is a ``Text``."""
    body = {"type": f"about:hefu/{problem.type}", "title": problem.title, "status": problem.status, **members}
    if detail:
        body["detail"] = in_language(detail, language_of(accept_language))
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _one_of_many(error: refusals.OneOfManyError) -> Response:
    cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
    problem = problem_of(cause)
    told = sentence("http.one_of_many", index=error.index, error=error_text(cause)) if problem.tell else None
    return _render(problem, told, index=error.index)


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    slug = error.name.lower().replace(" ", "-")
    response = _render(Problem(status, slug, TITLES.get(status, error.name)), _detail(error, status))
    for name, value in error.get_headers():
        if name.lower() in {"allow", "retry-after", "www-authenticate"}:
            response.headers[name] = value
    return response


def _detail(error: HTTPException, status: int) -> Text:
    """Our own text: the view's, or one for the status in the place of the framework's."""
    if isinstance(error.description, Text):
        return error.description
    allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
    known = status if status in TITLES else "other"
    limit = request.max_content_length
    return sentence(f"status.{known}", status=status, method=request.method, allowed=allowed, limit=limit)


def _render(problem: Problem, detail: str | None, **members: Any) -> Response:
    g.problem = problem.type
    body = problem_json(problem, detail, request.headers.get("Accept-Language", ""), **members)
    response = Response(body, problem.status, content_type=MEDIA_TYPE)
    if problem.retry_after_s is not None:
        response.headers["Retry-After"] = str(problem.retry_after_s)
    return response
