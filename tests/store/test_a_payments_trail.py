"""What operators are told of one payment: each confirm with what led to it, by which method, and what it came to."""

from rules.outcomes import Outcome, State
from store import attempts, payment_trail, recharges
from store.database import Database
from tests.ledger.accounts import NOW
from tests.store.recharging_itself import open_recharged


async def test_each_confirm_says_what_led_to_it(database):
    async with Database(database.app_url) as store:
        customer = await open_recharged(store, now=NOW, dollars=15)
        await customer.choose(minimum=20)
        begun = await customer.begin()
        tries = [("first", True, State.DECLINED), ("rung", True, State.REQUIRES_ACTION), ("customer", False, None)]
        for number, (trigger, off_session, state) in enumerate(tries, start=1):
            async with store.transaction() as session:
                row = await recharges.locked(session, account_id=customer.account_id, recharge_id=begun.recharge_id)
                await attempts.begin(
                    session, row, number=number, method_id=f"card_{number}", off_session=off_session, trigger=trigger,
                    now=customer.now(),
                )  # fmt: skip
                if state is not None:
                    await attempts.record(
                        session, row, Outcome(state=state, attempt=number), action_url=None, action_digest="d",
                        failure=None, now=customer.now(),
                    )  # fmt: skip
        async with store.transaction() as session:
            row, steps = await payment_trail.of(session, begun.recharge_id)
    assert row["kind"] == "auto"
    assert [(step["what"], step["detail"]) for step in steps if step["kind"] == "attempt"] == [
        ("confirm 1", "card_1 declined"),
        ("confirm 2, rung", "card_2 requires_action"),
        ("confirm 3, customer, on session", "card_3"),
    ]
