"""Numbered confirms of a recharge's PaymentIntent: the row before the call, the outcome after it (decision 3)."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.attempt import ChargeAttempt
from models.base import table_of
from models.recharge import Recharge
from rules.declines import Decline
from rules.outcomes import Outcome, State
from rules.retry_ladder import Trigger
from rules.settlement import expected_on
from store import auto_news, record_events, timeline
from store.recharges import ACTION_WINDOW

_BEGIN = insert(table_of(ChargeAttempt)).on_conflict_do_nothing().returning(col(ChargeAttempt.number))
_NEWEST = (
    select(ChargeAttempt)
    .where(
        col(ChargeAttempt.account_id) == bindparam("account"), col(ChargeAttempt.recharge_id) == bindparam("recharge")
    )
    .order_by(col(ChargeAttempt.number).desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Begun:
    """The attempt as written, its method, and the charge that the attempt before it left on the intent."""

    number: int
    method_id: str
    previous_charge: str | None


async def begin(
    session: AsyncSession,
    row: Recharge,
    *,
    number: int,
    method_id: str,
    off_session: bool,
    trigger: Trigger = "first",
    step_percent: int | None = None,
    now: datetime,
) -> Begun:
    """Write attempt ``number`` unless it is there already; its method becomes the recharge's."""
    before = await _attempt(session, row, number - 1) if number > 1 else None
    attempt = {
        "account_id": row.account_id,
        "recharge_id": row.id,
        "number": number,
        "method_id": method_id,
        "off_session": off_session,
        "trigger": trigger,
        "step_percent": step_percent,
        "created_at": now,
    }
    if (await session.execute(_BEGIN, attempt)).first() is not None:
        await _switch(session, row, method_id, number=number, now=now)
    elif (there := await _attempt(session, row, number)) is not None:
        method_id = there.method_id
    return Begun(number=number, method_id=method_id, previous_charge=before.charge if before else None)


async def _switch(session: AsyncSession, row: Recharge, method_id: str, *, number: int, now: datetime) -> None:
    """From here on the recharge is by ``method_id``: the back-up (D7), or the one that the customer confirms (C4)."""
    if method_id == row.method_id:
        return
    row.method_id, row.method_kind = method_id, "card" if method_id.startswith("card_") else "bank"
    row.expected_on = row.expected_why = None
    session.add(row)
    await timeline.tell(
        session, account_id=row.account_id, recharge_id=row.id, key=f"method/{number}", what="method_changed",
        detail=f"Tried by another payment method: {'card' if row.method_kind == 'card' else 'bank debit'}", now=now,
    )  # fmt: skip


async def method_of(session: AsyncSession, row: Recharge, *, off_session: bool) -> str:
    """The method of a confirm that names none: the recharge's; on session the one whose bank wants the customer."""
    if off_session:
        return row.method_id
    asked = await session.scalar(
        select(col(ChargeAttempt.method_id))
        .where(
            col(ChargeAttempt.account_id) == row.account_id,
            col(ChargeAttempt.recharge_id) == row.id,
            col(ChargeAttempt.outcome) == State.REQUIRES_ACTION,
        )
        .order_by(col(ChargeAttempt.number).desc())
        .limit(1)
    )
    return asked or row.method_id


async def newest(session: AsyncSession, row: Recharge) -> ChargeAttempt | None:
    """The attempt with the highest number."""
    return await session.scalar(_NEWEST, {"account": row.account_id, "recharge": row.id})


async def newest_off_session(session: AsyncSession, row: Recharge) -> int:
    """The number of the latest confirm without the customer, 0 before the first."""
    number = await session.scalar(
        select(func.max(col(ChargeAttempt.number))).where(
            col(ChargeAttempt.account_id) == row.account_id,
            col(ChargeAttempt.recharge_id) == row.id,
            col(ChargeAttempt.off_session),
        )
    )
    return number or 0


async def _attempt(session: AsyncSession, row: Recharge, number: int) -> ChargeAttempt | None:
    return await session.get(ChargeAttempt, (row.account_id, row.id, number), populate_existing=True)


async def record(
    session: AsyncSession,
    row: Recharge,
    outcome: Outcome,
    *,
    action_url: str | None = None,
    action_digest: str | None = None,
    failure: Decline | None = None,
    now: datetime,
) -> Outcome:
    """Keep what an attempt came to and show it on the recharge; gives the outcome with its expected date.

    The newest attempt alone is changed (an older one may be recorded late, by a step that was thought dead), and an
    open recharge alone. The expected date is set once per attempt, by the time of its confirm (E9). A cancel leaves the
    words of the failure before it.
    """
    attempt = await newest(session, row)
    if attempt is not None and attempt.number != outcome.attempt:
        return replace(outcome, expected_on=row.expected_on)
    first_seen = attempt is not None and attempt.outcome != outcome.state
    if attempt is not None:
        attempt.outcome, attempt.charge = outcome.state, outcome.charge
        if attempt.failure is None or outcome.state is not State.CANCELED:
            attempt.failure = asdict(failure) if failure else None
        if _is_over(outcome.state, off_session=attempt.off_session):
            attempt.ended_at = attempt.ended_at or now
        session.add(attempt)
    if row.finished_at is None and outcome.state is State.PROCESSING and row.method_kind == "bank" and first_seen:
        expected = expected_on(now)
        row.expected_on, row.expected_why = expected.on, expected.why
    status_before = row.status
    if row.finished_at is None and outcome.state is State.REQUIRES_ACTION:
        row.status = "requires_action"
        row.action_digest = action_digest
        row.action_url = action_url
        row.action_expires_at = row.action_expires_at or now + ACTION_WINDOW
    elif row.finished_at is None and outcome.state is State.PROCESSING:
        row.status, row.action_url = "processing", None
    session.add(row)
    await session.flush()
    if row.status != status_before:
        await record_events.of_recharge(session, row, row.status, now=now)
        await auto_news.recharge_changed(session, row, now=now)
    if first_seen:
        await timeline.tell(
            session, account_id=row.account_id, recharge_id=row.id, key=f"attempt/{outcome.attempt}/{outcome.state}",
            what=_TOLD[outcome.state], detail=_words(outcome, row, failure), now=now,
        )  # fmt: skip
    return replace(outcome, expected_on=row.expected_on)


def _is_over(state: State, *, off_session: bool) -> bool:
    """Whether a confirm has its answer; one that wants the customer has, unless they are at it right now."""
    return (state is State.REQUIRES_ACTION and off_session) or state not in _UNDER_WAY


_UNDER_WAY = frozenset({State.UNCONFIRMED, State.PROCESSING, State.REQUIRES_ACTION})
_TOLD = {
    State.UNCONFIRMED: "not_confirmed",
    State.PROCESSING: "submitted",
    State.REQUIRES_ACTION: "action_required",
    State.DECLINED: "declined",
    State.SUCCEEDED: "confirmed",
    State.CANCELED: "canceled_by_processor",
    State.ALTERED: "payment_altered",
}


def _words(outcome: Outcome, row: Recharge, failure: Decline | None) -> str | None:
    if outcome.state is State.PROCESSING and row.method_kind == "bank":
        return f"Sent to the bank; the answer is expected on {row.expected_on}: {row.expected_why}"
    if outcome.state is State.REQUIRES_ACTION and row.action_url is not None:
        return "The customer is on the bank's page"
    if outcome.state in {State.DECLINED, State.ALTERED, State.REQUIRES_ACTION} and failure is not None:
        return failure.message
    return "The bank wants the customer to confirm this payment" if outcome.state is State.REQUIRES_ACTION else None
