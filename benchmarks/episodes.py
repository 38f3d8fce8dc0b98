"""T24, T25: what an auto-recharge costs Temporal, and how many there are in a second beside a bare workflow."""

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from statistics import median
from typing import Any

from benchmarks.bare_episode import ACTIVITIES, BareEpisode
from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.histories import Cost, cost
from benchmarks.measure import Call, load
from benchmarks.whole_stack import BARE_QUEUE, WholeStack, whole_stack
from ledger.charge import POSTED, Charge
from ledger.driver import driver
from ledger.group_commit import GroupCommit
from rules.money import Money

KEYS = ("T24 events", "T24 actions", "T25", "T25 mails")
SECONDS = 270
_IN_FLIGHT = 64
_CUSTOMERS = 3 * _IN_FLIGHT  # so that each rests between two episodes of its own
_SECONDS = 8.0  # of a round
_PATIENCE_SECONDS = 60
_MINIMUM, _AMOUNT, _AT_FIRST = Money.from_cents(20_00), Money.from_cents(25_00), Money.from_cents(44_00)
_CREDITED = "SELECT account_id FROM ledger_balance WHERE account_id = ANY($1) AND spendable > $2"
_EPOCHS = "SELECT account_id, epoch FROM ledger_balance WHERE account_id = ANY($1)"
#: Mails wait: T25 ends with the credit, and what is told of it goes out afterwards.
_HOLD_NOTICES = """
CREATE FUNCTION hold_notices() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.next_try_at := NEW.next_try_at + interval '1 year';
  RETURN NEW;
END $$;
CREATE TRIGGER hold_notices BEFORE INSERT ON outbox FOR EACH ROW WHEN (NEW.kind = 'notice')
EXECUTE FUNCTION hold_notices();
"""
_RELEASE_NOTICES = "DROP TRIGGER hold_notices ON outbox"


