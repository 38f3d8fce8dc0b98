"""T23: how long it takes from a charge that crosses an alert to the mail that the server has taken."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from temporalio.client import Client
from temporalio.worker import Worker

from activities.heartbeats import Heartbeats
from activities.notifying import Notifying
from benchmarks.bench import Bench
from benchmarks.crossings import ALL_HANDED
from benchmarks.customers import ALL
from benchmarks.figures import Figure
from benchmarks.stack import Book
from gateways.mail import Mailer, MailServer
from gateways.mail_samples import preview
from relay.crossings import CrossingsRelay
from relay.draining import drain
from relay.outbox import OutboxRelay
from sandbox.mail.messages import Mailbox
from sandbox.mail.smtp import smtp_server
from sandbox.part import running
from sandbox.ports import HOST, free_ports
from sandbox.temporal import Temporal
from store.crossing_effects import CrossingEffects
from store.database import Database, Listener
from workflows.cluster import Cluster, connect, prepare
from workflows.notice import Notice

KEYS = ("T23", "T23 p99")
SECONDS = 60
_MAILS = 60  # in a round
_QUEUE = "benchmark"
_WATCH_HERE = "SELECT ledger_watch(account_id, 1::smallint, ARRAY[spendable]) FROM ledger_balance WHERE account_id = $1"


class _Postbox(Mailbox):
    """Tells when a mail was taken."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.taken = asyncio.Event()
        self.taken_at = 0.0

    def store(self, *, sender: str, recipients: Sequence[str], raw: bytes) -> str:
        identity = super().store(sender=sender, recipients=recipients, raw=raw)
        self.taken_at = time.perf_counter()
        self.taken.set()
        return identity


async def run(bench: Bench) -> None:
    """One crossing at a time, through relay, Temporal and worker; beside it the same mail handed in directly."""
    if not bench.wants(*KEYS):
        return
    folder = bench.stack.folder / "mailing"
    async with AsyncExitStack() as stack:
        book = await stack.enter_async_context(bench.stack.book())
        await book.owner.fetch(ALL_HANDED, datetime.now(UTC))  # of the funding
        postbox, port = _Postbox(folder / "mails"), free_ports(1)[0]
        await stack.enter_async_context(smtp_server(postbox, port))
        mailer = Mailer(MailServer(host=HOST, port=port), sender="Prepay <billing@prepay.example>")
        client = await stack.enter_async_context(_temporal(folder))
        await stack.enter_async_context(_working(book, client, mailer))
        commit = await stack.enter_async_context(book.group_commit())
        accounts = iter(ALL)
        letter = preview("balance_alert")

        async def crossing() -> float:
            account = next(accounts)
            await book.owner.fetch(_WATCH_HERE, account)
            postbox.taken.clear()
            await commit.charge_batch([book.charges.on(account)])
            return await _until_taken(postbox)

        async def mail() -> float:
            postbox.taken.clear()
            before = time.perf_counter()
            await mailer.send(letter, to="customer@prepay.example", notice_id="ntc_x", at=datetime.now(UTC))
            return (time.perf_counter() - before) * 1_000

        async def round_of(one: object) -> list[float]:
            count = _MAILS // 3 if bench.quick else _MAILS
            return sorted([await (crossing() if one == "crossing" else mail()) for _ in range(count)])

        for _ in range(5):
            await crossing()
        cases = {name: lambda name=name: round_of(name) for name in ("crossing", "mail")}
        found = await bench.interleaved("From crossing to mail (T23)", cases)
        for key, share in (("T23", 0.5), ("T23 p99", 0.99)):
            values, limits = (tuple(_quantile(one, share) for one in found[name]) for name in cases)
            bench.add(Figure(key=key, values=values, limits=limits))


async def _until_taken(postbox: _Postbox) -> float:
    """Milliseconds from now, the charge having been answered, until the mail server has the mail."""
    before = time.perf_counter()
    async with asyncio.timeout(30):
        await postbox.taken.wait()
    return max(postbox.taken_at - before, 0) * 1_000


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


@asynccontextmanager
async def _temporal(folder: Path) -> AsyncGenerator[Client]:
    """The real server with our namespace."""
    server = Temporal(data_dir=folder / "temporal", port=free_ports(1)[0])
    async with running(server.part(), folder):
        cluster = Cluster(address=server.address, namespace="prepay")
        await prepare(cluster)
        yield await connect(cluster)


@asynccontextmanager
async def _working(book: Book, client: Client, mailer: Mailer) -> AsyncGenerator[None]:
    """What a worker does of it: both relays, and the workflow that mails."""

    def now() -> datetime:
        return datetime.now(UTC)

    listener = Listener(book.app_url)
    await listener.start("prepay_outbox", "prepay_crossings")
    async with Database(book.app_url, pool_size=10) as database:
        notifying = Notifying(
            database=database, mailer=mailer, operator_email="o@prepay.example", link_key="k", public_url="http://x"
        )
        effects = CrossingEffects(retention_days=30)
        crossings = CrossingsRelay(database=database, effects=effects, now=now)
        outbox = OutboxRelay(database=database, client=client, task_queue=_QUEUE, now=now)
        worker = Worker(
            client,
            task_queue=_QUEUE,
            workflows=[Notice],
            activities=[notifying.deliver],
            interceptors=[Heartbeats()],
        )
        async with worker:
            loops = [
                asyncio.create_task(drain(channel="prepay_outbox", listener=listener, step=outbox.step)),
                asyncio.create_task(drain(channel="prepay_crossings", listener=listener, step=crossings.step)),
            ]
            try:
                yield
            finally:
                for loop in loops:
                    loop.cancel()
                await asyncio.gather(*loops, return_exceptions=True)
                await listener.stop()
