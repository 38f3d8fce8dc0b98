"""The events of our own records, told where their state changes: ids, amounts and enumerations, nothing personal."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from models.account import Account
from models.bank_account import BankAccount
from models.card import Card
from models.recharge import Recharge
from models.subaccount import Subaccount
from rules.bank_verification import Status
from rules.money import CURRENCY, Money
from store import events

#: Columns under another name than the API's; those mapped to nothing are told by what they follow from.
_SHOWN = {"details": "metadata", "status_reason": "", "status_changed_at": ""}


def changed(row: Account | Subaccount | Card, fields: Collection[tuple[str, object]]) -> list[str]:
    """The API's names of those ``fields`` in which ``row`` is to change."""
    names = (_SHOWN.get(name, name) for name, value in fields if getattr(row, name) != value)
    return sorted(name for name in names if name)


async def of_account(session: AsyncSession, row: Account, *, fields: Collection[str], now: datetime) -> None:
    """What changed of an account; nothing is told where nothing did."""
    rest = [name for name in fields if name != "status"]
    told = {"status": row.status, "external_id": row.external_id}
    if "status" in fields:
        data = {"status": row.status, "reason": row.status_reason}
        kind = "account.suspended" if row.status == "suspended" else "account.activated"
        await events.add(session, type=kind, account_id=row.id, data=data, now=now)
    if rest:
        await events.add(session, type="account.updated", account_id=row.id, data=told | {"changed": rest}, now=now)


async def of_subaccount(
    session: AsyncSession, row: Subaccount, what: str, *, now: datetime, fields: Collection[str] = ()
) -> None:
    """``what`` happened to a subaccount: ``created``, ``updated`` (in ``fields``) or ``deleted``."""
    data = {"subaccount": row.id, "enabled": row.enabled} | ({"changed": list(fields)} if what == "updated" else {})
    await events.add(session, type=f"subaccount.{what}", account_id=row.account_id, data=data, now=now)


async def of_recharge(session: AsyncSession, row: Recharge, what: str, *, now: datetime) -> None:
    """``what`` happened to a recharge: ``created``, or the status that it is in now."""
    data: dict[str, object] = {
        "recharge": row.id,
        "amount": str(Money.from_cents(row.amount_cents)),
        "currency": CURRENCY,
        "kind": row.kind,
        "payment_method": row.method_id,
        "status": row.status,
    }
    match what:
        case "created":
            data["expected_on"] = row.expected_on
        case "requires_action":
            data["action_expires_at"] = row.action_expires_at
        case "failed" | "canceled":
            data["failure_code"] = (row.failure or {}).get("code")
        case _:
            pass
    await events.add(session, type=f"recharge.{what}", account_id=row.account_id, data=data, now=now)


async def of_bank_account(session: AsyncSession, row: BankAccount, *, before: str | None, now: datetime) -> None:
    """A bank account was added (``before`` is None), or is in another status than ``before``."""
    if row.status == before:
        return
    if before is None:
        what = "added"
    elif row.status == Status.VERIFIED and before == Status.BLOCKED:
        what = "unblocked"
    else:
        what = str(row.status)
    data = {"bank_account": row.id, "status": str(row.status), "reason": row.status_reason}
    await events.add(session, type=f"bank_account.{what}", account_id=row.account_id, data=data, now=now)


async def of_card(session: AsyncSession, row: Card, *, what: str, now: datetime) -> None:
    """A card is ``active``, ``failed`` or ``removed``, or was ``updated`` by its network."""
    data: dict[str, object] = {"card": row.id, "status": row.status}
    if what == "failed":
        data["failure_code"] = (row.failure or {}).get("code")
    await events.add(session, type=f"card.{what}", account_id=row.account_id, data=data, now=now)
