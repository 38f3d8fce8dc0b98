"""How auto-recharge is chosen and shown."""

from typing import Literal

from pydantic import BaseModel, Field

from api.recharge_shapes import MethodId
from api.shapes import Amount, AmountOrZero, Moment, PaymentAmount, Resource, Shape
from rules.auto_recharge import Decided, State


class NewLimits(Shape):
    """The most that may be recharged in a calendar day, week and month of the account's zone; null: no limit."""

    daily: PaymentAmount | None = None
    weekly: PaymentAmount | None = Field(default=None, description="Weeks begin on Monday")
    monthly: PaymentAmount | None = None


class NewAutoRecharge(Shape):
    """The settings as a whole. To switch off, ``{"enabled": false}`` alone will do: the rest stays as it was."""

    enabled: bool = True
    minimum: AmountOrZero | None = Field(
        default=None, description="A balance at or below it is recharged; money on its way counts"
    )
    amount: PaymentAmount | None = Field(
        default=None, description="At least 25.00, at most `max_recharge`; a multiple of it where one is not enough"
    )
    payment_method: MethodId | None = Field(
        default=None, description="A card or a verified bank account; null: the default card, whichever that is"
    )
    backup_payment_method: MethodId | None = Field(
        default=None, description="Charged once, where the first has been declined for good; another one than the first"
    )
    limits: NewLimits = Field(default_factory=NewLimits)


class LimitsView(BaseModel):
    """An amount for each limit; null: none is set."""

    daily: Amount | None
    weekly: Amount | None
    monthly: Amount | None


class UsedView(BaseModel):
    """Recharges of the present day, week and month that count: manual and automatic ones, not failed, not canceled."""

    daily: Amount
    weekly: Amount
    monthly: Amount


class RecommendedView(BaseModel):
    """What usage so far recommends; null without usage."""

    minimum: Amount | None
    amount: Amount | None
    why: str


class DecisionView(BaseModel):
    """One decision, and why."""

    at: Moment
    what: Decided
    why: str
    recharge: str | None


class AutoRechargeView(Resource):
    """An account's auto-recharge."""

    account: str
    currency: str
    enabled: bool
    minimum: Amount | None
    amount: Amount | None
    payment_method: str | None = Field(description="Null: the default card, whichever that is")
    effective_payment_method: str | None = Field(description="What is charged first now; null: there is none")
    backup_payment_method: str | None
    limits: LimitsView
    used: UsedView
    state: State = Field(
        description="`retrying`: declined, and tried again at `next_attempt_at`; `limited`: the balance is at or below"
        " the minimum and a limit stands in the way; `paused`: the owner has to act"
    )
    why: str
    total: Amount = Field(description="The balance that the minimum is compared with: available and what is on its way")
    recharge: str | None = Field(description="The automatic recharge that is in flight")
    next_attempt_at: Moment | None
    limited_by: Literal["daily", "weekly", "monthly"] | None
    limited_until: Moment | None = Field(description="When that limit's next window opens")
    paused_at: Moment | None
    paused_reason: str | None
    recommended: RecommendedView
    decisions: list[DecisionView] = Field(description="The latest 20, newest first")
