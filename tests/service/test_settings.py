"""Settings are read once, refused all at once, and a flag wins over the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.cases import every_case

from hefu.cli.parser import SETTINGS
from hefu_ledger.language import SETTING
from hefu_service.settings import Settings, SettingsError, read_settings


def problems(environment: dict[str, str], **flags: object) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read_settings(environment, **flags)
    return str(caught.value).split("; ")


def test_the_environment_alone_is_enough() -> None:
    environment = {
        "HEFU_DATA": "/srv/hefu",
        "HEFU_HOST": "::1",
        "HEFU_PORT": "443",
        "HEFU_WINDOW_MS": "250",
        "HEFU_AUDITOR_TOKEN_FILE": "/etc/token",
        "HEFU_DATABASE_URL": "postgresql:///hefu",
        "PATH": "/bin",
    }
    expected = Settings(Path("/srv/hefu"), "::1", 443, 250, Path("/etc/token"), "postgresql:///hefu")
    assert read_settings(environment) == expected


def test_without_more_than_the_data_it_listens_to_this_machine_alone() -> None:
    assert read_settings({}, data=Path("data")) == Settings(Path("data"), "127.0.0.1", 8080, 1000, None, None)


def test_a_flag_wins_over_the_environment_and_one_not_given_does_not() -> None:
    environment = {"HEFU_DATA": "a", "HEFU_PORT": "1", "HEFU_WINDOW_MS": "5"}
    found = read_settings(environment, data=Path("b"), port=2, window_ms=None)
    assert (found.data, found.port, found.window_ms) == (Path("b"), 2, 5)


@pytest.mark.parametrize("name", [*SETTINGS.values(), "HEFU_", "HEFU_COLOUR", "HEFU_SERVICE_HOST", "HEFU_PORT_80_TCP"])
def test_a_name_that_resembles_no_setting_is_another_program_s(name: str) -> None:
    assert read_settings({name: "x"}, data=Path("data")) == Settings(Path("data"))


def test_a_language_that_is_not_spoken_is_refused() -> None:
    assert problems({SETTING: "fr", "HEFU_DATA": "data"}) == ["HEFU_LANG: must be zh or en"]
    assert read_settings({SETTING: "en"}, data=Path("data")) == Settings(Path("data"))


def test_all_that_is_wrong_is_named_at_once() -> None:
    environment = {"HEFU_RAET": "red", "HEFU_HOST": "localhost", "HEFU_PORT": "0", "HEFU_WINDOW_MS": "1s"}
    found = problems(environment, window_ms=60_001)
    assert [problem.split(":")[0] for problem in found] == [
        "HEFU_RAET",
        "HEFU_HOST",
        "HEFU_PORT",
        "HEFU_WINDOW_MS",
        "--window-ms",
        "HEFU_DATA",
    ]
    assert found[0] == "HEFU_RAET: unknown: is HEFU_RATE meant?"
    assert "127.0.0.1" in found[1]
    assert "from 1 to 65535" in found[2]
    assert "--data DIR" in found[5]


@pytest.mark.parametrize(
    ("name", "meant"), [("HEFU_port", "PORT"), ("HEFU_PORT_", "PORT"), ("HEFU_PROT", "PORT"), ("HEFU_LAN", "LANG")]
)
def test_a_name_that_is_nearly_a_setting_is_refused_with_the_one_meant(name: str, meant: str) -> None:
    assert problems({name: "1", "HEFU_DATA": "data"}) == [f"{name}: unknown: is HEFU_{meant} meant?"]


@every_case("port", ["", "-1", "+1", " 1", "1.0", "1e3", "٣", "²", "0x10", "0", "65536", "9" * 5000])
def test_a_port_is_a_plain_number_in_its_range(port: str) -> None:
    (problem,) = problems({"HEFU_PORT": port, "HEFU_DATA": "data"})
    assert problem.startswith("HEFU_PORT: not a whole number from 1 to 65535")


@pytest.mark.parametrize("host", ["", "localhost", "127.1", "1.2.3.4:80", "0.0.0.0/0"])
def test_a_host_is_an_ip_address(host: str) -> None:
    (problem,) = problems({"HEFU_HOST": host, "HEFU_DATA": "data"})
    assert problem.startswith("HEFU_HOST: not an IP address")


def test_an_empty_path_is_not_this_directory() -> None:
    assert problems({"HEFU_DATA": "", "HEFU_AUDITOR_TOKEN_FILE": ""}) == [
        "HEFU_AUDITOR_TOKEN_FILE: empty",
        "HEFU_DATA: empty",
    ]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://hefu:secret@db.example/hefu",
        "postgresql://hefu:@db.example/hefu",
        "postgresql://db.example/hefu?user=hefu&password=secret",
        "postgresql://db.example/hefu?password",
    ],
)
def test_a_database_s_url_holds_no_password(url: str) -> None:
    (problem,) = problems({"HEFU_DATABASE_URL": url, "HEFU_DATA": "data"})
    assert "password file" in problem
    assert "secret" not in problem


@every_case(
    "url",
    ["", "hefu", "mysql://db.example/hefu", "sqlite:///secret", "postgresql+asyncpg:///hefu", "postgresql://[secret"],
)
def test_a_database_is_postgresql_s(url: str) -> None:
    (problem,) = problems({"HEFU_DATABASE_URL": url, "HEFU_DATA": "data"})
    assert problem.startswith("HEFU_DATABASE_URL: not ")
    assert "secret" not in problem


@pytest.mark.parametrize(
    "url",
    [
        "redis://:secret@cache.example/0",
        "redis://hefu:secret@cache.example",
        "unix://hefu:secret@/run/redis/hefu.sock",
        "unix:///run/redis/hefu.sock?password=secret",
    ],
)
def test_a_redis_s_url_holds_no_password(url: str) -> None:
    (problem,) = problems({"HEFU_DATA": "a", "HEFU_DATABASE_URL": "postgresql:///hefu", "HEFU_REDIS_URL": url})
    assert problem.startswith("HEFU_REDIS_URL: holds a password")
    assert "secret" not in problem


@pytest.mark.parametrize("url", ["", "redis", "http://cache.example", "/run/redis/hefu.sock"])
def test_a_redis_is_named_by_its_url(url: str) -> None:
    (problem,) = problems({"HEFU_DATA": "a", "HEFU_DATABASE_URL": "postgresql:///hefu", "HEFU_REDIS_URL": url})
    assert "not the URL of a Redis" in problem


@pytest.mark.parametrize(
    "url", ["unix:///run/redis/hefu.sock?db=1", "redis://127.0.0.1:6379/0", "rediss://cache.example"]
)
def test_a_queue_is_for_a_database_server_alone(url: str) -> None:
    """On SQLite one process holds the data, so that nobody would seal."""
    environment = {"HEFU_DATA": "a", "HEFU_REDIS_URL": url}
    (problem,) = problems(environment)
    assert problem.startswith("HEFU_REDIS_URL: several processes need a database server")
    assert read_settings({**environment, "HEFU_DATABASE_URL": "postgresql:///hefu"}).redis_url == url