class Customers:
    """Customers whose auto-recharge brings them from 19 to 44 dollars; a charge of 25 makes it due again."""

    def __init__(self, commit: GroupCommit, owner: Any, epochs: dict[str, int]) -> None:
        self._commit = commit
        self._owner = owner
        self._epochs = epochs
        self._rested = deque(epochs)
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._references = itertools.count()
        self.news = asyncio.Event()

    async def episode(self) -> str:
        """From the charge that reaches the minimum until the credit is there; whose it was."""
        account = self._rested.popleft()
        charge = Charge(
            account_id=account,
            reference=f"call-{next(self._references)}",
            amount_micros=_AMOUNT.micros,
            epoch=self._epochs[account],
        )
        charged = await self._commit.charge(charge)
        if charged.outcome != POSTED:
            raise RuntimeError(f"{account} was not charged: {charged.outcome}")
        self._waiting[account] = asyncio.get_running_loop().create_future()
        self.news.set()
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await self._waiting[account]
        self._rested.append(account)
        return account

    def told(self, *_: object) -> None:
        """A recharge has changed."""
        self.news.set()

    async def watch(self) -> None:
        """Look who was credited whenever a recharge has changed."""
        while True:
            await self.news.wait()
            self.news.clear()
            for row in await self._owner.fetch(_CREDITED, list(self._waiting), _MINIMUM.micros):
                waiting = self._waiting.pop(row["account_id"], None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(None)


async def run(bench: Bench) -> None:
    """An episode alone, for its history; then 64 at a time, and as many bare workflows, in turn."""
    if not bench.wants(*KEYS):
        return
    async with (
        bench.stack.book() as book,
        whole_stack(book, bench.stack.folder / "episodes") as stack,
        book.group_commit() as commit,
        _customers(bench, stack, commit) as customers,
    ):
        bare = _bare(stack)
        await _count(bench, stack, customers, bare)
        await book.owner.execute(_HOLD_NOTICES)
        await _rates(bench, "T25", customers, bare)
        await book.owner.execute(_RELEASE_NOTICES)
        await _rates(bench, "T25 mails", customers, bare)


@asynccontextmanager
async def _customers(bench: Bench, stack: WholeStack, commit: GroupCommit) -> AsyncGenerator[Customers]:
    """Opened, funded and given a card over the API, as anybody would."""
    bench.bar.tell("Customers with a card and auto-recharge")
    few = asyncio.Semaphore(8)

    async def one(number: int) -> str:
        async with few:
            return await _open(stack, number)

    accounts = await asyncio.gather(*(one(number) for number in range(_CUSTOMERS)))
    owner = await driver.connect(stack.book.owner_url)
    listening = await driver.connect(stack.book.owner_url)
    customers = Customers(commit, owner, dict(await owner.fetch(_EPOCHS, accounts)))
    await listening.add_listener("prepay_recharge", customers.told)
    watching = asyncio.create_task(customers.watch())
    try:
        yield customers
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await asyncio.gather(owner.close(), listening.close())


async def _open(stack: WholeStack, number: int) -> str:
    made = await stack.ask("POST", "/v1/accounts", {"name": "Customer", "email": f"c{number}@prepay.example"})
    account = f"/v1/accounts/{made['id']}"
    given = {"amount": str(_AT_FIRST), "kind": "opening_balance", "reason": "to begin with"}
    await stack.ask("POST", f"{account}/adjustments", given, Idempotency_Key="first")
    card = await stack.ask("POST", f"{account}/cards", {"payment_method": "pm_card_visa"})
    settings = {"enabled": True, "minimum": str(_MINIMUM), "amount": str(_AMOUNT), "payment_method": card["id"]}
    await stack.ask("PUT", f"{account}/auto_recharge", settings)
    return made["id"]


def _bare(stack: WholeStack) -> Call:
    numbers = itertools.count()

    async def bare() -> str:
        workflow_id = f"bare/{next(numbers)}"
        handle = await stack.client.start_workflow(
            BareEpisode.run, id=workflow_id, task_queue=BARE_QUEUE, start_signal="wake"
        )
        if await handle.result() != ACTIVITIES:
            raise RuntimeError(f"{workflow_id} did not run to its end")
        return workflow_id

    return bare


async def _count(bench: Bench, stack: WholeStack, customers: Customers, bare: Call) -> None:
    """One at a time, each history counted when its workflow has ended."""

    async def counted(workflow_id: str) -> Cost:
        handle = stack.client.get_workflow_handle(workflow_id)
        await handle.result()
        return cost(await handle.fetch_history())

    async def episode() -> Cost:
        return await counted(f"auto-recharge/{await customers.episode()}")

    async def limit() -> Cost:
        return await counted(str(await bare()))

    found = await bench.interleaved("An auto-recharge in Temporal (T24)", {"episode": episode, "bare": limit})
    activities = max(one.activities for one in found["episode"])
    note = f"{activities} activities in a succeeding episode, {ACTIVITIES} in the bare workflow"
    for key, name in (("T24 events", "events"), ("T24 actions", "actions")):
        values, limits = (tuple(float(getattr(one, name)) for one in found[case]) for case in ("episode", "bare"))
        bench.add(Figure(key=key, values=values, limits=limits, note=note if name == "events" else ""))


async def _rates(bench: Bench, key: str, customers: Customers, bare: Call) -> None:
    if not bench.wants(key):
        return
    seconds = _SECONDS / 2 if bench.quick else _SECONDS
    calls: dict[str, Call] = {"episodes": customers.episode, "bare workflows": bare}
    for call in calls.values():  # caches, pools and connections
        await load(call, callers=_IN_FLIGHT, seconds=1)
    cases = {name: partial(load, call, callers=_IN_FLIGHT, seconds=seconds) for name, call in calls.items()}
    found = await bench.interleaved(f"Auto-recharges a second ({key})", cases)
    values, limits = (tuple(one.rate for one in found[name]) for name in calls)
    p50 = median(one.p50 for one in found["episodes"])
    bench.add(Figure(key=key, values=values, limits=limits, note=f"{p50:,.0f} ms from trigger to credit, p50 of 64"))
