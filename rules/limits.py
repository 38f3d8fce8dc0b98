"""Bounds of a recharge (rule C2)."""

from rules.money import Money

MINIMUM_RECHARGE = Money.from_cents(25_00)
