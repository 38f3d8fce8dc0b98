"""Charges from the door to the book: judged by facts in memory, posted in groups, judged again when those are stale."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from api.context import Context
from api.outages import as_problem
from ledger.charge import CONFLICT, POSTED, REPLAYED, STALE, Charge, Charged
from ledger.funds import Funds
from rules.chart import Kind
from rules.money import Money
from rules.months import month_of
from rules.problems import Problem
from rules.spending import Spender, refusal
from store.hold_expiry import accounts_due_among, expire_due
from store.holds import EXHAUSTED
from store.spenders import Known

log = structlog.get_logger("api")
TRIES = 3
_DETAILS = {
    "account_closed": "The account is closed.",
    "account_suspended": "The account is suspended.",
    "subaccount_deleted": "The subaccount is deleted.",
    "subaccount_disabled": "The subaccount is disabled.",
    "sender_not_allowed": "This sender is not on the list.",
    "settled_too_late": "It ended more than 30 days ago: settled usage is no longer taken.",
    "budget_exhausted": "The subaccount's budget for this month does not allow this amount.",
    "balance_exhausted": "The amount is more than what is available.",
}
_PARAMS = {"sender_not_allowed": "sender_id", "settled_too_late": "settled"}


@dataclass(slots=True, kw_only=True)
class Usage:
    """A charge that is asked for, well-formed and by somebody who may ask."""

    account_id: str
    subaccount_id: str | None
    reference: str
    amount: Money
    kind: Kind = Kind.USAGE
    description: str | None = None
    sender_id: str | None = None
    settled: bool = False


async def post_one(context: Context, usage: Usage, *, admit: Callable[[], Awaitable[None]]) -> Charged:
    """Post one charge with whatever else has come. Raises Problem for a refusal, and when the outcome is unknown.

    ``admit`` looks at the caller again when the facts have changed: its credentials may be among them.
    """
    answer = await _post_one(context, usage, admit=admit)
    if answer.outcome in EXHAUSTED and await free_expired(context, {usage.account_id: answer.seq}):
        answer = await _post_one(context, usage, admit=admit)
    if (problem := refused(answer)) is not None:
        raise problem
    return answer


@dataclass(slots=True)
class Judged:
    """Charges as their spenders' facts judge them, ready for the book: more of a batch is judged while it posts."""

    wanted: Sequence[Usage]
    places: list[int]
    """Where in ``wanted`` each of ``charges`` stands."""
    charges: list[Charge]
    unknown: list[int]
    """Where those stand of which there is no account or subaccount."""


async def judge_many(context: Context, wanted: Sequence[Usage], places: Sequence[int] | None = None) -> Judged:
    """Judge all of ``wanted``, or those at ``places``, by what is known of their spenders now."""
    asked = range(len(wanted)) if places is None else places
    known = await context.spenders.many((wanted[place].account_id, wanted[place].subaccount_id) for place in asked)
    epochs = _oldest(known.values())
    now = context.now()
    judged = Judged(wanted, [], [], [])
    for place in asked:
        usage = wanted[place]
        spender = known.get((usage.account_id, usage.subaccount_id))
        if spender is None:
            judged.unknown.append(place)
        else:
            judged.charges.append(_judged(usage, spender.spender, epoch=epochs[usage.account_id], now=now))
            judged.places.append(place)
    return judged


async def post_many(context: Context, judged: Judged) -> list[Charged | Problem]:
    """Post many, an account's in the order given; each has its own answer."""
    wanted = judged.wanted
    answers = await _post_many(context, judged)
    short: list[tuple[int, Charged]] = []
    expected: dict[str, int] = {}
    for place, answer in enumerate(answers):
        if isinstance(answer, Problem):
            continue
        if answer.outcome in EXHAUSTED:
            short.append((place, answer))
            expected.setdefault(answer.account_id, answer.seq)
        elif answer.outcome == POSTED and answer.account_id in expected:
            expected[answer.account_id] += 1
    freed = await free_expired(context, expected)
    again = [place for place, answer in short if answer.account_id in freed]
    if again:
        anew = await judge_many(context, [wanted[place] for place in again])
        for place, answer in zip(again, await _post_many(context, anew), strict=True):
            answers[place] = answer
    return [answer if isinstance(answer, Problem) else refused(answer) or answer for answer in answers]


async def free_expired(context: Context, refused: Mapping[str, int]) -> set[str]:
    """Free what expired holds still keep of accounts that were refused something, so that nobody waits for the sweep.

    ``refused``: the seq of each account's latest posting, by what its caller knows. Returns the accounts that must be
    asked again, because more was posted since: what was freed here, or by others just before.
    """
    funds = await _funds(context, refused)
    holding = {account_id for account_id, left in funds.items() if left.held_micros}
    if holding:  # hardly ever: a refusal costs no transaction
        await _expire(context, holding)
        funds = await _funds(context, refused)
    return {account_id for account_id, seq in refused.items() if funds[account_id].seq != seq}


