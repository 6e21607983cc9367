"""A load generator, a program of its own: HTTP requests made beforehand, sent on kept-alive connections by one thread.

It shares two cores with what it measures, so it builds, signs and parses next to nothing: ``generator.py JOB`` reads a
job (JSON, see ``Job``) and a file of whole requests, and prints what it saw as JSON. In a closed loop each connection
sends its next request when the last is answered. In an open loop requests arrive at random (Poisson) whether or not
earlier ones are answered, and a latency counts from the arrival: a stall is paid by all that arrive during it.
"""

from __future__ import annotations

import heapq
import json
import random
import re
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
WARM_UP_S = 0.5  # of every run; not counted
PATIENCE_S = 10.0  # for the last answers
WATCHERS = 4  # connections that fetch receipts


class Job(NamedTuple):
    """``rate`` requests a second, 0 for a closed loop; ``receipts`` deposits a second are watched until published."""

    requests: str  # a file: each request after its length, 4 bytes
    ports: list[int]
    connections: int
    seconds: float
    rate: float = 0
    receipts: float = 0
    poll_s: float = 0.1


class Work(NamedTuple):
    """A request and when it was due; ``statement`` is the id whose receipt it asks for."""

    data: bytes
    due: float
    statement: str = ""


class Connection:
    """One connection: what it waits for, and what has come of it."""

    __slots__ = ("answer", "pending", "socket", "work")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.work: Work | None = None
        self.answer = b""

    def send(self, work: Work) -> None:
        """Send a request; the socket's buffer takes it whole."""
        self.work, self.answer = work, b""
        self.socket.sendall(work.data)

    def receive(self) -> int | None:
        """Take what has come; the status once the answer is whole, 0 if the connection ended."""
        data = self.socket.recv(262_144)
        self.answer += data
        head = self.answer.find(b"\r\n\r\n")
        if head < 0:
            return None if data else 0
        length = LENGTH.search(self.answer, 0, head)
        if length is None:
            raise ValueError(f"an answer without a length: {self.answer[:head]!r}")
        if len(self.answer) < head + 4 + int(length[1]):
            return None if data else 0
        return int(self.answer[9:12])


