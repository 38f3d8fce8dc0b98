"""Balance alerts at rest: the owner's settings, the recommendation, and what a crossing makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import structlog
from sqlalchemy import and_, false, or_, select
from sqlalchemy.dialects.postgresql import insert as insert_or_nothing
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

import ledger
from ledger import Crossing
from models.account import Account
from models.balance_alerts import BalanceAlerts
from rules import alerts
from rules.alerts import ConfiguredBy
from rules.days import day_of
from rules.money import CURRENCY, Money
from rules.thresholds import Threshold
from store import accounts, events, notices

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What stands for an account now. Amounts are micros."""

    configured_by: ConfiguredBy
    thresholds: tuple[int, ...]
    """Beside those that are built in."""
    emails: tuple[str, ...]
    recommended_micros: int | None
    recommended_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """An account whose recommendation is of an earlier day than ``today``, its local day."""

    account_id: str
    created_at: datetime
    timezone: str
    today: date


async def get(session: AsyncSession, account_id: str) -> Settings:
    """The settings; those of the system where the owner has never set any."""
    found = await session.scalars(select(BalanceAlerts).where(col(BalanceAlerts.account_id) == account_id))
    return _settings(found.one_or_none() or BalanceAlerts(account_id=account_id))


async def put(
    session: AsyncSession,
    account_id: str,
    *,
    thresholds: Sequence[int] | None,
    emails: Sequence[str] | None,
    now: datetime,
) -> Settings:
    """Replace what is given; under the account's lock, which the caller holds.

    Thresholds, an empty list too, are the owner's from then on (A4, A5); addresses alone leave them whose they are.
    """
    row = await _row(session, account_id, now=now)
    if emails is not None:
        row.emails = list(emails)
    if thresholds is not None:
        row.configured_by = "owner"
        row.thresholds = list(thresholds)
    row.updated_at = now
    await session.flush()
    settings = _settings(row)
    await ledger.watch(session, account_id, Threshold.ALERT, alerts.watched(settings.thresholds))
    return settings


async def due(session: AsyncSession, *, after: str, limit: int, now: datetime) -> list[Due]:
    """Accounts, by id, that come after ``after`` and whose local day is later than that of their recommendation.

    Local days are told here, not by the database, whose time zones may be of another year.
    """
    zones = await session.scalars(select(col(Account.timezone)).distinct())
    days: dict[date, list[str]] = {}  # around the world there are at most three at one time
    for zone in zones:
        try:
            days.setdefault(day_of(now, zone), []).append(zone)
        except KeyError:  # of an account that moved here from a machine with other time zones: it waits, nobody else
            log.warning("timezone_unknown", timezone=zone)
    on = col(BalanceAlerts.recommended_on)
    late = [and_(col(Account.timezone).in_(there), or_(on.is_(None), on < day)) for day, there in days.items()]
    rows = await session.execute(
        select(col(Account.id), col(Account.created_at), col(Account.timezone))
        .outerjoin(BalanceAlerts, col(BalanceAlerts.account_id) == col(Account.id))
        .where(col(Account.id) > after, col(Account.status) != "closed", or_(false(), *late))
        .order_by(col(Account.id))
        .limit(limit)
    )
    return [
        Due(account_id=row.id, created_at=row.created_at, timezone=row.timezone, today=day_of(now, row.timezone))
        for row in rows
    ]


async def recommend(session: AsyncSession, this: Due, *, micros: int | None, now: datetime) -> bool:
    """Keep the recommendation of the account's day and, while the system sets its alerts, watch it (A4, A6).

    False when one of that day or a later one is kept already. An alert above the balance sends nothing (A7).
    """
    await accounts.lock(session, this.account_id)
    row = await _row(session, this.account_id, now=now)
    if row.recommended_on is not None and row.recommended_on >= this.today:
        return False
    before = _settings(row).thresholds
    row.recommended_micros = micros
    row.recommended_on = this.today
    await session.flush()
    settings = _settings(row)
    if settings.thresholds != before:
        await ledger.watch(session, this.account_id, Threshold.ALERT, alerts.watched(settings.thresholds))
    return True


async def crossed(session: AsyncSession, crossing: Crossing, *, now: datetime) -> None:
    """An alert's effect: a notice, as old as the posting, and an event."""
    settings = await get(session, crossing.account_id)
    notice_id = await notices.add(
        session,
        account_id=crossing.account_id,
        kind="balance_alert",
        cause=f"{crossing.transaction_id}:{Money(crossing.below_micros)}",
        facts={
            "threshold_micros": crossing.below_micros,
            "balance_micros": crossing.spendable_after,
            "transaction": crossing.transaction_id,
            "crossed_at": crossing.crossed_at,
            "recommended_micros": settings.recommended_micros,
        },
        now=now,
        happened_at=crossing.crossed_at,
    )
    await events.add(
        session,
        type="balance.alert",
        account_id=crossing.account_id,
        data={
            "threshold": str(Money(crossing.below_micros)),
            "available": str(Money(crossing.spendable_after)),
            "currency": CURRENCY,
            "crossed_at": crossing.crossed_at,
            "transaction": crossing.transaction_id,
            "notice": notice_id,
        },
        now=now,
    )


async def _row(session: AsyncSession, account_id: str, *, now: datetime) -> BalanceAlerts:
    await session.execute(
        insert_or_nothing(BalanceAlerts)
        .values(account_id=account_id, configured_by="system", updated_at=now, created_at=now)
        .on_conflict_do_nothing()
    )
    return await session.get_one(BalanceAlerts, account_id, populate_existing=True)


def _settings(row: BalanceAlerts) -> Settings:
    configured_by: ConfiguredBy = "owner" if row.configured_by == "owner" else "system"
    return Settings(
        configured_by=configured_by,
        thresholds=alerts.settings(configured_by, row.thresholds, row.recommended_micros),
        emails=tuple(row.emails),
        recommended_micros=row.recommended_micros,
        recommended_on=row.recommended_on,
    )
