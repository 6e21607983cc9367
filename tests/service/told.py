"""A service whose messages go to the senders of a test."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from tests.support.receivers import Receiver
from tests.support.sample_service import START, SampleService

from hefu_service.jobs import messages
from hefu_service.jobs.messages import tell
from hefu_service.outbox.messages import WEBHOOK
from hefu_service.ports.outbox import Message, Sender, Undelivered

PATIENCE_S = 20
MESSAGE = Message(WEBHOOK, 0, "0" * 32, START, b'{"data":{},"timestamp":"","type":""}')


class Told:
    """A service on one kind of database, whose messages go to these senders, at the time that a test sets."""

    def __init__(self, sample: SampleService, senders: dict[str, Sender], monkeypatch: pytest.MonkeyPatch) -> None:
        self.sample = sample
        self.services = replace(sample.services, senders=senders)
        self.now_ms = START
        monkeypatch.setattr(messages, "time_ms", lambda: self.now_ms)

    def tell(self, *, after_ms: int = 0) -> None:
        self.now_ms += after_ms
        tell(self.services)

    @property
    def undelivered(self) -> list[Undelivered]:
        return [*self.services.store.undelivered(1000)]

    def publish(self, times: int) -> list[int]:
        """As many checkpoints; their sizes."""
        sizes = []
        for _ in range(times):
            self.sample.enrol(str(time.monotonic_ns()))
            self.sample.settle()
            with self.services.store.view() as view:
                sizes.append(view.ledger_head().size)
        return sizes


on_each = pytest.mark.parametrize("sample", ["sqlite", "postgresql"], indirect=True)


def sizes(receiver: Receiver) -> list[int]:
    return [post.said["data"]["size"] for post in receiver.posts]
