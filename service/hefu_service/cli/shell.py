"""The group of the commands, and the options and words that several of them share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from hefu_service.language import Group, say
from hefu_service.services import Services
from hefu_service.settings import read_settings
from hefu_service.wiring import comparing, open_services

T = TypeVar("T")


def _reason(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter(say("option.no_reason"))
    return value


data_option: Final = click.option("--data", type=click.Path(path_type=Path), help=say("option.data"))
reason_option: Final = click.option("--reason", required=True, callback=_reason, help=say("option.reason"))


@click.group(cls=Group, help=say("program.help"), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hefu")
def command() -> None:
    """See the catalogue."""


def tell(text: str) -> None:
    """Say it on standard error."""
    with suppress(OSError):  # a full disk must not change the exit code
        click.echo(text, err=True)


def with_services(function: Callable[..., T]) -> Callable[..., T]:
    """Open the data directory for a command."""

    @data_option  # above wraps, which would overwrite the options that click keeps on the function
    @wraps(function)
    def run(data: Path | None, **options: Any) -> T:
        with _opened(data) as services:
            return function(services, **options)

    return run


@contextmanager
def _opened(data: Path | None) -> Iterator[Services]:
    settings = read_settings(os.environ, data=data)
    with open_services(settings.data, settings.database_url) as services:
        yield comparing(services, settings)
