"""TLS in the service itself: a small office needs no proxy, and neither an old protocol nor a wrong key is let pass."""

from __future__ import annotations

import datetime
import ipaddress
import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from tests.support.serving import BIN, ENVIRONMENT, Serving, free_port

from hefu_service.ports.errors import PortError
from hefu_service.serving.server import check_certificate
from hefu_service.settings import Settings, SettingsError, read_settings

NAME, USCC = "上海某某化妆品有限公司", "91310120MA1HP00194"


class Issuer:
    """A certificate authority of the office's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = generate_private_key(SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the office")])
        certificate = self._certify(self._name, self._key, x509.BasicConstraints(ca=True, path_length=0))
        self.certificate = self._write("ca.pem", certificate.public_bytes(Encoding.PEM))

    def issue(self, label: str, *, encryption: KeySerializationEncryption | None = None) -> tuple[Path, Path]:
        """A certificate for loopback, and its key."""
        key = generate_private_key(SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, label)])
        certificate = self._certify(name, key, x509.SubjectAlternativeName([_LOOPBACK]))
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())
        return self._write(f"{label}.pem", certificate.public_bytes(Encoding.PEM)), self._write(f"{label}.key", private)

    def _certify(
        self, name: x509.Name, key: EllipticCurvePrivateKey, extension: x509.ExtensionType
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder(self._name, name, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - _DAY).not_valid_after(now + _DAY).add_extension(extension, True)
        return builder.sign(self._key, SHA256())

    def _write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path


_LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
_DAY = datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(tmp_path_factory.mktemp("tls"))


class TlsServing(Serving):
    """A service that speaks TLS alone."""

    def __init__(self, data: Path, issuer: Issuer) -> None:
        certificate, key = issuer.issue("serving")
        super().__init__(data, settings={"HEFU_TLS_CERT_FILE": str(certificate), "HEFU_TLS_KEY_FILE": str(key)})
        self.trust = ssl.create_default_context(cafile=issuer.certificate)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def ready(self) -> bool:
        try:
            return self.get("/readyz").startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def get(self, path: str) -> bytes:
        with self.connect(self.trust) as wire:
            wire.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            return b"".join(iter(lambda: wire.recv(65_536), b""))

    def connect(self, context: ssl.SSLContext) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        try:
            return context.wrap_socket(plain, server_hostname="127.0.0.1")
        except OSError:
            plain.close()
            raise


@pytest.fixture(scope="module")
def service(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServing]:
    serving = TlsServing(tmp_path_factory.mktemp("serving") / "data", issuer)
    serving.init()
    serving.start()
    yield serving
    serving.kill()


def hefu(issuer: Issuer, *words: object, expect: int = 0) -> dict[str, object]:
    environment = {**ENVIRONMENT, "SSL_CERT_FILE": str(issuer.certificate)}
    command = [str(word) for word in (BIN / "hefu", *words, "--json")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == expect, f"{done.stdout}{done.stderr}"
    answer: dict[str, object] = json.loads(done.stdout) if expect == 0 else {}
    return answer


def test_the_real_client_deposits_over_tls_with_the_office_s_own_certificate_authority(
    service: TlsServing, issuer: Issuer, tmp_path: Path
) -> None:
    code = service.enrol(NAME, USCC)
    document = tmp_path / "document.txt"
    document.write_text("secret")
    home = ("--home", tmp_path / "home")
    hefu(issuer, "init", *home, "--server", service.url, "--code", code)
    hefu(issuer, "deposit", *home, document, "--out", tmp_path / "evidence", "--wait")
    assert f'"url": "{service.url}"' in service.log.read_text()


def test_a_client_that_does_not_trust_the_issuer_sends_nothing(service: TlsServing) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        service.connect(ssl.create_default_context())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_are_spoken(service: TlsServing, issuer: Issuer, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context(cafile=issuer.certificate)
    context.minimum_version = context.maximum_version = version
    with service.connect(context) as wire:
        assert wire.version() == version.name.replace("_", ".")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_older_protocols_are_not(service: TlsServing, issuer: Issuer) -> None:
    context = ssl.create_default_context(cafile=issuer.certificate)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # that the client would
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        service.connect(context)


def test_plain_http_gets_no_answer_and_harms_nobody(service: TlsServing) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as wire:
        wire.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert not wire.recv(100).startswith(b"HTTP/")
    assert service.ready()


def test_a_handshake_that_stops_halfway_keeps_nobody_out(service: TlsServing) -> None:
    wires = [socket.create_connection(("127.0.0.1", service.port), timeout=10) for _ in range(100)]
    try:
        for wire in wires[::2]:
            wire.sendall(b"\x16\x03\x01\x02\x00\x01")
        assert service.get("/healthz").startswith(b"HTTP/1.1 200")
    finally:
        for wire in wires:
            wire.close()


# What cannot be used is said before anything is served


def settings(certificate: Path, key: Path) -> Settings:
    return Settings(Path("data"), tls_cert_file=certificate, tls_key_file=key)


def refusal(certificate: Path, key: Path) -> str:
    with pytest.raises(PortError) as refused:
        check_certificate(settings(certificate, key))
    assert str(certificate) in str(refused.value)
    return str(refused.value)


def test_a_certificate_and_key_that_cannot_be_used_are_refused_by_name(issuer: Issuer, tmp_path: Path) -> None:
    certificate, key = issuer.issue("one")
    other_certificate, other_key = issuer.issue("two")
    check_certificate(settings(certificate, key))
    check_certificate(settings(other_certificate, other_key))
    assert "mismatch" in refusal(certificate, other_key).lower()
    assert "No such file" in refusal(tmp_path / "nowhere.pem", key)
    refusal(key, certificate)
    assert "not encrypted" in refusal(*issuer.issue("locked", encryption=BestAvailableEncryption(b"a password")))


def test_serve_ends_at_once_with_a_certificate_that_it_cannot_use(issuer: Issuer, tmp_path: Path) -> None:
    certificate, _ = issuer.issue("three")
    _, key = issuer.issue("four")
    serving = Serving(tmp_path / "data")
    serving.init()
    done = subprocess.run(
        [str(word) for word in (BIN / "hefu-service", "serve", "--data", serving.data, "--port", free_port())],
        capture_output=True,
        text=True,
        env={**ENVIRONMENT, "HEFU_TLS_CERT_FILE": str(certificate), "HEFU_TLS_KEY_FILE": str(key)},
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "cannot use the certificate" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["HEFU_TLS_CERT_FILE", "HEFU_TLS_KEY_FILE"])
def test_one_without_the_other_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="go together"):
        read_settings({name: "file.pem"}, data=Path("data"))


@pytest.mark.parametrize("value", ["", "localhost", "10.0.0.1/8", "10.0.0.1;10.0.0.2", "10.0.0.0/8,"])
def test_proxies_are_named_by_address_or_network(value: str) -> None:
    with pytest.raises(SettingsError, match="TRUSTED_PROXIES"):
        read_settings({"HEFU_TRUSTED_PROXIES": value}, data=Path("data"))
    found = read_settings({"HEFU_TRUSTED_PROXIES": "10.0.0.1, fd00::/8"}, data=Path("data"))
    assert [str(each) for each in found.trusted_proxies] == ["10.0.0.1/32", "fd00::/8"]
