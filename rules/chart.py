"""The chart of accounts and what each verb moves in it (requirements H1, H3, E11, E12, C5).

A ledger account is (account, code). Balances are credits minus debits: what belongs to the customer is positive, a
liability of the house; a negative `spendable` is a receivable. House sides are kept per account too: no row is shared.
The numbers are stored and never change their meaning; migration 0001_ledger holds the same lists for SQL.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Code(IntEnum):
    """A side of the book. 1-6 are carried: they have a column in the account's balance row."""

    SPENDABLE = 1
    PENDING = 2
    PROVISIONAL = 3
    """Contra, never above zero: minus the credit lent against pending."""
    HELD = 4
    AT_RISK = 5
    REFUND_DUE = 6
    USAGE = 10
    EXPECTED = 20
    CLEARING = 21
    DISPUTED = 22
    FEES = 23
    WRITE_OFF = 24
    EQUITY_PROMOTIONAL = 25
    EQUITY_GOODWILL = 26
    EQUITY_CORRECTION = 27
    EQUITY_OPENING_BALANCE = 28


CARRIED = (Code.SPENDABLE, Code.PENDING, Code.PROVISIONAL, Code.HELD, Code.AT_RISK, Code.REFUND_DUE)
CUSTOMER = frozenset({*CARRIED, Code.USAGE})
#: posted = the sum of these; available = spendable alone.
POSTED = frozenset({Code.SPENDABLE, Code.PROVISIONAL, Code.HELD, Code.REFUND_DUE})


class Kind(IntEnum):
    """What an operation is. 1-9 share one space of idempotency keys: the references of usage and holds."""

    USAGE = 1
    FEE = 2
    TAX = 3
    RENTAL = 4
    HOLD = 9
    ADJUSTMENT = 10
    RECHARGE_EXPECTED = 20
    RECHARGE_SETTLED = 21
    RECHARGE_VOIDED = 22
    PROVISIONAL_GRANTED = 23
    WITHDRAWN = 30
    REINSTATED = 31
    DISPUTE_LOST = 32
    PROCESSOR_FEE = 33
    REFUND_ASKED = 40
    REFUND_DONE = 41
    REFUND_FAILED = 42
    REFUND_MIRRORED = 43
    REFUND_REVERSED = 44
    HOLD_CAPTURED = 50
    HOLD_RELEASED = 51


#: Kinds under which usage may be charged; an invoice lists them apart (requirement G1).
USAGE_KINDS = frozenset({Kind.USAGE, Kind.FEE, Kind.TAX, Kind.RENTAL})
#: Opening kind → the kinds that end it. Opened once per source, ended once, by exactly the opened amount.
ENDINGS = {
    Kind.HOLD: frozenset({Kind.HOLD_CAPTURED, Kind.HOLD_RELEASED}),
    Kind.RECHARGE_EXPECTED: frozenset({Kind.RECHARGE_SETTLED, Kind.RECHARGE_VOIDED}),
    Kind.REFUND_ASKED: frozenset({Kind.REFUND_DONE, Kind.REFUND_FAILED}),
}
#: Adjustment kind (requirement H7) → the house side that it is booked against.
ADJUSTMENTS = {
    "promotional": Code.EQUITY_PROMOTIONAL,
    "goodwill": Code.EQUITY_GOODWILL,
    "correction": Code.EQUITY_CORRECTION,
    "opening_balance": Code.EQUITY_OPENING_BALANCE,
    "write_off": Code.WRITE_OFF,
}


@dataclass(frozen=True, slots=True)
class Leg:
    """One transfer: `amount` micros (> 0) from `debit` to `credit`. It cannot be unbalanced."""

    debit: Code
    credit: Code
    amount: int


@dataclass(frozen=True, slots=True)
class Operation:
    """The legs that one verb posts together. Only with `may_overdraw` may they take spendable below zero."""

    kind: Kind
    legs: tuple[Leg, ...]
    may_overdraw: bool = False


def balances(legs: Iterable[Leg]) -> dict[Code, int]:
    """What the legs do to each code, in micros. The sum over all codes is always zero."""
    moved = dict.fromkeys(Code, 0)
    for leg in legs:
        moved[leg.debit] -= leg.amount
        moved[leg.credit] += leg.amount
    return moved


def usage(amount: int, *, kind: Kind = Kind.USAGE, settled: bool = False) -> Operation:
    """A charge for use. `settled`: it has already happened, so it may go below zero (requirement B4)."""
    if kind not in USAGE_KINDS:
        raise ValueError(f"{kind.name} is no kind of usage")
    return Operation(kind, (Leg(Code.SPENDABLE, Code.USAGE, amount),), may_overdraw=settled)


def hold(amount: int) -> Operation:
    """Reserve before a long call (requirement H6)."""
    return Operation(Kind.HOLD, (Leg(Code.SPENDABLE, Code.HELD, amount),))


