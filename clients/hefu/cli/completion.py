"""What a shell offers after ``hefu``: commands and their options, made from the help itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from hefu.cli.parser import Parser
from hefu.ui.language import said


class Offered(NamedTuple):
    """A command; ``options``: what each does, by their names."""

    name: str
    summary: str
    options: dict[str, str]


def offered(parsers: Mapping[str, Parser]) -> list[Offered]:
    """What there is to offer."""
    return [
        Offered(
            name,
            said(parser.description or ""),
            {word: said(action.help or "") for action in parser.actions() for word in action.option_strings},
        )
        for name, parser in parsers.items()
    ]


def bash(commands: list[Offered]) -> Iterator[str]:
    """For bash; files are offered by bash itself."""
    yield "_hefu() {"
    yield '  local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]-} offered=""'
    yield "  COMPREPLY=()"
    yield "  if ((COMP_CWORD == 1)); then"
    yield f"    offered='{' '.join(_firsts(commands))}'"
    for first, seconds in _pairs(commands).items():
        yield f"  elif ((COMP_CWORD == 2)) && [[ $command == {first} ]]; then"
        yield f"    offered='{' '.join(seconds)}'"
    yield "  elif [[ $word == -* ]]; then"
    if _pairs(commands):
        yield f'    case $command in {"|".join(_pairs(commands))}) command="$command ${{COMP_WORDS[2]}}" ;; esac'
    yield "    case $command in"
    for item in commands:
        yield f"      '{item.name}') offered='{' '.join(item.options)}' ;;"
    yield "    esac"
    yield "  fi"
    yield '  if [[ -n $offered ]]; then COMPREPLY=($(compgen -W "$offered" -- "$word")); fi'
    yield "}"
    yield "complete -o default -F _hefu hefu"


def zsh(commands: list[Offered]) -> Iterator[str]:
    """For zsh."""
    yield "#compdef hefu"
    yield "_hefu() {"
    yield "  local -a offered"
    yield "  local command=$words[2]"
    yield "  if ((CURRENT == 2)); then"
    yield f"    offered=({' '.join(_quoted(first, summary) for first, summary in _firsts(commands).items())})"
    for first, seconds in _pairs(commands).items():
        yield f"  elif ((CURRENT == 3)) && [[ $command == {first} ]]; then"
        yield f"    offered=({' '.join(_quoted(second, summary) for second, summary in seconds.items())})"
    yield "  elif [[ $PREFIX == -* ]]; then"
    if _pairs(commands):
        yield f'    case $command in {"|".join(_pairs(commands))}) command="$command $words[3]" ;; esac'
    yield "    case $command in"
    for item in commands:
        yield f"      '{item.name}') offered=({' '.join(_quoted(*pair) for pair in item.options.items())}) ;;"
    yield "    esac"
    yield "  else"
    yield "    _files; return"
    yield "  fi"
    yield "  _describe hefu offered"
    yield "}"
    yield "compdef _hefu hefu"


def fish(commands: list[Offered]) -> Iterator[str]:
    """For fish; files are offered by fish itself."""
    for first, summary in _firsts(commands).items():
        yield f"complete -c hefu -n __fish_use_subcommand -a {first} -d {_text(summary)}"
    for first, seconds in _pairs(commands).items():
        none = f"__fish_seen_subcommand_from {first}; and not __fish_seen_subcommand_from {' '.join(seconds)}"
        for second, summary in seconds.items():
            yield f"complete -c hefu -f -n '{none}' -a {second} -d {_text(summary)}"
    for item in commands:
        seen = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in item.name.split())
        for option, what in item.options.items():
            kind = "-l" if option.startswith("--") else "-s"
            yield f"complete -c hefu -n '{seen}' {kind} {option.lstrip('-')} -d {_text(what)}"


SHELLS: Final = {"bash": bash, "zsh": zsh, "fish": fish}


def _firsts(commands: list[Offered]) -> dict[str, str]:
    """The words that may come first; of those that need another the summaries are that one's."""
    pairs = _pairs(commands)
    return {
        first: " · ".join(pairs[first]) if first in pairs else item.summary
        for item in commands
        for first in (item.name.split()[0],)
    }


def _pairs(commands: list[Offered]) -> dict[str, dict[str, str]]:
    """The second words of commands of two, by the first."""
    found: dict[str, dict[str, str]] = {}
    for item in commands:
        first, _, second = item.name.partition(" ")
        if second:
            found.setdefault(first, {})[second] = item.summary
    return found


def _quoted(name: str, what: str) -> str:
    return _text(f"{name}:{what}".replace("\\", "\\\\"))


def _text(what: str) -> str:
    return "'" + what.replace("'", "’") + "'"
