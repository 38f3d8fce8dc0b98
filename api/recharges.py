"""Recharges: made once per Idempotency-Key, followed to their end, canceled where that is still possible."""

import asyncio
from typing import Annotated

from fastapi import Depends, Query, Response
from fastapi.responses import JSONResponse

from api.access import Access, OwnAccount
from api.context import Context, InContext
from api.handing import hand_over_now, wake_its_run
from api.idempotency import Claim, Intended, Intent, idempotent
from api.recharge_shapes import NewRecharge, RechargesQuery, RechargeView, customers_link, shown, view
from api.routing import router as make_router
from api.shapes import Listing
from api.updates import update
from api.waiting import until
from models.account import Account
from models.base import JSON
from models.recharge import Recharge
from rules.access import Caller
from rules.limits import MINIMUM_RECHARGE
from rules.money import Money
from rules.problems import Problem
from store import audit, methods, recharges
from store.database import DatabaseUnavailableError

router = make_router("Recharges")
_PATH = "/v1/accounts/{account_id}/recharges"
ANSWER_SECONDS = 10.0


@router.post(_PATH, status_code=201, response_model=RechargeView)
async def create_recharge(
    body: NewRecharge,
    account: OwnAccount,
    context: InContext,
    caller: Annotated[Caller, Depends(Access("money", owner=True))],
    intent: Annotated[Intent, Depends(Intended("recharges"))],
) -> Response:
    """Take money in: 25.00 at least, whole cents.

    The answer is the final state when the processor answers within ten seconds, else ``processing``; a bank debit is
    always ``processing``, with the day on which the bank's answer is expected.
    """
    async with idempotent(context, intent) as claim:
        if claim.body is not None:
            return _first_answer(context, claim, claim.body, account_id=account.id)
        async with context.database.transaction() as session:
            row = await recharges.by_key(session, account_id=account.id, key=intent.key)
        if row is not None:
            return claim.again(await view(context, row), status=201, digest=row.request_digest)
        row, outbox_id = await _create(context, account, caller, body, intent)
        if outbox_id is None:  # another process made it between our look and our lock
            return claim.again(await view(context, row), status=201, digest=row.request_digest)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await hand_over_now(context, outbox_id)
                if row.method_kind == "card":
                    row = await _answered(context, row)
                told = await view(context, row)
                async with context.database.transaction() as session:
                    return await claim.keep(session, told, status=201, secrets=("action_url",))
        except (DatabaseUnavailableError, TimeoutError):
            # It is committed and goes on by itself: that is what the caller must hear, not that nothing happened.
            return JSONResponse(shown(context, row, []).model_dump(mode="json"), status_code=201)


@router.get(_PATH, dependencies=[Depends(Access("read", owner=True))])
async def list_recharges(
    query: Annotated[RechargesQuery, Query()], account: OwnAccount, context: InContext
) -> Listing[RechargeView]:
    """List recharges, newest first."""
    async with context.database.transaction() as session:
        found, more = await recharges.page(
            session, query.page, account_id=account.id, status=query.status, kind=query.kind
        )
    return Listing(data=[await view(context, row) for row in found], has_more=more)


@router.get(_PATH + "/{recharge_id}", dependencies=[Depends(Access("read", owner=True))])
async def get_recharge(recharge_id: str, account: OwnAccount, context: InContext) -> RechargeView:
    """Show one recharge with its timeline."""
    return await view(context, await _known(context, account, recharge_id))


@router.post(_PATH + "/{recharge_id}/cancel")
async def cancel_recharge(
    recharge_id: str,
    account: OwnAccount,
    context: InContext,
    caller: Annotated[Caller, Depends(Access("money", owner=True))],
) -> RechargeView:
    """Cancel a recharge that waits for the customer, or a bank debit that the processor has not sent off yet."""
    row = await _known(context, account, recharge_id)
    if row.status == "canceled":
        return await view(context, row)
    if row.finished_at is not None:
        raise _too_late(row.status)
    if caller.is_operator:
        async with context.database.transaction() as session:
            await audit.record(
                session, caller, "recharge.cancel_asked", now=context.now(), account_id=account.id, object_id=row.id
            )
    state = await update(
        context, workflow_id=recharges.workflow_id(row), name="cancel", argument=recharges.concerns(row)
    )
    if state == "canceled":
        row = await _ended(context, row)
    else:
        row = await _known(context, account, recharge_id)
    if state is None and row.finished_at is None:
        await wake_its_run(context, row)
        detail = "The payment has not begun yet; the same request again asks it."
        raise Problem("unavailable", detail, retry_after_seconds=5)
    if row.status != "canceled":
        raise _too_late(row.status)
    return await view(context, row)