class Generator:
    """One run of a job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._requests = iter(read_requests(Path(job.requests)))
        self._poll = select.epoll()
        self._connections: dict[int, Connection] = {}
        self._idle = deque(self._connect(n) for n in range(job.connections))
        self._idle_watchers = deque(self._connect(n) for n in range(WATCHERS if job.receipts else 0))
        self._backlog: deque[Work] = deque()  # arrived, no connection free
        self._watched: list[tuple[float, float, str]] = []  # heap: when to ask, when deposited, statement
        self._next_watch = 0.0
        self._outstanding = self._sent = 0
        self._random = random.Random(1)
        self.latencies: list[float] = []
        self.receipts: list[float] = []
        self.errors: Counter[str] = Counter()
        self.answered = 0

    def run(self) -> dict[str, object]:
        """Send for the job's time, wait for what is owed, and report."""
        cpu = time.process_time()
        self._start = time.perf_counter()
        self._end = self._start + WARM_UP_S + self._job.seconds
        self._arrival = self._start
        while (now := time.perf_counter()) < self._end or (
            (self._outstanding or self._watched) and now < self._end + PATIENCE_S
        ):
            self._dispatch(now)
            for file, _ in self._poll.poll(self._wait(time.perf_counter())):
                self._take(self._connections[file])
        self.errors["unanswered"] += self._outstanding + len(self._watched)
        return self._report(time.process_time() - cpu)

    def _connect(self, number: int) -> Connection:
        connection = Connection(self._job.ports[number % len(self._job.ports)])
        self._connections[connection.socket.fileno()] = connection
        self._poll.register(connection.socket, select.EPOLLIN)
        return connection

    def _dispatch(self, now: float) -> None:
        """Give idle connections what is due."""
        if now < self._end:
            self._arrive(now)
        while self._backlog and self._idle:
            self._send(self._idle.popleft(), self._backlog.popleft())
        while self._watched and self._watched[0][0] <= now and self._idle_watchers:
            _, deposited, statement = heapq.heappop(self._watched)
            request = f"GET /v1/deposits/{statement}/receipt HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            self._send(self._idle_watchers.popleft(), Work(request.encode(), deposited, statement))

    def _send(self, connection: Connection, work: Work) -> None:
        connection.send(work)
        self._outstanding += 1
        self._sent += 1

    def _arrive(self, now: float) -> None:
        if self._job.rate:
            while self._arrival <= now:
                self._backlog.append(Work(self._next(), self._arrival))
                self._arrival += self._random.expovariate(self._job.rate)
        else:
            self._backlog.extend(Work(self._next(), now) for _ in range(len(self._idle)))

    def _next(self) -> bytes:
        try:
            return next(self._requests)
        except StopIteration:
            raise SystemExit("the requests made beforehand are used up: make more") from None

    def _wait(self, now: float) -> float:
        """Seconds until something is due, if nothing is answered before."""
        due = [now + 0.5]
        if self._job.rate and now < self._end:
            due.append(self._arrival)
        if self._watched and self._idle_watchers:
            due.append(self._watched[0][0])
        return max(0.0, min(due) - now)

    def _take(self, connection: Connection) -> None:
        work, status = connection.work, connection.receive()
        if status is None or work is None:
            return
        if status == 0:
            raise SystemExit("the service closed a connection")
        now = time.perf_counter()
        self._outstanding -= 1
        connection.work = None
        if work.statement:
            self._idle_watchers.append(connection)
            self._take_receipt(work, status, now)
        else:
            self._idle.append(connection)
            self._take_answer(work, status, now)

    def _take_answer(self, work: Work, status: int, now: float) -> None:
        if not 200 <= status < 300:
            self.errors[str(status)] += 1
        elif work.due >= self._start + WARM_UP_S:
            self.latencies.append(now - work.due)
            if now < self._end:
                self.answered += 1
            if self._job.receipts and work.due >= self._next_watch:
                self._next_watch = max(self._next_watch, work.due) + 1 / self._job.receipts
                statement = sha256(work.data.partition(b"\r\n\r\n")[2]).hexdigest()
                heapq.heappush(self._watched, (now + self._job.poll_s, work.due, statement))

    def _take_receipt(self, work: Work, status: int, now: float) -> None:
        if status == 200:
            self.receipts.append(now - work.due)
        elif status == 202:
            heapq.heappush(self._watched, (now + self._job.poll_s, work.due, work.statement))
        else:
            self.errors[f"receipt {status}"] += 1

    def _report(self, cpu_s: float) -> dict[str, object]:
        seconds = time.perf_counter() - self._start
        return {
            "per_second": self.answered / self._job.seconds,
            "answered": self.answered,
            "latency": percentiles(self.latencies),
            "receipt": percentiles(self.receipts),
            "errors": {name: count for name, count in self.errors.items() if count},
            "sent": self._sent,
            "cpu": cpu_s / seconds,  # of one core
            "cpu_us": 1e6 * cpu_s / max(1, self._sent),  # a request
        }


def read_requests(path: Path) -> Iterator[bytes]:
    """Whole requests, all in memory before the first is sent."""
    data = path.read_bytes()
    offset, requests = 0, []
    while offset < len(data):
        start = offset + 4
        offset = start + int.from_bytes(data[offset:start], "big")
        requests.append(data[start:offset])
    return iter(requests)


def percentiles(seconds: list[float]) -> dict[str, float]:
    """p50, p99, p99.9 and the longest, in ms; empty of nothing."""
    ranked = sorted(seconds)
    shares = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0} if ranked else {}
    return {name: 1000 * ranked[min(len(ranked) - 1, int(share * len(ranked)))] for name, share in shares.items()}


if __name__ == "__main__":
    print(json.dumps(Generator(Job(**json.loads(Path(sys.argv[1]).read_text()))).run()))
