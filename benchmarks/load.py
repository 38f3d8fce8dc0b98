"""A load generator: HTTP/1.1 over kept-alive connections, in a process of its own: ``python -m benchmarks.load``.

It reads one `Job` as JSON from standard input and writes what it saw as JSON to standard output. Requests are bytes
with placeholders, answers are read as far as their length: a request costs it a tenth of what it costs the server.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import uvloop

from benchmarks.measure import summed_up

ACCOUNT, TOKEN, REFERENCE, ITEMS = b"<account>", b"<token>", b"<reference>", b"<items>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to send.

    Args:
        ports: Of the servers on 127.0.0.1, given to the connections in turn.
        connections: Each sends its next request when it has its answer.
        seconds: How long; a request under way is waited for.
        requests: Most requests in all; 0 is no limit.
        path, body: Texts with the placeholders <account>, <token>, <reference> and, for batches, <items>.
        credentials: Value of the header Authorization.
        accounts: Numbers of the accounts to choose from, from and up to but not including.
        prefix: What the references begin with.
        item, items: The text of one of a batch, and how many.
        keep: Whether to tell the reference and id of every good answer.
    """

    ports: list[int]
    connections: int
    seconds: float
    path: str
    body: str
    credentials: str
    accounts: tuple[int, int]
    prefix: str
    requests: int = 0
    item: str = ""
    items: int = 0
    keep: bool = False

    def as_json(self) -> bytes:
        """What the process reads."""
        return json.dumps(asdict(self)).encode()


class Requests:
    """Makes requests, each with a reference of its own, and counts their answers."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.sent = 0
        self.references = 0
        self.statuses: Counter[int] = Counter()
        self.latencies: list[float] = []
        self.kept: list[tuple[str, str]] = []
        self.wrong = ""
        self.end = 0.0
        head = (
            f"POST {job.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {job.credentials}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        )
        self._head, self._body, self._item = head.encode(), job.body.encode(), job.item.encode()

    def next(self) -> tuple[bytes, str] | None:
        """The next request and its reference; None when it is time to stop."""
        if time.perf_counter() >= self.end or (self.job.requests and self.sent >= self.job.requests):
            return None
        self.sent += 1
        number = self._number()
        if self.job.items:
            items = b",".join(self._fill(self._item, self._number(at)) for at in range(self.job.items))
            body = self._body.replace(ITEMS, items)
        else:
            body = self._fill(self._body, number)
        head = self._fill(self._head, number)
        return b"%b%d\r\n\r\n%b" % (head, len(body), body), self._reference()

    def _number(self, at: int = 0) -> int:
        first, end = self.job.accounts
        return first + at % (end - first) if self.job.items else random.randrange(first, end)  # noqa: S311 # load

    def _reference(self) -> str:
        return f"{self.job.prefix}-{self.references:012d}"

    def _fill(self, template: bytes, number: int) -> bytes:
        if REFERENCE in template:
            self.references += 1
            template = template.replace(REFERENCE, self._reference().encode())
        return template.replace(ACCOUNT, b"MA%018d" % number).replace(TOKEN, b"%043d" % number)

    def answered(self, reference: str, answer: bytes, seconds: float) -> None:
        """Count an answer."""
        status = int(answer[9:12])
        self.statuses[status] += 1
        self.latencies.append(seconds)
        if status >= 300 or (self.job.items and b'"status":"posted"' not in answer):
            self.wrong = self.wrong or answer[-500:].decode(errors="replace")
        elif self.job.keep:
            self.kept.append((reference, json.loads(answer.partition(b"\r\n\r\n")[2])["id"]))


class Connection(asyncio.Protocol):
    """One kept-alive connection: a request, its answer, the next request."""

    def __init__(self, requests: Requests, over: asyncio.Future[None]) -> None:
        self._requests = requests
        self._over = over
        self._transport: Any = None
        self._received = bytearray()
        self._length = 0
        self._sent_at = 0.0
        self._reference = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport
        self._send()

    def _send(self) -> None:
        request = self._requests.next()
        if request is None:
            self._over.set_result(None)
            self._transport.close()
            return
        data, self._reference = request
        self._sent_at = time.perf_counter()
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        """Wait for the whole answer, by its Content-Length."""
        self._received += data
        if not self._length:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._received[:end]).lower()
            size = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            self._length = end + 4 + int(size)
        if len(self._received) < self._length:
            return
        answer = bytes(self._received)
        self._received.clear()
        self._length = 0
        self._requests.answered(self._reference, answer, time.perf_counter() - self._sent_at)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        """A server that hangs up while it is asked ends the run."""
        if not self._over.done():
            self._over.set_exception(exc or ConnectionError("the server closed the connection"))


async def run(job: Job) -> dict[str, Any]:
    """Send it all and sum up."""
    loop = asyncio.get_running_loop()
    requests = Requests(job)
    started = time.perf_counter()
    requests.end = started + job.seconds
    overs: list[asyncio.Future[None]] = [loop.create_future() for _ in range(job.connections)]
    for number, over in enumerate(overs):
        port = job.ports[number % len(job.ports)]
        await loop.create_connection(lambda over=over: Connection(requests, over), "127.0.0.1", port)
    await asyncio.gather(*overs)
    found = summed_up(requests.latencies, time.perf_counter() - started)
    return {
        **asdict(found),
        "statuses": dict(requests.statuses),
        "wrong": requests.wrong,
        "kept": requests.kept,
    }


def main() -> None:
    """Read the job, run it, write what was seen."""
    job = Job(**json.loads(sys.stdin.buffer.read()))
    sys.stdout.write(json.dumps(uvloop.run(run(job))))


if __name__ == "__main__":
    main()