def hold_captured(held: int, captured: int, *, settled: bool = False) -> Operation:
    """End a hold of `held` by charging `captured`; the rest is freed. More than was held only as `settled` usage."""
    if captured > held and not settled:
        raise ValueError("more than was held can only be captured as settled usage")
    legs = _legs(
        (Code.HELD, Code.USAGE, min(held, captured)),
        (Code.HELD, Code.SPENDABLE, held - captured),
        (Code.SPENDABLE, Code.USAGE, captured - held),
    )
    return Operation(Kind.HOLD_CAPTURED, legs, may_overdraw=settled)


def hold_released(held: int) -> Operation:
    """End a hold without a charge: by its owner, or because it expired."""
    return Operation(Kind.HOLD_RELEASED, (Leg(Code.HELD, Code.SPENDABLE, held),))


def adjustment(kind: str, amount: int) -> Operation:
    """An operator's posting; `amount` is signed and may take spendable below zero (requirement H7)."""
    side = ADJUSTMENTS[kind]
    leg = Leg(side, Code.SPENDABLE, amount) if amount > 0 else Leg(Code.SPENDABLE, side, -amount)
    return Operation(Kind.ADJUSTMENT, (leg,), may_overdraw=True)


def recharge_expected(amount: int) -> Operation:
    """A recharge exists: its money is on its way."""
    return Operation(Kind.RECHARGE_EXPECTED, (Leg(Code.EXPECTED, Code.PENDING, amount),))


def recharge_settled(amount: int, *, lent: int = 0) -> Operation:
    """The processor has the money: pending becomes spendable, less what was lent of it before (requirement E12)."""
    legs = _legs(
        (Code.PENDING, Code.SPENDABLE, amount - lent),
        (Code.PENDING, Code.PROVISIONAL, lent),
        (Code.CLEARING, Code.EXPECTED, amount),
    )
    return Operation(Kind.RECHARGE_SETTLED, legs)


def recharge_voided(amount: int, *, lent: int = 0) -> Operation:
    """The recharge failed or was canceled before it settled; what was lent is taken back, below zero if need be."""
    legs = _legs((Code.PENDING, Code.EXPECTED, amount), (Code.SPENDABLE, Code.PROVISIONAL, lent))
    return Operation(Kind.RECHARGE_VOIDED, legs, may_overdraw=lent > 0)


def provisional_granted(amount: int) -> Operation:
    """Lend part of what is pending (requirement E12)."""
    return Operation(Kind.PROVISIONAL_GRANTED, (Leg(Code.PROVISIONAL, Code.SPENDABLE, amount),))


def withdrawn(amount: int) -> Operation:
    """The processor took money back for a dispute or a return; undecided until reinstated or lost (requirement E11)."""
    legs = (Leg(Code.SPENDABLE, Code.AT_RISK, amount), Leg(Code.DISPUTED, Code.CLEARING, amount))
    return Operation(Kind.WITHDRAWN, legs, may_overdraw=True)


def reinstated(amount: int) -> Operation:
    """The processor gave withdrawn money back."""
    legs = (Leg(Code.AT_RISK, Code.SPENDABLE, amount), Leg(Code.CLEARING, Code.DISPUTED, amount))
    return Operation(Kind.REINSTATED, legs)


def dispute_lost(amount: int) -> Operation:
    """Withdrawn money is gone for good."""
    return Operation(Kind.DISPUTE_LOST, (Leg(Code.AT_RISK, Code.DISPUTED, amount),))


def processor_fee(amount: int) -> Operation:
    """What the processor keeps of our clearing balance; the platform's cost, never the customer's (requirement E11)."""
    return Operation(Kind.PROCESSOR_FEE, (Leg(Code.FEES, Code.CLEARING, amount),))


def refund_asked(amount: int) -> Operation:
    """Set credit aside before the processor is asked to refund it (requirement C5)."""
    return Operation(Kind.REFUND_ASKED, (Leg(Code.SPENDABLE, Code.REFUND_DUE, amount),))


def refund_done(amount: int) -> Operation:
    """The processor refunded what was asked."""
    return Operation(Kind.REFUND_DONE, (Leg(Code.REFUND_DUE, Code.CLEARING, amount),))


def refund_failed(amount: int) -> Operation:
    """The processor refused what was asked: the credit is spendable again."""
    return Operation(Kind.REFUND_FAILED, (Leg(Code.REFUND_DUE, Code.SPENDABLE, amount),))


def refund_mirrored(amount: int) -> Operation:
    """A refund that was made at the processor, not by us."""
    return Operation(Kind.REFUND_MIRRORED, (Leg(Code.SPENDABLE, Code.CLEARING, amount),), may_overdraw=True)


def refund_reversed(amount: int) -> Operation:
    """A refund that had been done came back."""
    return Operation(Kind.REFUND_REVERSED, (Leg(Code.CLEARING, Code.SPENDABLE, amount),))


def _legs(*moves: tuple[Code, Code, int]) -> tuple[Leg, ...]:
    return tuple(Leg(debit, credit, amount) for debit, credit, amount in moves if amount > 0)
