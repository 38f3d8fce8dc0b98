"""Bank accounts as the door takes and shows them."""

import ipaddress
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.cards import Token
from api.paging import ListQuery
from api.shapes import Moment, Resource, Shape, like
from models.bank_account import BankAccount
from models.mandate import Mandate
from rules import mandate_text
from rules.bank_verification import Status, attempts_left

BankStatus = Literal["verification_pending", "verified", "verification_failed", "expired", "blocked", "removed"]
MicrodepositType = Literal["descriptor_code", "amounts"]
_PRINTABLE = r"^[\x20-\x7e]*[\x21-\x7e][\x20-\x7e]*$"
_ONE_LINE = "must be one line of plain characters (printable ASCII), not blank"


def _ip_address(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        address = None
    if address is None or getattr(address, "scope_id", None):
        raise PydanticCustomError("ip_address", "must be an IPv4 or IPv6 address")
    return str(address)


def _text_version(version: str) -> str:
    if version not in mandate_text.VERSIONS:
        known = ", ".join(sorted(mandate_text.VERSIONS))
        raise PydanticCustomError("text_version", "must be a version of the mandate text: {known}", {"known": known})
    return version


class MandateGiven(Shape):
    """The customer's acceptance of the mandate: it is kept as proof for two years after the mandate ended."""

    accepted_at: Moment = Field(description="When the customer accepted: within the last 24 hours")
    ip_address: Annotated[str, StringConstraints(max_length=45), AfterValidator(_ip_address)] = Field(
        description="Where the customer accepted from", examples=["203.0.113.7"]
    )
    user_agent: Annotated[str, StringConstraints(max_length=500), like(_PRINTABLE, _ONE_LINE)] = Field(
        description="The customer's browser or app", examples=["Mozilla/5.0"],
        json_schema_extra={"pattern": _PRINTABLE},
    )  # fmt: skip
    text_version: Annotated[str, StringConstraints(max_length=40), AfterValidator(_text_version)] = Field(
        description="Which text was shown", examples=[mandate_text.CURRENT]
    )


class NewBankAccount(Shape):
    """A US bank account to be added."""

    payment_method: Token = Field(
        description="The processor's token of the bank account", examples=["pm_usBankAccount_success"]
    )
    mandate: MandateGiven


class Entered(Shape):
    """What the customer read off the bank statement."""

    code: Annotated[str, StringConstraints(max_length=100)] | None = Field(
        default=None, description="The 6-character code; SM may be left out", examples=["SM11AA"]
    )
    amounts: Annotated[list[int], Field(max_length=10)] | None = Field(
        default=None,
        description="The two amounts in cents, where `microdeposit_type` is `amounts`",
        examples=[[32, 45]],
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> "Entered":
        if self.code is not None and self.amounts is not None:
            raise PydanticCustomError("one_of_them", "code and amounts exclude each other")
        return self


class MandateView(BaseModel):
    """The authorisation of debits."""

    accepted_at: Moment
    text_version: str
    status: Literal["pending", "active", "inactive"]


class BankFailureView(BaseModel):
    """Why the verification failed."""

    code: str
    message: str


class BankAccountView(Resource):
    """A bank account."""

    id: str
    payment_method: str | None = Field(description="The processor's id of the bank account")
    bank_name: str | None
    last4: str | None
    status: BankStatus
    status_reason: str | None = Field(description="Why it is blocked, failed or removed")
    microdeposit_type: MicrodepositType | None = Field(description="What is to be entered; null: not sent yet")
    attempts_left: int = Field(description="Wrong entries that are still allowed")
    deposit_expected_on: date | None
    expires_at: Moment | None = Field(description="Until when it can be verified; null once that is over")
    verified_at: Moment | None
    mandate: MandateView
    failure: BankFailureView | None
    created_at: Moment


class BankAccountsQuery(ListQuery):
    """Filters of bank accounts."""

    status: BankStatus | None = None


def view(bank: BankAccount, mandate: Mandate, *, livemode: bool) -> BankAccountView:
    """The record as it is shown: no token that could be used again, no number."""
    fields: dict[str, Any] = bank.model_dump()
    fields["expires_at"] = bank.expires_at if bank.status == Status.PENDING else None
    fields["mandate"] = MandateView.model_validate(mandate, from_attributes=True)
    fields["attempts_left"] = attempts_left(
        status=bank.status, allowed=bank.attempts_allowed, failed=bank.attempts_failed
    )
    shown = {name: fields[name] for name in BankAccountView.model_fields if name in fields}
    return BankAccountView(**shown, livemode=livemode)
