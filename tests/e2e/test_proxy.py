"""The service behind the real proxy of ``deploy/``: what passes, what is kept off, and what it serves by itself."""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.support.enrolling import enrol, make_statement
from tests.support.proxy import CONFIGURATION, NGINX, Proxy, proxy_before
from tests.support.serving import ENVIRONMENT, Serving, free_port, get, request, run

from hefu_ledger.deposit.receipt import MAX_RECEIPT
from hefu_ledger.deposit.vault import MAX_BLOB
from hefu_ledger.tlog.keys import Ed25519Signer
from hefu_service.api.context import MAX_BODY
from hefu_service.jobs.tasks import settle
from hefu_service.wiring import open_services

pytestmark = pytest.mark.skipif(NGINX is None, reason="no nginx")
NOTE = {"Content-Type": "text/plain"}
ELSEWHERE = "127.0.0.2"
IDLE = 300
SECONDS_AT_MOST = 5  # for an honest deposit, on a busy machine


class Site(NamedTuple):
    """A service with one depositor and some records, and the proxy before it."""

    service: Serving
    proxy: Proxy
    signer: Ed25519Signer


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    service = Serving(folder / "data")
    service.init()
    with open_services(service.data) as services:
        signer = enrol(services)
        settle(services)
    service.start()
    try:
        with proxy_before(service.port, service.data / "ledger", folder / "nginx") as proxy:
            yield Site(service, proxy, signer)
    finally:
        service.kill()


def deposit(site: Site, number: int) -> None:
    status, _, body = site.proxy.request("POST", "/v1/deposits", make_statement(site.signer, number), NOTE)
    assert status == 201, body


def problem(answer: tuple[int, dict[str, str], bytes]) -> dict[str, Any]:
    status, headers, body = answer
    assert headers["content-type"] == "application/problem+json"
    value: dict[str, Any] = json.loads(body)
    assert value["status"] == status
    return value


def test_a_client_does_its_main_job_through_the_proxy(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENVIRONMENT, "SSL_CERT_FILE", str(site.proxy.certificate))
    document, home = tmp_path / "配方.txt", tmp_path / "home"
    document.write_text("蚕丝")
    code = site.service.enrol("上海某某化妆品有限公司", "91310120MA1HP00194")
    run("hefu", "init", "--home", home, "--server", site.proxy.url, "--code", code)
    run("hefu", "deposit", document, "--home", home, "--out", tmp_path / "evidence", "--wait")
    policy = tmp_path / "policy.txt"
    policy.write_bytes(site.proxy.request("GET", "/v1/trust")[2])
    (evidence,) = (tmp_path / "evidence").iterdir()
    verdict = run("hefu", "verify", evidence, document, "--policy", policy, "--json")
    assert json.loads(verdict.stdout)["verdict"] == "proven"


def published(site: Site) -> list[str]:
    names = sorted(path.relative_to(site.service.data) for path in (site.service.data / "ledger").rglob("*"))
    files = [f"/{name}" for name in names if (site.service.data / name).is_file() and ".unfinished" not in name.parts]
    assert {name.split("/")[2] for name in files} == {"batches", "checkpoint", "tile"}
    return files


def test_the_proxy_answers_for_the_ledger_as_the_service_does(site: Site) -> None:
    deposit(site, 0)
    receipt_of(site, 0)
    shown = ("cache-control", "content-type", "access-control-allow-origin", "x-content-type-options")
    for path in published(site):
        status, headers, body = site.proxy.request("GET", path)
        own_status, own, own_body = request(site.service.port, "GET", path)
        assert (status, body) == (own_status, own_body) == (200, own_body)
        assert {name: headers[name] for name in shown} == {name: own[name] for name in shown}
        assert "x-request-id" not in headers, "the service was asked"


