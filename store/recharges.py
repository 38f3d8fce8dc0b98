"""Recharges: made with their pending entry and hand-off, found, and ended once."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Text, bindparam, func, select
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

import ledger
from models.account import Account
from models.base import JSON
from models.recharge import Recharge
from rules.money import Money
from rules.settlement import expected_on
from store import auto_news, outbox, record_events, timeline
from store.ids import new_id
from store.paging import Page, fetch

OPEN = ("processing", "requires_action")
ACTION_WINDOW = timedelta(hours=24)
_ONE = (
    select(Recharge)
    .where(col(Recharge.account_id) == bindparam("account", type_=Text()), col(Recharge.id) == bindparam("recharge"))
    .execution_options(populate_existing=True)
)
_LOCK = func.ledger_lock(array([bindparam("account", type_=Text())])).table_valued("account_id")
#: The function locks the account before the row is locked, and FOR UPDATE gives the row as it is by then.
_LOCKED = _ONE.join(_LOCK, _LOCK.c.account_id == col(Recharge.account_id)).with_for_update(of=Recharge)
_WITH_CUSTOMER = _ONE.add_columns(col(Account.customer)).join(Account, col(Account.id) == col(Recharge.account_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecharge:
    """What a recharge is made from."""

    account_id: str
    amount_cents: int
    method_id: str
    method_kind: str
    kind: str
    idempotency_key: str
    request_digest: str
    return_url: str | None
    metadata: JSON
    schedule_month: date | None = None
    """Of kind ``scheduled``: the first day of its nominal month."""


def workflow_id(row: Recharge) -> str:
    """The workflow that carries the payment, to which its signals and updates go.

    An automatic recharge is carried by the episode of its account (decision 20), any other by a run of its own.
    """
    return workflow_of(kind=row.kind, account_id=row.account_id, recharge_id=row.id)


def workflow_of(*, kind: str, account_id: str, recharge_id: str) -> str:
    """As ``workflow_id``, of a recharge whose row is not at hand."""
    return f"auto-recharge/{account_id}" if kind == "auto" else f"recharge/{recharge_id}"


def concerns(row: Recharge) -> str | None:
    """What an update says of which recharge it means: its id, where one workflow carries several."""
    return row.id if row.kind == "auto" else None


async def create(session: AsyncSession, new: NewRecharge, *, now: datetime) -> tuple[Recharge, str | None]:
    """Commit-to-be of one recharge: its row, its pending entry, its hand-off. Gives the row and the outbox id.

    The account is locked first, as by everyone who changes its balance. A recharge that was made under the same key in
    the meantime is given as it is, without an outbox id.
    """
    await ledger.lock(session, [new.account_id])
    there = await by_key(session, account_id=new.account_id, key=new.idempotency_key)
    if there is not None:
        return there, None
    row = await make(session, new, now=now)
    return row, await _handed_off(session, row, now=now)


async def make(session: AsyncSession, new: NewRecharge, *, now: datetime) -> Recharge:
    """The row and its pending entry, without a hand-off: of the locked account, under a key that nobody has used."""
    expected = expected_on(now) if new.method_kind == "bank" else None
    row = Recharge(
        account_id=new.account_id,
        id=new_id("rchg", now),
        kind=new.kind,
        amount_cents=new.amount_cents,
        method_kind=new.method_kind,
        method_id=new.method_id,
        idempotency_key=new.idempotency_key,
        request_digest=new.request_digest,
        return_url=new.return_url,
        schedule_month=new.schedule_month,
        expected_on=expected.on if expected else None,
        expected_why=expected.why if expected else None,
        details=new.metadata,
        created_at=now,
    )
    session.add(row)
    await session.flush()
    await ledger.recharge_expected(
        session,
        account_id=row.account_id,
        recharge_id=row.id,
        amount_micros=Money.from_cents(row.amount_cents).micros,
        now=now,
    )
    await timeline.tell(
        session, account_id=row.account_id, recharge_id=row.id, key="created", what="created", now=now,
        detail=_asked(row),
    )  # fmt: skip
    await record_events.of_recharge(session, row, "created", now=now)
    await auto_news.recharge_changed(session, row, now=now)
    return row


async def _handed_off(session: AsyncSession, row: Recharge, *, now: datetime) -> str:
    return await outbox.add(
        session,
        kind="recharge",
        workflow_id=workflow_id(row),
        arguments={
            "account_id": row.account_id,
            "recharge_id": row.id,
            "kind": row.kind,
            "amount_cents": row.amount_cents,
            "method_kind": row.method_kind,
            "expected_on": row.expected_on.isoformat() if row.expected_on else None,
        },
        now=now,
        account_id=row.account_id,
    )


def _asked(row: Recharge) -> str:
    what = f"${Money.from_cents(row.amount_cents)} by {'card' if row.method_kind == 'card' else 'bank debit'}"
    return f"{what}, for {row.schedule_month:%B %Y}" if row.schedule_month else what


async def find(session: AsyncSession, *, account_id: str, recharge_id: str) -> Recharge | None:
    """The account's recharge, read anew."""
    return await session.get(Recharge, (account_id, recharge_id), populate_existing=True)


