"""The processor's customer behind an account: made once, however often it is asked for."""

from activities.keys import keyed
from gateways.processor import Processor
from store import customers
from store.database import Database


async def ensure_customer(database: Database, processor: Processor, account_id: str) -> str:
    """The account's customer, found in our row, else at the processor by our metadata, else made."""
    async with database.transaction() as session:
        known = await customers.find(session, account_id)
    if known is not None:
        return known
    customer = await processor.find_customer(account_id=account_id)
    if customer is None:
        customer = await keyed(
            f"customer/{account_id}", lambda key: processor.create_customer(account_id=account_id, key=key)
        )
    async with database.transaction() as session:
        return await customers.save(session, account_id, customer)