def receipt_of(site: Site, number: int) -> bytes:
    name = sha256(make_statement(site.signer, number)).hexdigest()
    for _ in range(500):
        status, _, body = site.proxy.request("GET", f"/v1/deposits/{name}/receipt")
        if status == 200:
            return body
    raise AssertionError("no receipt")


def test_a_full_tile_is_immutable_and_a_checkpoint_is_asked_for_each_time(site: Site) -> None:
    tile = site.proxy.request("GET", next(name for name in published(site) if "/tile/0/" in name))
    assert tile[1]["cache-control"] == "public, max-age=31536000, immutable"
    assert site.proxy.request("GET", "/ledger/checkpoint")[1]["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["/ledger/tile/0/999", "/ledger/batches/999/leaves", "/ledger/batches/1/entries", "/x"]
)
def test_what_is_not_published_is_not_cached(site: Site, path: str) -> None:
    answer = site.proxy.request("GET", path)
    assert problem(answer)["status"] == 404
    assert "cache-control" not in answer[1]


@pytest.mark.parametrize(
    "path", ["/ledger/..%2fkeys/log.key", "/ledger/tile/../../keys/log.key", "/ledger/.unfinished/x"]
)
def test_nothing_but_the_ledger_is_served(site: Site, path: str) -> None:
    assert site.proxy.request("GET", path)[0] in {400, 404}


def test_what_watches_the_service_asks_it_directly(site: Site) -> None:
    assert get(site.service.port, "/metrics")[0] == 200
    assert site.proxy.request("GET", "/metrics")[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("POST", "/v1/deposits", MAX_BODY),
        ("POST", "/v1/verify", MAX_RECEIPT),
        ("PUT", f"/v1/vault/{'0' * 64}", MAX_BLOB),
    ],
)
def test_a_body_larger_than_the_service_takes_is_refused_before_it_is_sent(
    site: Site, method: str, path: str, limit: int
) -> None:
    def begin(length: int) -> bytes:
        trusted = ssl.create_default_context(cafile=str(site.proxy.certificate))
        words = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        with (
            site.proxy.connect(ELSEWHERE) as plain,
            trusted.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
        ):
            connection.sendall(words.encode())
            connection.settimeout(20 if length > limit else 0.2)
            try:
                return connection.recv(4096)
            except TimeoutError:
                return b""  # it waits for the body

    refused = begin(limit + 1)
    assert refused.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in refused
    assert begin(limit) == b""


def test_the_proxy_refuses_no_more_than_the_service_does(site: Site) -> None:
    many = {"Content-Type": "application/json"}
    assert request(site.service.port, "POST", "/v1/deposits", b" " * (MAX_BODY + 1), many)[0] == 413
    assert site.proxy.request("POST", "/v1/deposits", b" " * MAX_BODY, many)[0] == 400


@contextmanager
def crowd(site: Site, count: int, half_sent: int) -> Iterator[None]:
    """Connections from elsewhere that say nothing, and such as begin a deposit and never end it."""
    trusted = ssl.create_default_context(cafile=str(site.proxy.certificate))
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(site.proxy.connect(ELSEWHERE))
        for _ in range(half_sent):
            plain = site.proxy.connect(ELSEWHERE)
            connection = stack.enter_context(trusted.wrap_socket(plain, server_hostname="127.0.0.1"))
            connection.sendall(b"POST /v1/deposits HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nhefu")
        yield


def check_honest_deposits(site: Site, first: int) -> None:
    for number in range(first, first + 10):
        with no_longer_than(SECONDS_AT_MOST):
            deposit(site, number)


@contextmanager
def no_longer_than(seconds: float) -> Iterator[None]:
    late = threading.Event()
    timer = threading.Timer(seconds, late.set)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    assert not late.is_set()


def test_idle_connections_and_half_sent_bodies_hold_up_no_honest_deposit(site: Site) -> None:
    with crowd(site, IDLE, 120):  # twice as many as the service has threads
        check_honest_deposits(site, 100)


