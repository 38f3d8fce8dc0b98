"""An export whose client stops reading, or hangs up: the server stops too, and holds nothing but a socket."""

import asyncio
import base64
from contextlib import asynccontextmanager

import asyncpg
import pytest
import uvicorn

import ledger
from api import transactions
from sandbox.ports import free_ports
from tests.api.client import START, serving

HOST = "127.0.0.1"
LINES = 20_000
#: Forty megabytes in all: more than the buffers of two sockets hold.
DESCRIPTION = "x" * 2_000
CHUNKS = LINES / transactions.CHUNK


class Watched:
    """The exports of an application: how many chunks they made, and whether one has ended."""

    def __init__(self):
        self.made = 0
        self.another, self.ended = asyncio.Event(), asyncio.Event()

    async def __call__(self, context, whole, lines=transactions._lines):
        try:
            async for chunk in lines(context, whole):
                self.made += 1
                self.another.set()
                yield chunk
        finally:
            self.ended.set()

    async def stalled(self):
        """Wait until no chunk comes any more."""
        try:
            while True:
                self.another.clear()
                await asyncio.wait_for(self.another.wait(), 1)
        except TimeoutError:
            return


@asynccontextmanager
async def listening(app):
    port = free_ports(1)[0]
    server = uvicorn.Server(uvicorn.Config(app, host=HOST, port=port, log_level="critical", lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has a flag, not an event
        await asyncio.sleep(0.01)
    yield port
    server.should_exit = True
    await task


@pytest.fixture
async def busy(make_settings, clock, database, monkeypatch):
    """An API with two connections on a port, an account with a long history, and a watch over its exports."""
    watched = Watched()
    monkeypatch.setattr(transactions, "_lines", watched)
    async with serving(make_settings(database_pool_size=2), clock) as api:
        account = await api.open_account()
        owner = await asyncpg.connect(database.owner_url)
        await owner.execute(
            "INSERT INTO ledger_transfer (account_id, seq, posted_at, amount, spendable_after, posted_after, leg, kind,"
            " debit, credit, key, description) SELECT $1, n, $2, 1, -n, -n, 0, 1, 1, 10, 'call-' || n, $3"
            " FROM generate_series(1, $4::bigint) AS n",
            account.id, START, DESCRIPTION, LINES,
        )  # fmt: skip
        await owner.execute(
            "UPDATE ledger_balance SET seq = $2::bigint, spendable = -$2::bigint, posted_at = $3 WHERE account_id = $1",
            account.id, LINES, START,
        )  # fmt: skip
        await owner.close()
        async with listening(api.app) as port:
            yield api, account, port, watched


async def ask(account, port):
    """Begin an export and read its first line."""
    reader, writer = await asyncio.open_connection(HOST, port, limit=4096)
    credentials = base64.b64encode(f"{account.id}:{account.token}".encode()).decode()
    path = f"/v1/accounts/{account.id}/transactions.csv"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: prepay.test\r\nAuthorization: Basic {credentials}\r\n\r\n".encode())
    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    return reader, writer


async def test_a_client_that_does_not_read_on_stops_the_export_and_holds_no_connection(busy):
    api, account, port, watched = busy
    reader, writer = await ask(account, port)
    await watched.stalled()
    assert 1 < watched.made < CHUNKS
    assert api.context.database.engine.pool.checkedout() == 0
    answer = await api.client(account=account).get(f"/v1/accounts/{account.id}/transactions")
    assert answer.status_code == 200
    text = await reader.readuntil(b"\r\n\r\n")
    while chunk := await reader.read(2**20):  # and when it does, the rest comes
        text += chunk
        if text.endswith(b"\r\n0\r\n\r\n"):
            break
    assert text.count(DESCRIPTION.encode()) > LINES * 0.99, "some stand across two chunks of the transfer"
    await watched.ended.wait()
    writer.close()


async def test_a_client_that_hangs_up_ends_the_export(busy):
    api, account, port, watched = busy
    _, writer = await ask(account, port)
    writer.transport.abort()
    await watched.ended.wait()
    assert watched.made < CHUNKS
    async with api.context.database.transaction() as session:
        assert await ledger.balances(session, account.id) is not None
    assert api.context.database.engine.pool.checkedout() == 0
