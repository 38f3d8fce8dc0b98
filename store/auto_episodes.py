"""The turns of an episode of auto-recharge: each decision after a decline, and its recharge's end (D6 to D8).

Each function is one transaction's work under the account's lock: what it reads is what it decides by.
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from models.attempt import ChargeAttempt
from models.auto_recharge import AutoRecharge
from models.recharge import Recharge
from rules import episode_words
from rules.auto_recharge import Decided
from rules.episodes import Ended, Next, Turn
from rules.money import Money
from rules.outcomes import Outcome, State
from rules.retry_ladder import AwaitCustomer, Confirm, Decision, Drop, GiveUp, Wait
from store import attempts, auto_facts, auto_reading, auto_recharge, auto_story, notices, recharge_endings, recharges
from store.auto_facts import Terms
from store.auto_reading import Seen


async def decide(
    session: AsyncSession,
    account_id: str,
    recharge_id: str,
    *,
    state: State,
    code: str | None,
    terms: Terms,
    now: datetime,
) -> Next:
    """What comes next for the open recharge, whose payment is in ``state`` by ``code``, and is not under way."""
    recharge = await recharges.locked(session, account_id=account_id, recharge_id=recharge_id)
    if state is State.ALTERED:
        return Next(turn="give_up", reason="payment_altered")
    seen = await auto_reading.read(session, account_id)
    if seen is None or recharge.payment_intent is None or recharge.status not in recharges.OPEN:
        return Next(turn="give_up", reason=code or "payment_not_created")
    row = seen.row
    primary = await auto_recharge.primary(session, row) or row.backup_method_id or recharge.method_id
    decision = await auto_facts.decide(
        session, row, account=seen.account, total=seen.total, primary=primary, recharge=recharge, terms=terms, now=now
    )
    return await _turn(session, row, recharge, decision, now=now)


async def _turn(
    session: AsyncSession, row: AutoRecharge, recharge: Recharge, decision: Decision, *, now: datetime
) -> Next:
    """Make ``decision`` the account's story, and say it to the workflow."""
    newest = await attempts.newest(session, recharge)
    why = " ".join([*_failed(newest), decision.why])
    match decision:
        case Confirm():
            number = newest.number + 1 if newest is not None else 1
            await _stop_waiting(session, row, recharge, what="retried", why=why, now=now)
            return Next(turn="confirm", confirm=auto_facts.as_try(number, decision))
        case Wait():
            if row.next_attempt_at != decision.until:
                await auto_story.waits(
                    session, row, until=decision.until, why=why, recharge_id=recharge.id, now=now
                )  # fmt: skip
                await auto_recharge.rearm(session, row)
            return Next(turn="wait", until=decision.until, trigger=decision.trigger)
        case AwaitCustomer():
            await _stop_waiting(session, row, recharge, what="awaiting_customer", why=why, now=now)
            return Next(turn="await_customer", until=decision.until)
        case GiveUp():
            await _stop_waiting(session, row, recharge, what="declined", why=why, now=now)
            return Next(turn="give_up", reason=decision.reason)
        case Drop():
            return Next(turn="drop", reason=decision.reason)


async def finish(
    session: AsyncSession,
    account_id: str,
    recharge_id: str,
    outcome: Outcome,
    *,
    turn: Turn | None,
    reason: str | None,
    now: datetime,
) -> Ended:
    """End the recharge as the processor ended its payment, pause where that says so, and test T again (D2).

    ``turn`` is what the payment was canceled for: ``give_up`` or ``drop``; None where somebody else canceled it.
    A recharge ends in success, in a pause, or in a drop: there is no other way on, so that no decline starts another.
    """
    recharge = await recharges.locked(session, account_id=account_id, recharge_id=recharge_id)
    seen = await auto_reading.read(session, account_id)
    if seen is None:
        raise LookupError(f"no auto-recharge of {account_id}")
    row, total_micros = seen.row, seen.total.micros
    if recharge.status not in recharges.OPEN:
        return Ended(status=recharge.status, again=_due(seen, total_micros))
    status = _status(outcome, turn, reason)
    total_micros += _moves(recharge, status)
    if status == "succeeded":
        await auto_story.note(
            session, row, what="recharged", why=episode_words.RECHARGED, now=now, recharge_id=recharge.id
        )  # fmt: skip
    elif turn == "drop" or (turn == "give_up" and await _begun_anew(session, row, recharge)):
        words = episode_words.dropped(reason) if turn == "drop" else episode_words.BEGUN_ANEW
        await auto_story.note(session, row, what="dropped", why=words, now=now, recharge_id=recharge.id)
    elif row.paused_at is None:
        words = episode_words.paused(reason)
        await auto_story.pause(
            session, row, reason=reason or "canceled", why=words, recharge_id=recharge.id, now=now
        )  # fmt: skip
    await recharge_endings.conclude(session, recharge, outcome, status=status, reason=reason, now=now)
    if status == "succeeded":
        await notices.add(
            session, account_id=account_id, kind="recharge_settled", cause=recharge.id,
            facts={"recharge": recharge.id}, now=now,
        )  # fmt: skip
    return Ended(status=status, again=_due(seen, total_micros), paused=row.paused_at is not None)


async def _begun_anew(session: AsyncSession, row: AutoRecharge, recharge: Recharge) -> bool:
    """Whether the owner acted after the last decline, while it was being given up: that lifts the pause beforehand."""
    newest = await attempts.newest(session, recharge)
    last = recharge.created_at if newest is None else newest.ended_at or newest.created_at
    return row.episode_from > last


def _status(outcome: Outcome, turn: Turn | None, reason: str | None) -> str:
    """How the recharge ended; a customer who did not come in time has it canceled, as any recharge of theirs (C4)."""
    if outcome.state is State.SUCCEEDED:
        return "succeeded"
    return "failed" if turn == "give_up" and reason != "action_expired" else "canceled"


def _failed(attempt: ChargeAttempt | None) -> list[str]:
    """What the newest confirm came to, as a sentence."""
    failure = attempt.failure if attempt is not None else None
    return [str(failure["message"])] if failure else []


async def _stop_waiting(
    session: AsyncSession, row: AutoRecharge, recharge: Recharge, *, what: Decided, why: str, now: datetime
) -> None:
    """Tell the decision once; the steps that a wait watches are watched no more."""
    waited = row.next_attempt_at is not None
    row.next_attempt_at = None
    if row.why != why:
        await auto_story.note(session, row, what=what, why=why, now=now, recharge_id=recharge.id)
    if waited:
        session.add(row)
        await session.flush()
        await auto_recharge.rearm(session, row)


def _moves(recharge: Recharge, status: str) -> int:
    """By how much T changes when the open ``recharge`` ends as ``status``: in processing it counts already."""
    counted = recharge.amount_cents if recharge.status == "processing" else 0
    counts = recharge.amount_cents if status == "succeeded" else 0
    return Money.from_cents(counts).micros - Money.from_cents(counted).micros


def _due(seen: Seen, total_micros: int) -> bool:
    """Whether T, as it is now, asks for another recharge at once."""
    row = seen.row
    ready = row.enabled and row.paused_at is None and seen.account.status == "active"
    return ready and total_micros <= row.minimum_micros
