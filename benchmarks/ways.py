"""The ways to charge, and the bare row and the hot row beside them, as calls without arguments."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from benchmarks.customers import MICROS, NOW
from benchmarks.limits import INSERT, UPDATE, pooled, prepared
from benchmarks.measure import Call
from benchmarks.stack import Book
from ledger.charge import Charge
from ledger.charging import charge_all


@asynccontextmanager
async def ways(book: Book) -> AsyncGenerator[dict[str, Call]]:
    """By group commit (`groups`) or with a call to the database for each charge (`single`); `hot` is one account."""
    async with AsyncExitStack() as stack:
        commit = await stack.enter_async_context(book.group_commit())
        insert = await stack.enter_async_context(prepared(book.owner_url, INSERT))
        update = await stack.enter_async_context(prepared(book.owner_url, UPDATE))
        free = await stack.enter_async_context(pooled(book.app_url))
        charges = book.charges

        async def bare() -> None:
            charge = charges.any()
            await insert(charge.account_id, MICROS, charge.reference, NOW)

        async def groups() -> None:
            await commit.charge(charges.any())

        async def hot_groups() -> None:
            await commit.charge(charges.hot())

        async def one(charge: Charge) -> None:
            connection = await free.get()
            try:
                await charge_all(connection, [charge], now=NOW)
            finally:
                free.put_nowait(connection)

        async def single() -> None:
            await one(charges.any())

        async def hot_single() -> None:
            await one(charges.hot())

        yield {
            "bare row": bare,
            "hot row": update,
            "groups": groups,
            "hot groups": hot_groups,
            "single": single,
            "hot single": hot_single,
        }
