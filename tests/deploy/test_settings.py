"""The settings that ``deploy/`` names are those of the service: every one, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from hefu_service.cli import command
from hefu_service.settings import PREFIX, Settings, SettingsError, read_settings

DEPLOY = Path(__file__).parents[2] / "deploy"
EXAMPLE = (DEPLOY / "env.example").read_text()
NAMES = {f"{PREFIX}{field.name.upper()}" for field in fields(Settings)}
LINE = re.compile(rf"^(#?)({PREFIX}[A-Z_]+)=(.*)$", re.MULTILINE)


def test_the_example_names_every_setting_once_and_no_other() -> None:
    assert sorted(name for _, name, _ in LINE.findall(EXAMPLE)) == sorted(NAMES)


def test_the_example_can_be_used_as_it_is_and_with_every_line_in_force() -> None:
    settings = LINE.findall(EXAMPLE)
    read_settings({name: value for off, name, value in settings if not off})
    read_settings({name: value for _, name, value in settings})


def test_each_line_of_the_example_is_a_setting_a_comment_or_empty() -> None:
    assert [line for line in EXAMPLE.splitlines() if line and not line.startswith("# ") and not LINE.match(line)] == []


def test_a_default_that_the_example_shows_is_the_default() -> None:
    defaults = read_settings({"HEFU_DATA": "/var/lib/hefu"})
    for name in ("HOST", "PORT", "WINDOW_MS", "RATE", "IDLE_DAYS", "VAULT_QUOTA_BYTES"):
        (shown,) = re.findall(rf"^#{PREFIX}{name}=(.*)$", EXAMPLE, re.MULTILINE)
        assert shown == str(getattr(defaults, name.lower()))


def test_a_name_that_is_nearly_a_setting_is_refused() -> None:
    with pytest.raises(SettingsError, match="HEFU_DTAA: unknown: is HEFU_DATA meant"):
        read_settings({"HEFU_DATA": "x", "HEFU_DTAA": "x"})


def services() -> Iterator[tuple[str, dict[str, Any]]]:
    yield from yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"].items()


OURS = {name: service for name, service in services() if service["image"].startswith("hefu:")}


@pytest.mark.parametrize("name", sorted(OURS))
def test_the_containers_settings_and_commands_are_the_services(name: str) -> None:
    read_settings(OURS[name]["environment"])
    words = [word.replace("${ORIGIN:-}", "log.example/fengxian") for word in OURS[name]["command"]]
    subcommand = command.get_command(click.Context(command), words[0])
    assert subcommand is not None, words
    subcommand.make_context(words[0], words[1:])


def test_no_text_of_ours_names_a_setting_that_there_is_not() -> None:
    found = {
        name
        for path in DEPLOY.rglob("*")
        if path.is_file() and "client" not in path.parts and "__pycache__" not in path.parts
        for name in re.findall(rf"\b{PREFIX}[A-Z][A-Z_]*[A-Z]\b", path.read_text())
    }
    assert found - NAMES - {"HEFU_LANG"} == set()
