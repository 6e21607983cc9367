"""A name that is never resolved, and whatever else cannot be interrupted, holds up no message beyond its time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.support.receivers import SECRET, receiving
from tests.support.serving import free_port

from hefu_service.outside import deadline, mail, webhook
from hefu_service.outside.deadline import Deadline, Exchanges
from hefu_service.outside.mail import MailSender, mail_server
from hefu_service.outside.webhook import WebhookSender, parse_secret
from hefu_service.ports.outbox import DeliveryError, Message, Sender

PATIENCE_S = 20
MESSAGE = Message("mail", 0, "0" * 32, 0, b'{"data":{"origin":"log.example"},"timestamp":"","type":""}')


@dataclass
class Resolver:
    """Answers nobody until it goes on."""

    goes_on: threading.Event = field(default_factory=threading.Event)
    asked: int = 0


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    found, resolve = Resolver(), socket.getaddrinfo

    def hangs(*asked: Any) -> object:
        found.asked += 1
        found.goes_on.wait(PATIENCE_S)
        return resolve("127.0.0.1", *asked[1:])

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    monkeypatch.setattr(webhook, "LONGEST_S", 0.1)
    monkeypatch.setattr(mail, "LONGEST_S", 0.1)
    yield found
    found.goes_on.set()
    for thread in threading.enumerate():
        if thread.name == "exchange":
            thread.join(PATIENCE_S)


def sender_of(kind: str, port: int) -> Sender:
    if kind == "webhook":
        return WebhookSender(f"http://hook.example:{port}/", parse_secret(SECRET))
    return MailSender(
        mail_server(f"smtp://mail.example:{port}", None), sender="a@log.example", receiver="b@log.example"
    )


@pytest.mark.parametrize("kind", ["webhook", "mail"])
def test_a_resolver_that_hangs_is_not_waited_for(resolver: Resolver, kind: str) -> None:
    started = time.monotonic()
    with pytest.raises(DeliveryError, match=r"^no answer in time$"):
        sender_of(kind, free_port()).send(MESSAGE)
    assert time.monotonic() - started < PATIENCE_S / 2
    assert resolver.asked == 1


def test_what_was_given_up_sends_nothing_once_its_name_is_resolved(resolver: Resolver) -> None:
    with receiving() as receiver:
        with pytest.raises(DeliveryError):
            sender_of("webhook", receiver.port).send(MESSAGE)
        resolver.goes_on.set()
        for thread in threading.enumerate():
            if thread.name == "exchange":
                thread.join(PATIENCE_S)
        assert receiver.posts == []


def test_a_name_that_is_resolved_for_ever_costs_a_few_threads_and_no_more(resolver: Resolver) -> None:
    sender = sender_of("webhook", free_port())
    for _ in range(deadline.MOST_LEFT + 3):
        with pytest.raises(DeliveryError, match=r"^no answer in time$"):
            sender.send(MESSAGE)
    assert resolver.asked == deadline.MOST_LEFT


def test_once_it_resolves_again_messages_go_out(resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver:
        sender = sender_of("webhook", receiver.port)
        for _ in range(deadline.MOST_LEFT):
            with pytest.raises(DeliveryError):
                sender.send(MESSAGE)
        resolver.goes_on.set()
        monkeypatch.setattr(webhook, "LONGEST_S", PATIENCE_S)
        _until_sent(sender)
        assert [post.id for post in receiver.posts] == [MESSAGE.id]


def _until_sent(sender: Sender) -> None:
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            return sender.send(MESSAGE)
        except DeliveryError:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_what_an_exchange_raises_is_raised() -> None:
    def broken(_: Deadline) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Exchanges().within(PATIENCE_S, broken)
    assert Exchanges().within(PATIENCE_S, lambda limit: limit.over) is False


def test_what_no_thread_could_be_had_for_takes_no_place_of_what_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    exchanges = Exchanges()
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", no_thread)
        for _ in range(deadline.MOST_LEFT + 1):
            with pytest.raises(RuntimeError, match="can't start"):
                exchanges.within(PATIENCE_S, lambda _: None)
    assert exchanges.within(PATIENCE_S, lambda _: 1) == 1


def no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_a_socket_is_cut_whether_it_is_told_of_in_time_or_too_late() -> None:
    def silent(limit: Deadline) -> bytes:
        limit.watch(ours)
        return ours.recv(1)

    goes_on, done = threading.Event(), threading.Event()
    got: list[bytes] = []

    def late(limit: Deadline) -> None:
        goes_on.wait(PATIENCE_S)
        limit.watch(ours)
        got.append(ours.recv(1))
        done.set()

    for exchange in (silent, late):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            with pytest.raises(TimeoutError):
                Exchanges().within(0.05, exchange)
            goes_on.set()
            assert theirs.recv(1) == b"", "it was shut down"
            assert exchange is silent or done.wait(PATIENCE_S)
    assert got == [b""]
