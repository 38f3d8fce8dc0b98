"""Ledger against processor, one payment at a time: what differs, and what to do about it (requirement H5)."""

from dataclasses import dataclass

_OPEN = frozenset({"requires_payment_method", "requires_confirmation", "requires_action", "processing"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What we hold of a payment."""

    status: str
    amount_cents: int
    credited_cents: int
    credited_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Theirs:
    """What the processor holds of it."""

    status: str
    amount_cents: int
    charge: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that does not agree, in words, and the way out."""

    what: str
    fix: str


def compare(ours: Ours | None, theirs: Theirs | None, *, never_created: bool = False) -> Difference | None:
    """None where both sides agree. ``never_created``: our record has no payment at the processor yet."""
    if ours is None:
        paid = theirs is not None and theirs.status == "succeeded"
        return Difference(
            "the processor has a payment with an id of ours that we do not know",
            "restore the record from a backup before anything else" if paid else "cancel it at the processor",
        )
    if theirs is None:
        if never_created and ours.credited_cents == 0:
            return None
        return Difference("the processor does not have this payment", "check which processor account the key is of")
    if ours.amount_cents != theirs.amount_cents:
        return Difference(
            f"we hold {ours.amount_cents} cents, the processor {theirs.amount_cents}", "look at both; adjust by hand"
        )
    return _money(ours, theirs) or _status(ours, theirs)


def _money(ours: Ours, theirs: Theirs) -> Difference | None:
    if ours.credited_cents and theirs.status != "succeeded":
        return Difference(
            f"credited, but the processor says {theirs.status}", "adjust the balance after looking at both"
        )
    if ours.credited_cents not in {0, ours.amount_cents}:
        return Difference(f"credited {ours.credited_cents} of {ours.amount_cents} cents", "run `prepay verify`")
    if ours.credited_cents and ours.credited_by != theirs.charge:
        return Difference(f"credited for {ours.credited_by}, paid by {theirs.charge}", "look at both charges")
    if theirs.status == "succeeded" and not ours.credited_cents:
        return Difference(
            "paid and not credited",
            "the workflow may still be at it: look at it in the Temporal UI, then run this again",
        )
    return None


def _status(ours: Ours, theirs: Theirs) -> Difference | None:
    agrees = {
        "processing": _OPEN,
        "requires_action": _OPEN,
        "succeeded": frozenset({"succeeded"}),
        "returned": frozenset({"succeeded"}),
        "failed": frozenset({"canceled"}),
        "canceled": frozenset({"canceled"}),
    }[ours.status]
    if theirs.status in agrees:
        return None
    return Difference(
        f"we say {ours.status}, the processor says {theirs.status}",
        "look at the workflow in the Temporal UI; a lost webhook is found by the poller within a minute",
    )