def test_an_address_has_so_many_requests_at_a_time_and_others_are_served(site: Site) -> None:
    with crowd(site, 0, 128):
        answer = site.proxy.request("GET", "/healthz", source=ELSEWHERE)
        assert problem(answer)["type"] == "about:hefu/too-many-requests"
        assert answer[1]["retry-after"] == "1"
        assert site.proxy.request("GET", "/healthz")[0] == 200


@pytest.mark.soak
def test_ten_thousand_idle_connections_hold_up_no_honest_deposit(site: Site) -> None:
    with crowd(site, 10_000, 120):
        check_honest_deposits(site, 200)
    check_honest_deposits(site, 300)


class _Recorder(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.posted.set()  # type: ignore[attr-defined] # see below
        self.do_GET()

    def do_GET(self) -> None:
        body = json.dumps(sorted((name.lower(), value) for name, value in self.headers.items())).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *words: object) -> None:
        """Say nothing."""


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[tuple[Proxy, threading.Event]]:
    """A proxy before a server that answers with the headers it got, and whether it was ever sent a POST."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Recorder) as server:
        server.posted = posted = threading.Event()  # type: ignore[attr-defined] # ours
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with proxy_before(server.server_address[1], tmp_path, tmp_path / "nginx") as proxy:
                yield proxy, posted
        finally:
            server.shutdown()


def test_the_service_is_not_asked_before_a_request_is_whole(recorded: tuple[Proxy, threading.Event]) -> None:
    proxy, posted = recorded
    trusted = ssl.create_default_context(cafile=str(proxy.certificate))
    with trusted.wrap_socket(proxy.connect(ELSEWHERE), server_hostname="127.0.0.1") as half:
        half.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nConnection: close\r\n\r\nhefu")
        assert not posted.wait(0.3)
        half.sendall(b" hefu")
        assert half.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert posted.is_set()


def test_what_a_client_says_about_its_address_does_not_reach_the_service(
    recorded: tuple[Proxy, threading.Event],
) -> None:
    claims = {"X-Forwarded-For": "10.0.0.1", "Forwarded": "for=10.0.0.1", "X-Forwarded-Proto": "http"}
    seen = json.loads(recorded[0].request("GET", "/", None, claims, source=ELSEWHERE)[2])
    assert [value for name, value in seen if name == "x-forwarded-for"] == [ELSEWHERE]
    assert [value for name, value in seen if name == "x-forwarded-proto"] == ["https"]
    assert not [value for name, value in seen if name == "forwarded"]


def test_a_service_that_is_away_is_said_to_be_away_and_its_ledger_is_still_served(tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / "checkpoint").write_text("the last one\n")
    with proxy_before(free_port(), tmp_path / "ledger", tmp_path / "nginx") as proxy:
        answer = proxy.request("GET", "/v1/trust")
        assert problem(answer)["status"] == 503
        assert answer[1]["retry-after"] == "5"
        assert proxy.request("GET", "/ledger/checkpoint")[2] == b"the last one\n"


def test_the_transport_is_tls_and_stays_so(site: Site) -> None:
    for path in ("/ledger/checkpoint", published(site)[0], "/healthz", "/nowhere"):
        headers = site.proxy.request("GET", path)[1]
        assert headers["strict-transport-security"] == "max-age=31536000"
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(site.proxy.certificate)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with site.proxy.connect("127.0.0.1") as plain, pytest.raises(ssl.SSLError):
        old.wrap_socket(plain, server_hostname="127.0.0.1")


def test_no_request_is_logged_with_its_path(site: Site) -> None:
    logging = re.findall(r"^\s*(access_log|error_log)\s+(.*?);", CONFIGURATION.read_text(), re.MULTILINE)
    assert logging == [("error_log", "stderr crit"), ("access_log", "off")]
    site.proxy.request("POST", "/v1/deposits/0123abcd", bytes(MAX_BODY + 1), NOTE)
    assert "0123abcd" not in site.proxy.certificate.with_name("log").read_text()
