"""The commands that read the index of this computer: list, search, label."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hefu.cli.command import Command, Outcome, option
from hefu.cli.output import SHOWN, state_name
from hefu.ui.escape import plain
from hefu.ui.language import say

if TYPE_CHECKING:
    from hefu.home.entries import Document, Entry


def _declare_list(parser: ArgumentParser) -> None:
    parser.add_argument("deposit", nargs="?", metavar="DEPOSIT", help="list.deposit")
    option(parser, "home", "deposit.home")


def _list(options: Namespace) -> Outcome:
    from hefu.client import Client

    with Client(options.home) as client:
        if options.deposit is not None:
            return _documents(client.documents(options.deposit))
        entries = client.deposits()
    text = "\n".join(map(_entry_line, entries)) or say("list.none")
    return Outcome(0, {"deposits": [entry._asdict() for entry in entries]}, text)


def _declare_search(parser: ArgumentParser) -> None:
    parser.add_argument("text", metavar="TEXT", help="search.text")
    option(parser, "home", "deposit.home")


def _search(options: Namespace) -> Outcome:
    from hefu.client import Client

    with Client(options.home) as client:
        return _documents(client.search(options.text))


def _declare_label(parser: ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET", help="label.target")
    parser.add_argument("text", metavar="TEXT", help="label.text")
    option(parser, "home", "deposit.home")


def _label(options: Namespace) -> Outcome:
    from hefu.client import Client

    with Client(options.home) as client:
        label = client.label(options.target, options.text)
    return Outcome(0, label._asdict(), say("label.done", target=label.target, text=label.text))


def _documents(found: Sequence[Document]) -> Outcome:
    lines = [_document_line(item) for item in found[: 10 * SHOWN]]
    lines += [f"… +{len(found) - len(lines)}"] if len(found) > len(lines) else []
    text = "\n".join(lines) or say("search.none")
    return Outcome(0, {"documents": [item._asdict() for item in found]}, text)


def _entry_line(entry: Entry) -> str:
    label = f"  [{entry.label}]" if entry.label else ""
    return say(
        "list.line",
        number=entry.number or entry.statement[:16],
        received_at=entry.received_at or say("list.not_received"),
        state=state_name(entry.state),
        documents=entry.documents,
        evidence=(entry.evidence or say("list.in_vault")) + (say("list.gone") if entry.gone else ""),
        label=label,
    )


def _document_line(item: Document) -> str:
    label = f"  [{item.label}]" if item.label else ""
    what = f"{item.path or item.name}  {item.evidence or say('list.in_vault')}{label}"
    return plain(f"{item.number or item.statement[:16]}  {item.received_at}  {what}")


COMMANDS = {
    "list": Command("list.summary", _declare_list, _list),
    "search": Command("search.summary", _declare_search, _search),
    "label": Command("label.summary", _declare_label, _label),
}