async def get(session: AsyncSession, *, account_id: str, recharge_id: str) -> Recharge:
    """The account's recharge. Raises LookupError if there is none."""
    row = await find(session, account_id=account_id, recharge_id=recharge_id)
    if row is None:
        raise LookupError(f"no recharge {recharge_id} of {account_id}")
    return row


async def with_customer(session: AsyncSession, *, account_id: str, recharge_id: str) -> tuple[Recharge, str | None]:
    """The recharge and the account's customer at the processor. Raises LookupError if there is no such recharge."""
    found = await session.execute(_WITH_CUSTOMER, {"account": account_id, "recharge": recharge_id})
    row = found.one_or_none()
    if row is None:
        raise LookupError(f"no recharge {recharge_id} of {account_id}")
    return row[0], row[1]


async def locked(session: AsyncSession, *, account_id: str, recharge_id: str) -> Recharge:
    """The recharge, with its account and its own row locked in that order."""
    row = await session.scalar(_LOCKED, {"account": account_id, "recharge": recharge_id})
    if row is None:
        raise LookupError(f"no recharge {recharge_id} of {account_id}")
    return row


async def page(
    session: AsyncSession, page: Page, *, account_id: str, status: str | None = None, kind: str | None = None
) -> tuple[list[Recharge], bool]:
    """The account's recharges, newest first; of one status and kind where given."""
    query = select(Recharge).where(col(Recharge.account_id) == account_id)
    if status is not None:
        query = query.where(col(Recharge.status) == status)
    if kind is not None:
        query = query.where(col(Recharge.kind) == kind)
    return await fetch(session, query, model=Recharge, id_column=Recharge.id, page=page)


async def by_key(session: AsyncSession, *, account_id: str, key: str) -> Recharge | None:
    """The recharge made under an Idempotency-Key, kept for ever (rule C3)."""
    return await session.scalar(
        select(Recharge).where(col(Recharge.account_id) == account_id, col(Recharge.idempotency_key) == key)
    )


async def by_intent(session: AsyncSession, payment_intent: str) -> Recharge | None:
    """The recharge whose one PaymentIntent this is."""
    return await session.scalar(select(Recharge).where(col(Recharge.payment_intent) == payment_intent))


async def by_id(session: AsyncSession, recharge_id: str) -> Recharge | None:
    """The recharge, whoever's it is: for events of the processor, never for a caller."""
    return await session.scalar(select(Recharge).where(col(Recharge.id) == recharge_id))


async def by_action_digest(session: AsyncSession, digest: str) -> Recharge | None:
    """The recharge that a customer's link belongs to (rule C4)."""
    return await session.scalar(select(Recharge).where(col(Recharge.action_digest) == digest))


async def save_intent(session: AsyncSession, row: Recharge, payment_intent: str, *, now: datetime) -> None:
    """Keep the id of the one PaymentIntent, before anything is confirmed (decision 3)."""
    row.payment_intent = payment_intent
    await session.flush()
    await timeline.tell(
        session, account_id=row.account_id, recharge_id=row.id, key="intent", what="payment_created", now=now,
        detail="The payment exists at the processor, not confirmed yet",
    )  # fmt: skip


async def end(
    session: AsyncSession, row: Recharge, *, status: str, charge: str | None, failure: JSON | None, now: datetime
) -> bool:
    """End an open recharge and move its money: settled when ``succeeded``, else voided. False if it had ended before.

    The caller holds the account's lock (``locked``).
    """
    if row.status not in OPEN:
        return False
    micros = Money.from_cents(row.amount_cents).micros
    same = {"account_id": row.account_id, "recharge_id": row.id}
    if status == "succeeded":
        if charge is None:
            raise ValueError("a recharge succeeds by a charge of the processor")
        await ledger.recharge_settled(session, **same, amount_micros=micros, charge_id=charge, now=now)
    else:
        await ledger.recharge_voided(session, **same, amount_micros=micros, now=now)
    row.status, row.charge, row.failure, row.finished_at = status, charge, failure, now
    row.action_url = None
    row.action_expires_at = None
    await record_events.of_recharge(session, row, status, now=now)
    await auto_news.recharge_changed(session, row, now=now)
    return True
