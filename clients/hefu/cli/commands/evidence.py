"""The commands about existing evidence: verify, inspect, extract, audit."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace

from hefu.cli.command import Command, Outcome, accept_http, option, trust_authorities
from hefu.errors import CANNOT_TELL, NOT_PROVEN, ClientError
from hefu.files.platform import reach
from hefu.ui.language import say, sentences
from hefu_ledger.verify import verdict as verdicts

_CODES = {verdicts.PROVEN: 0, verdicts.NOT_PROVEN: NOT_PROVEN, verdicts.CANNOT_TELL: CANNOT_TELL}


def _declare_verify(parser: ArgumentParser) -> None:
    parser.add_argument("evidence", metavar="EVIDENCE", help="verify.evidence")
    parser.add_argument("document", metavar="DOCUMENT", help="verify.document")
    option(parser, "policy", "verify.policy", needed=False)
    parser.add_argument("--ledger", metavar="URL|DIR", help="verify.ledger")
    accept_http(parser)
    trust_authorities(parser)
    parser.add_argument("--report", metavar="FILE.html", help="verify.report")
    parser.add_argument("--all", action="store_true", help="verify.all")


def _verify(options: Namespace) -> Outcome:
    from hefu.evidence.verify import check_evidence, read_policy, verify

    check_evidence(options.evidence)
    if options.report and os.path.lexists(reach(options.report)):  # before a folder of a million files is read
        raise ClientError(say("verify.report_there", path=options.report))
    policy = read_policy(options.policy)
    reading = None
    if options.ledger:
        if policy is None:
            raise ClientError(say("verify.ledger_policy"))
        from hefu.evidence.receipt import receipt_of
        from hefu.monitor.fetcher import open_source
        from hefu.monitor.reading import read_ledger

        source = open_source(options.ledger, insecure_http=options.insecure_http)
        reading = read_ledger(source, receipt_of(options.evidence), policy)
    roots = roots_of(options)
    verdict = verify(options.evidence, options.document, policy=policy, roots=roots, reading=reading)
    if options.report:
        from hefu.evidence.report import Check, now, write_report

        write_report(options.report, verdict, Check(options.evidence, options.document, options.policy, now()))
    return _verdict(verdict, options.document, options)


def roots_of(options: Namespace) -> list[bytes]:
    """The certificates of the authorities to trust; without any, no timestamp is looked at."""
    if not options.tsa:
        return []
    from hefu.evidence.stamps import read_roots  # slow to import

    return read_roots(options.tsa)


def _declare_audit(parser: ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="audit.source")
    option(parser, "policy", "audit.policy")
    parser.add_argument("--state", help="audit.state")
    accept_http(parser)
    trust_authorities(parser)
    parser.add_argument("--all", action="store_true", help="verify.all")


def _audit(options: Namespace) -> Outcome:
    from hefu.evidence.verify import read_policy
    from hefu.monitor.fetcher import open_source
    from hefu.monitor.replay import audit
    from hefu.monitor.state import read_state, write_state

    policy = read_policy(options.policy)
    if policy is None:
        raise ClientError(say("audit.no_policy"))
    source = open_source(options.source, insecure_http=options.insecure_http)
    seen = read_state(options.state) if options.state else None
    verdict, checkpoint = audit(source, policy=policy, seen=seen, roots=roots_of(options))
    if options.state and checkpoint is not None:
        write_state(options.state, checkpoint)
    return _verdict(verdict, options.source, options)


def _verdict(verdict: verdicts.Verdict, name: str, options: Namespace) -> Outcome:
    from hefu.cli.verdict import verdict_text

    value = verdicts.verdict_value(verdict, sentences())
    return Outcome(_CODES[verdict.verdict], value, verdict_text(verdict, name, every_step=options.all))


def _declare_extract(parser: ArgumentParser) -> None:
    parser.add_argument("bundle", metavar="BUNDLE")
    parser.add_argument("documents", nargs="*", metavar="DOCUMENT", help="extract.documents")
    parser.add_argument("--out", required=True, help="extract.out")


def _extract(options: Namespace) -> Outcome:
    from hefu.evidence.extract import extract
    from hefu.evidence.verify import is_bundle

    if not is_bundle(options.bundle):
        raise ClientError(say("extract.no_bundle", bundle=options.bundle))
    paths = extract(options.bundle, options.out, options.documents)
    return Outcome(0, {"evidence": paths}, say("extract.done", count=len(paths), out=options.out))


def _declare_inspect(parser: ArgumentParser) -> None:
    parser.add_argument("evidence", metavar="EVIDENCE")
    trust_authorities(parser)


def _inspect(options: Namespace) -> Outcome:
    from hefu.cli.output import members_text
    from hefu.evidence.inspect import inspect
    from hefu.evidence.verify import check_evidence

    check_evidence(options.evidence)
    value = inspect(options.evidence, roots=roots_of(options))
    return Outcome(0, value, members_text(value))


COMMANDS = {
    "verify": Command("verify.summary", _declare_verify, _verify, verdict=True),
    "inspect": Command("inspect.summary", _declare_inspect, _inspect),
    "extract": Command("extract.summary", _declare_extract, _extract),
    "audit": Command("audit.summary", _declare_audit, _audit, verdict=True),
}
