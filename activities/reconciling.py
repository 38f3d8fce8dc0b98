"""Reconciliation: every recharge beside its payment at the processor, in both directions. Reads only (H5)."""

from collections.abc import Callable
from dataclasses import dataclass

from gateways.processor import Intent, Processor
from rules.reconciliation import Difference, Ours, Theirs, compare
from store.database import Database
from store.reconciliation import OurSide, our_side

CENT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One difference, and where it is."""

    recharge_id: str | None
    payment_intent: str | None
    difference: Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was compared, and what differs."""

    recharges: int
    payments: int
    credited_cents: int
    foreign: int
    """Payments of the processor account that do not carry an id of ours."""
    found: list[Found]


async def reconcile(database: Database, processor: Processor, *, tell: Callable[[str, int], None]) -> Report:
    """Compare item by item. ``tell`` is called with what is read and how many there are so far.

    The processor is read first: what happens while this runs can make us newer than it, which ``look`` explains.
    """
    theirs: dict[str, Intent] = {}
    foreign = 0
    async for intent in processor.all_intents():
        if "recharge" in intent.metadata:
            theirs[intent.id] = intent
        else:
            foreign += 1
        tell("payments at the processor", len(theirs) + foreign)
    found: list[Found] = []
    count = credited = 0
    seen: set[str] = set()
    known: set[str] = set()
    async with database.transaction() as session:
        async for ours in our_side(session):
            count += 1
            credited += ours.settled_micros // CENT
            known.add(ours.recharge_id)
            intent = theirs.get(ours.payment_intent or "")
            if intent is None and ours.payment_intent is not None:
                # Made while we were reading: ask for this one by itself.
                intent = await processor.retrieve_intent(ours.payment_intent)
            if intent is not None:
                seen.add(intent.id)
            difference = _compare(ours, intent)
            if difference is not None:
                found.append(
                    Found(recharge_id=ours.recharge_id, payment_intent=ours.payment_intent, difference=difference)
                )
            tell("recharges", count)
    for intent in theirs.values():
        if intent.id not in seen and (difference := _stray(intent, known)) is not None:
            recharge_id = intent.metadata["recharge"]
            found.append(Found(recharge_id=recharge_id, payment_intent=intent.id, difference=difference))
    return Report(recharges=count, payments=len(theirs), credited_cents=credited, foreign=foreign, found=found)


def _compare(ours: OurSide, intent: Intent | None) -> Difference | None:
    return compare(
        Ours(
            status=ours.status,
            amount_cents=ours.amount_cents,
            credited_cents=ours.settled_micros // CENT,
            credited_by=ours.settled_by,
        ),
        _theirs(intent) if intent else None,
        never_created=ours.payment_intent is None,
    )


def _stray(intent: Intent, known: set[str]) -> Difference | None:
    """A payment with our mark that no record names: a second one of a recharge, or of a recharge that is gone."""
    if intent.metadata["recharge"] not in known:
        return compare(None, _theirs(intent))
    if intent.status == "canceled":
        return None
    return Difference(
        f"a second payment of this recharge, {intent.status}",
        "refund it at the processor" if intent.status == "succeeded" else "cancel it at the processor",
    )


def _theirs(intent: Intent) -> Theirs:
    return Theirs(status=intent.status, amount_cents=intent.amount_cents, charge=intent.latest_charge)
