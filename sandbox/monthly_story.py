"""The chapter of the demo about the payment schedule: a bank debit on a day of each month."""

from sandbox.telling import JSON, Teller


async def every_month(story: Teller, bank: JSON) -> None:
    """Set, changed and deleted; its debits are made by the days to come."""
    story.say("Payment schedule: $200.00 by bank debit on the 31st of each month, or on a short month's last day")
    shown = await _set(story, bank, amount="200.00")
    story.expect(shown["next_debit_on"] is not None, "the next debit has its day", shown)
    story.note(f"next on {shown['next_debit_on']}, ${shown['next_amount']}. {shown['why']}")
    story.say("Another amount is told at once and stands seven days later")
    shown = await _set(story, bank, amount="150.00")
    change: JSON = shown["pending_change"] or {}
    story.expect(change.get("amount") == "150.00", "the change is ahead", shown)
    story.note(f"${change['amount']} from {change['effective_at'][:10]} on. {shown['why']}")
    gone = await story.own("DELETE", "/payment_schedule")
    story.expect(gone["deleted"] is True and gone["in_flight"] is None, "it is deleted, nothing is in flight", gone)
    story.note("deleted; nothing is in flight")


async def _set(story: Teller, bank: JSON, *, amount: str) -> JSON:
    return await story.own(
        "PUT", "/payment_schedule", {"day_of_month": 31, "amount": amount, "bank_account": bank["id"]}
    )