def _first_answer(context: Context, claim: Claim, body: JSON, *, account_id: str) -> Response:
    """The first answer again; the customer's link, which is a secret, was not kept with it."""
    if body["status"] != "requires_action":
        return claim.replay()
    return claim.replay(action_url=customers_link(context, account_id=account_id, recharge_id=body["id"]))


async def _create(
    context: Context, account: Account, caller: Caller, body: NewRecharge, intent: Intent
) -> tuple[Recharge, str | None]:
    _check_amount(context, body.amount)
    now = context.now()
    async with context.database.transaction() as session:
        method = await methods.find(session, account_id=account.id, method_id=body.payment_method)
        if account.status == "closed":
            raise Problem("account_closed", "The account is closed.")
        if method is None:
            raise Problem("not_found", "The account has no such payment method.", param="payment_method")
        if isinstance(method, methods.UnusableMethod):
            detail = f"The payment method cannot be charged: {method.reason}; its status is {method.status}."
            raise Problem("payment_method_not_usable", detail, param="payment_method", reason=method.reason)
        new = recharges.NewRecharge(
            account_id=account.id,
            amount_cents=body.amount.cents,
            method_id=method.id,
            method_kind=method.kind,
            kind="manual",
            idempotency_key=intent.key,
            request_digest=intent.digest,
            return_url=str(body.return_url) if body.return_url else None,
            metadata=dict(body.metadata),
        )
        row, outbox_id = await recharges.create(session, new, now=now)
        if outbox_id is not None and caller.is_operator:
            await audit.record(
                session, caller, "recharge.created", now=now, account_id=account.id, object_id=row.id,
                details={"amount_cents": row.amount_cents},
            )  # fmt: skip
    return row, outbox_id


def _check_amount(context: Context, amount: Money) -> None:
    maximum = Money.parse(context.settings.max_recharge)
    if amount < MINIMUM_RECHARGE:
        raise Problem(
            "amount_too_small", f"A recharge is at least {MINIMUM_RECHARGE} dollars.", param="amount",
            minimum=str(MINIMUM_RECHARGE),
        )  # fmt: skip
    if amount > maximum:
        raise Problem(
            "amount_too_large", f"A recharge is at most {maximum} dollars.", param="amount", maximum=str(maximum)
        )


async def _known(context: Context, account: Account, recharge_id: str) -> Recharge:
    async with context.database.transaction() as session:
        row = await recharges.find(session, account_id=account.id, recharge_id=recharge_id)
    if row is None:
        raise Problem("not_found", "The account has no such recharge.")
    return row


async def _answered(context: Context, row: Recharge) -> Recharge:
    """The recharge once the processor has answered, or as it is after ten seconds."""
    return await until(
        context,
        channel="prepay_recharge",
        record_id=row.id,
        read=lambda session: recharges.get(session, account_id=row.account_id, recharge_id=row.id),
        done=lambda found: found.status != "processing",
    )


async def _ended(context: Context, row: Recharge) -> Recharge:
    return await until(
        context,
        channel="prepay_recharge",
        record_id=row.id,
        read=lambda session: recharges.get(session, account_id=row.account_id, recharge_id=row.id),
        done=lambda found: found.finished_at is not None,
    )


def _too_late(status: str) -> Problem:
    if status in recharges.OPEN:
        return Problem("not_cancelable", "The processor no longer lets this recharge be canceled.", status_now=status)
    return Problem("not_cancelable", f"The recharge is final: {status}.", status_now=status)
