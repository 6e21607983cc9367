"""A home folder is read strictly, and says what it lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.clients.conftest import Firm
from tests.support.sample_ledger import ORIGIN, opened_identity

from hefu.errors import ClientError
from hefu.home.home import Config, format_config, load, parse_config
from hefu_ledger.errors import MalformedError

CONFIG = Config("acme", opened_identity("acme"), ORIGIN, "http://127.0.0.1:8080")


def test_the_configuration_reads_back() -> None:
    changes: list[dict[str, Any]] = [{}, {"vault": "/网络盘/保管库"}, {"upload": False}, {"signatures": 2}]
    for config in (CONFIG._replace(**change) for change in changes):
        assert parse_config(format_config(config)) == config
    with pytest.raises(MalformedError):
        parse_config(format_config(CONFIG._replace(signatures=2)).replace(b'"signatures":2', b'"signatures":1'))
    assert b"vault" not in format_config(CONFIG), "a home of before the vault reads the same"


def test_a_folder_that_is_no_home_says_how_to_make_it_one(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(ClientError, match="run hefu init"):
            load(str(path))


@pytest.mark.parametrize("name", ["key", "policy.txt", "genesis", "vault.key"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut"])
def test_a_damaged_home_names_what_is_damaged(firm: Firm, name: str, damage: str) -> None:
    path = Path(firm.home.path) / name
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(b"" if damage == "empty" else path.read_bytes()[:-9])
    restored = (name, damage) == ("key", "missing")  # so a home looks that came back from its vault
    with pytest.raises(ClientError, match="has no signing key" if restored else "is damaged"):
        load(firm.home.path)


def test_the_checkpoint_seen_last_is_kept(firm: Firm) -> None:
    firm.double.grow()
    firm.home.remember(firm.double.ledger.checkpoint())
    assert load(firm.home.path).seen == firm.double.ledger.checkpoint()
