"""One numbered confirm of a recharge's PaymentIntent."""

from sqlmodel import Field

from models.base import JSON, Record, json_or_null


class ChargeAttempt(Record, table=True):
    """One numbered confirm of the recharge's PaymentIntent; the row is written before the call."""

    __tablename__ = "charge_attempt"  # pyright: ignore[reportAssignmentType]

    account_id: str = Field(primary_key=True)
    recharge_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    method_id: str
    off_session: bool
    outcome: str | None = None
    charge: str | None = None
    """The intent's latest charge after this confirm: what a retry compares with to see that the confirm already ran."""
    failure: JSON | None = json_or_null()
