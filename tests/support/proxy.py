"""The real nginx with the real ``deploy/nginx.conf`` before one upstream, its ports and paths below a test's folder."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import BinaryIO

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.orphans import end_with_run
from tests.support.serving import free_port

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx.conf"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@dataclass(frozen=True)
class Proxy:
    """A proxy that listens on a port of 127.0.0.1, and the certificate to trust it by."""

    port: int
    certificate: Path

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        source: str = "127.0.0.1",
    ) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own, from an address of this machine; as ``serving.request``."""
        trusted = ssl.create_default_context(cafile=str(self.certificate))
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=20, context=trusted, source_address=(source, 0)
        )
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def connect(self, source: str) -> socket.socket:
        """A connection that has sent nothing yet, not even TLS's first word."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20, source_address=(source, 0))


@contextmanager
def proxy_before(upstream: int, ledger: Path, folder: Path) -> Iterator[Proxy]:
    """Run nginx before the service on port ``upstream``; killed at the end whatever happens."""
    proxy = Proxy(free_port(), folder / "fullchain.pem")
    folder.mkdir()
    _make_certificate(folder)
    (folder / "upstream.conf").write_text(f"server 127.0.0.1:{upstream};\n")
    (folder / "hefu").mkdir()
    (folder / "hefu" / "ledger").symlink_to(ledger.absolute())
    (folder / "nginx.conf").write_text(_placed(CONFIGURATION.read_text(), folder, proxy.port, free_port()))
    command = [str(NGINX), "-c", str(folder / "nginx.conf"), "-p", str(folder), "-g", _start()]
    with (folder / "log").open("wb") as log, _started(command, log) as process:
        end_with_run(process.pid)
        try:
            _await(proxy, process, folder / "log")
            yield proxy
        finally:
            process.terminate()  # at once, unlike SIGQUIT: nobody is waited for
            process.wait(20)


def _started(command: list[str], log: BinaryIO) -> subprocess.Popen[bytes]:
    # A group of its own, so that its workers are killed with it.
    return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)


def _start() -> str:
    user = "user root root; " if os.geteuid() == 0 else ""  # the folders of tests are closed to all others
    return f"daemon off; {user}"


def _placed(text: str, folder: Path, port: int, plain: int) -> str:
    temporary = "".join(f" {kind}_temp_path {folder}/{kind};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
    for old, new in {
        "pid /run/nginx.pid;": f"pid {folder}/pid;",
        "client_body_temp_path /var/lib/nginx/body;": f"client_body_temp_path {folder}/body;{temporary}",
        "include /etc/nginx/hefu-upstream.conf;": f"include {folder}/upstream.conf;",
        "listen 80 backlog=4096;": f"listen 127.0.0.1:{plain};",
        "listen [::]:80 backlog=4096;": "",
        "listen 443 ssl backlog=4096;": f"listen 127.0.0.1:{port} ssl backlog=4096;",
        "listen [::]:443 ssl backlog=4096;": "",
        "/etc/nginx/tls/": f"{folder}/",
        "root /srv/hefu;": f"root {folder}/hefu;",
        "/var/lib/nginx/acme": f"{folder}/acme",
    }.items():
        if old not in text:
            raise AssertionError(f"deploy/nginx.conf no longer says {old!r}")
        text = text.replace(old, new)
    return text


def _await(proxy: Proxy, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError):
            proxy.connect("127.0.0.1").close()
            return
        time.sleep(0.02)
    raise RuntimeError(f"nginx did not start: {log.read_text()}")


def _make_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "privkey.pem").write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
