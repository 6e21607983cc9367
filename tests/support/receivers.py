"""Real receivers of messages on loopback: an HTTP server and a mail server, which do as a test says."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Post(NamedTuple):
    """One request."""

    headers: dict[str, str]  # lower-case names
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def said(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.body)
        return said


class Receiver:
    """Keeps every request; ``answer`` gives the status of each, and may take its time."""

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.answer: Callable[[Post], int] = lambda _: 204
        self.certificate: ssl.SSLContext | None = None
        self.port = 0
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"{'http' if self.certificate is None else 'https'}://127.0.0.1:{self.port}/hook"

    def start(self) -> None:
        """Listen, at the same port as the last time."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                post = Post({name.lower(): value for name, value in self.headers.items()}, body)
                receiver.posts.append(post)
                self.send_response(receiver.answer(post))
                self.send_header("location", receiver.url + "/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign] # whoever goes away, goes away
        if self.certificate is not None:
            self._server.socket = self.certificate.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens."""
    receiver = Receiver()
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()


class MailBox:
    """Keeps every mail; ``reply`` is what the server says to each recipient."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.reply = "250 OK"
        self.logins: list[tuple[bytes, bytes]] = []

    async def handle_RCPT(self, *asked: Any) -> str:  # noqa: N802 -- aiosmtpd's name
        """What the server asks for each recipient."""
        _, _, envelope, address, _ = asked
        envelope.rcpt_tos.append(address)
        return self.reply

    async def handle_DATA(self, *asked: Any) -> str:  # noqa: N802 -- the same
        """What the server asks with each mail."""
        self.mails.append(asked[-1].content)
        return "250 taken"

    def login(self, *words: Any) -> AuthResult:
        """Let anybody in, and remember whom."""
        data = words[-1]
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=True)


@contextmanager
def mailing(box: MailBox, port: int, **options: Any) -> Iterator[None]:
    """A mail server; ``options`` are aiosmtpd's."""
    controller = Controller(box, hostname="127.0.0.1", port=port, ready_timeout=20, **options)
    controller.start()
    try:
        yield
    finally:
        controller.stop()
