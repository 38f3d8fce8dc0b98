"""What is asked of the settings of auto-recharge before they are kept."""

from sqlalchemy.ext.asyncio import AsyncSession

from api.auto_recharge_shapes import NewAutoRecharge
from rules.limits import MINIMUM_RECHARGE
from rules.mandate_text import largest_cents
from rules.money import Money
from rules.problems import Problem
from store import auto_recharge, mandates, methods
from store.auto_recharge import Settings
from store.methods import ChargeableMethod, UnusableMethod


async def checked(
    session: AsyncSession, body: NewAutoRecharge, *, account_id: str, max_recharge: Money
) -> Settings | None:
    """The settings that ``body`` makes of the locked account's; None: switched off where nothing was ever chosen.

    Raises Problem.
    """
    if not body.enabled and body.model_fields_set == {"enabled"}:
        return await auto_recharge.switched_off(session, account_id)
    if body.minimum is None or body.amount is None:
        missing = "minimum" if body.minimum is None else "amount"
        raise Problem("invalid_field", f"{missing} is required: both minimum and amount are chosen.", param=missing)
    _check_amounts(body.minimum, body.amount, max_recharge=max_recharge)
    limits = {name: getattr(body.limits, name) for name in type(body.limits).model_fields}
    for name, limit in limits.items():
        if limit is not None and limit < body.amount:
            raise Problem(
                "amount_too_small", f"limits.{name} is below the amount: nothing could ever be recharged.",
                param=f"limits.{name}", minimum=str(body.amount),
            )  # fmt: skip
    await _check_methods(session, body, amount=body.amount, account_id=account_id)
    cents = {f"{name}_cents": None if limit is None else limit.cents for name, limit in limits.items()}
    return Settings(
        enabled=body.enabled,
        minimum_micros=body.minimum.micros,
        amount_cents=body.amount.cents,
        method_id=body.payment_method,
        backup_method_id=body.backup_payment_method,
        **cents,
    )


def _check_amounts(minimum: Money, amount: Money, *, max_recharge: Money) -> None:
    if amount < MINIMUM_RECHARGE:
        raise Problem(
            "amount_too_small", f"A recharge is at least {MINIMUM_RECHARGE} dollars.", param="amount",
            minimum=str(MINIMUM_RECHARGE),
        )  # fmt: skip
    for name, given in (("amount", amount), ("minimum", minimum)):
        if given > max_recharge:
            raise Problem(
                "amount_too_large", f"{name} is at most {max_recharge} dollars, the most that one recharge may be.",
                param=name, maximum=str(max_recharge),
            )  # fmt: skip


async def _check_methods(session: AsyncSession, body: NewAutoRecharge, *, amount: Money, account_id: str) -> None:
    """Methods are the account's, and can be charged while auto-recharge is on; primary and back-up are two."""
    primary = body.payment_method or await auto_recharge.default_card(session, account_id)
    if primary is None and body.enabled:
        raise Problem(
            "payment_method_not_usable", "There is no default card: add a card, or name a payment method.",
            param="payment_method", reason="no_default_card",
        )  # fmt: skip
    if primary is not None and primary == body.backup_payment_method:
        raise Problem(
            "backup_is_primary", "The back-up is the method that is charged first.", param="backup_payment_method"
        )
    for param, method_id in (("payment_method", primary), ("backup_payment_method", body.backup_payment_method)):
        if method_id is None:
            continue
        method = await methods.find(session, account_id=account_id, method_id=method_id)
        if method is None:
            raise Problem("not_found", "The account has no such payment method.", param=param)
        if isinstance(method, UnusableMethod) and body.enabled:
            detail = f"The payment method cannot be charged: {method.reason}; its status is {method.status}."
            raise Problem("payment_method_not_usable", detail, param=param, reason=method.reason)
        if isinstance(method, ChargeableMethod) and method.kind == "bank":
            await _check_mandate(session, method, amount=amount, account_id=account_id)


async def _check_mandate(session: AsyncSession, method: ChargeableMethod, *, amount: Money, account_id: str) -> None:
    found = await mandates.of_banks(session, account_id, [method.id])
    most = Money.from_cents(largest_cents(found[method.id].amount_rule))
    if amount > most:
        raise Problem(
            "amount_too_large", f"The customer has authorized debits of at most {most} dollars.", param="amount",
            maximum=str(most),
        )  # fmt: skip
