"""The words by which a customer authorises debits from a bank account, by version (requirement E13).

A version that was ever shown stays here unchanged: the mandate keeps its name, and the text is proof. Recurring debits
need their amount rule and the way to revoke them (Nacha Operating Rules 2.3.2; Regulation E, 12 CFR 1005.10(b), (c)).
"""

import re

CURRENT = "2026-11"
_LARGEST = re.compile(r"never more than \$([0-9]{1,3}(?:,[0-9]{3})*)\.([0-9]{2})\.", re.ASCII)

_TEXTS = {
    "2026-11": """
I authorize {company} to debit the bank account named above, by electronic (ACH) debit, for recharges of my prepaid
account that I ask for, and to credit it where a debit has to be corrected or refunded.

Where I have set up recharges that happen by themselves, on a day of the month or when my balance is low, I authorize
{company} to debit this bank account periodically for them, without asking me each time, until I change that setting.
I am told at least 7 days before a scheduled debit with a changed day or amount.

Amount of each debit: {amount_rule}

This authorization stands until I revoke it: by removing the bank account from my account, or by writing to {company}.
Debits that were sent to the bank before I revoked it are still carried out. A debit outside of what is said here is
made only after I have authorized it.
"""
}

VERSIONS = frozenset(_TEXTS)


def amount_rule(*, largest_cents: int) -> str:
    """The sentence that bounds each debit; stored with the mandate as the customer accepted it."""
    dollars, cents = divmod(largest_cents, 100)
    return (
        "the amount that I choose for a recharge, or the amount, or the multiple of it, that I set for recharges that"
        f" happen by themselves; never more than ${dollars:,}.{cents:02d}."
    )


def largest_cents(amount_rule: str) -> int:
    """The most that one debit may be, in cents, as the customer accepted it.

    Raises ValueError for a sentence that bounds nothing.
    """
    found = _LARGEST.search(amount_rule)
    if found is None:
        raise ValueError("this amount rule names no largest debit")
    return int(found[1].replace(",", "")) * 100 + int(found[2])


def paragraphs(version: str, *, company: str, amount_rule: str) -> tuple[str, ...]:
    """The text of ``version`` as it was shown. Raises KeyError for a version that never was."""
    return tuple(
        " ".join(part.split()).format(company=company, amount_rule=amount_rule)
        for part in _TEXTS[version].strip().split("\n\n")
    )