async def _funds(context: Context, account_ids: Collection[str]) -> dict[str, Funds]:
    found = await context.funds.many([(account_id, None) for account_id in account_ids])
    return dict(zip(account_ids, found, strict=True))


async def _expire(context: Context, account_ids: set[str]) -> None:
    now = context.now()
    async with context.database.transaction() as session:
        due = await accounts_due_among(session, account_ids, now=now)
    for account_id in due:
        async with context.database.transaction() as session:
            while await expire_due(session, account_id=account_id, now=now):
                continue


async def _post_many(context: Context, judged: Judged) -> list[Charged | Problem]:
    """The answer to each; a refusal as it came from the book."""
    wanted = judged.wanted
    answers: list[Charged | Problem | None] = [None] * len(wanted)
    for _ in range(TRIES):
        for place in judged.unknown:
            answers[place] = unknown(wanted[place])
        posted = await context.group_commit.charge_batch(judged.charges)
        stale: list[int] = []
        for place, answer in zip(judged.places, posted, strict=True):
            if isinstance(answer, BaseException):
                answers[place] = as_problem(answer) or _internal(wanted[place], answer)
            elif answer.outcome == STALE:
                context.spenders.forget(wanted[place].account_id, wanted[place].subaccount_id)
                stale.append(place)
            else:
                answers[place] = answer
        if not stale:
            break
        judged = await judge_many(context, wanted, stale)
    return [_busy() if answer is None else answer for answer in answers]


def unknown(usage: Usage) -> Problem:
    """404: there is no such account, or no such subaccount of it."""
    if usage.subaccount_id is not None:
        return Problem("not_found", "There is no such subaccount of this account.", param="subaccount")
    return Problem("not_found", "There is no such account.", param="account")


def refused(answer: Charged) -> Problem | None:
    """The Problem that an outcome is; None for what is posted, now or before."""
    if answer.outcome in {POSTED, REPLAYED}:
        return None
    if answer.outcome == CONFLICT:
        detail = "This reference was used for other content."
        return Problem("reference_reused", detail, param="reference", transaction=answer.transaction_id)
    return refusal_of(answer.outcome, available=Money(answer.spendable_after))


def refusal_of(code: str, *, available: Money) -> Problem:
    """The Problem that says why nothing was charged or held."""
    extra: dict[str, Any] = {"available": str(available)} if code == "balance_exhausted" else {}
    return Problem(code, _DETAILS[code], param=_PARAMS.get(code), **extra)


async def _post_one(context: Context, usage: Usage, *, admit: Callable[[], Awaitable[None]]) -> Charged:
    for _ in range(TRIES):
        known = await context.spenders.known(usage.account_id, usage.subaccount_id)
        if known is None:
            raise unknown(usage)
        charge = _judged(usage, known.spender, epoch=known.spender.epoch, now=context.now())
        answer = await context.group_commit.charge(charge)
        if answer.outcome != STALE:
            return answer
        context.spenders.forget(usage.account_id, usage.subaccount_id)
        context.spenders.forget(usage.account_id)
        await admit()
    raise _busy()


def _oldest(known: Iterable[Known]) -> dict[str, int]:
    """Each account's oldest epoch: all of its charges are stale, or none is, so that their order is kept."""
    epochs: dict[str, int] = {}
    for each in known:
        spender = each.spender
        epoch = epochs.get(spender.account_id)
        if epoch is None or spender.epoch < epoch:
            epochs[spender.account_id] = spender.epoch
    return epochs


def _judged(usage: Usage, spender: Spender, *, epoch: int, now: datetime) -> Charge:
    terms = spender.subaccount
    return Charge(
        account_id=usage.account_id,
        reference=usage.reference,
        amount_micros=usage.amount.micros,
        kind=usage.kind,
        settled=usage.settled,
        subaccount_id=usage.subaccount_id,
        sender_id=usage.sender_id,
        description=usage.description,
        epoch=epoch,
        refusal=refusal(spender, sender_id=usage.sender_id, settled=usage.settled, now=now),
        budget_month=None if terms is None else month_of(now, spender.timezone),
        has_budget=terms is not None and terms.has_budget,
    )


def _busy() -> Problem:
    detail = "The account is being changed all the time. Send the same request again."
    return Problem("unavailable", detail, retry_after_seconds=1)


def _internal(usage: Usage, error: BaseException) -> Problem:
    log.error("charge_failed", account_id=usage.account_id, exc_info=error)
    return Problem("internal_error", "Its outcome is unknown. Send the same charge again.")
