"""Types that requests and answers share."""

import re
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from rules.money import CURRENCY, MICROS_PER_DOLLAR, Money, MoneyError

#: Of one charge, hold or adjustment: far above any honest one, and far from what the ledger can count to.
LARGEST = Money(1_000_000_000 * MICROS_PER_DOLLAR)
Item = TypeVar("Item")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Shape(BaseModel):
    """A request's body: unknown fields are refused, and nothing is converted from another JSON type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Resource(BaseModel):
    """An object in an answer."""

    livemode: bool = Field(description="Whether real money moves: the mode of the processor account")


class Listing(BaseModel, Generic[Item]):
    """One page of a list, newest first."""

    data: list[Item]
    has_more: bool = Field(description="Whether the list goes on in the direction of paging")


def _amount(value: object, *, signed: bool, positive: bool, whole_cents: bool) -> Money:
    if isinstance(value, Money):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("amount_invalid", 'must be a decimal string of dollars such as "25.00", not a number')
    try:
        amount = Money.parse(value, signed=signed)
        if whole_cents:
            _ = amount.cents
    except MoneyError as error:
        raise PydanticCustomError("amount_invalid", "{rule}", {"rule": str(error)}) from None
    if positive and amount.micros <= 0:
        raise PydanticCustomError("amount_invalid", "must be above zero")
    return amount


def _answered(value: object) -> Money:
    return _amount(value, signed=True, positive=False, whole_cents=False)


def _above_zero(value: object) -> Money:
    amount = _amount(value, signed=False, positive=True, whole_cents=False)
    if amount.micros > LARGEST.micros:
        raise PydanticCustomError("amount_too_large", "must be at most {maximum}", {"maximum": str(LARGEST)})
    return amount


def _not_negative(value: object) -> Money:
    return _amount(value, signed=False, positive=False, whole_cents=False)


def _payment(value: object) -> Money:
    return _amount(value, signed=False, positive=True, whole_cents=True)


def _change(value: object) -> Money:
    amount = _amount(value, signed=True, positive=False, whole_cents=False)
    if amount.micros == 0:
        raise PydanticCustomError("amount_invalid", "must not be zero")
    return amount


def _schema(description: str, pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "description": description, "pattern": pattern, "examples": [example]})


_AS_TEXT = PlainSerializer(str, return_type=str)
_PLACES = r"(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?$"
_CENTS = r"(0|[1-9][0-9]{0,11})(\.[0-9]{1,2}0{0,4})?$"

#: An amount in an answer.
Amount = Annotated[
    Money, PlainValidator(_answered), _AS_TEXT, _schema("Dollars, two to six places", "^-?" + _PLACES, "25.00")
]
#: An amount of usage in a request.
AmountAboveZero = Annotated[
    Money,
    PlainValidator(_above_zero),
    _AS_TEXT,
    _schema(f"Dollars above zero, up to six places, at most {LARGEST}", "^" + _PLACES, "0.0055"),
]
#: A limit in a request: zero is one.
AmountOrZero = Annotated[
    Money, PlainValidator(_not_negative), _AS_TEXT, _schema("Dollars, zero or more", "^" + _PLACES, "100.00")
]
#: An amount of a payment in a request.
PaymentAmount = Annotated[
    Money, PlainValidator(_payment), _AS_TEXT, _schema("Dollars above zero, whole cents", "^" + _CENTS, "25.00")
]
#: An amount of an adjustment in a request: the only one that may be negative.
SignedAmount = Annotated[
    Money, PlainValidator(_change), _AS_TEXT, _schema("Dollars, not zero, may be negative", "^-?" + _PLACES, "-5.00")
]


def _currency(value: object) -> object:
    if value != CURRENCY:
        raise PydanticCustomError("currency_not_supported", 'must be "usd", or left out')
    return value


Currency = Annotated[str, BeforeValidator(_currency), WithJsonSchema({"type": "string", "enum": [CURRENCY]})]


def _moment(value: object) -> object:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise PydanticCustomError("rfc3339", "must be a time of RFC 3339 such as 2026-11-24T09:30:00Z")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise PydanticCustomError("rfc3339", "is no date and time of the calendar") from None


#: A moment, in a request or an answer.
Moment = Annotated[datetime, BeforeValidator(_moment)]


def like(pattern: str, rule: str) -> AfterValidator:
    """Text that fits ``pattern`` from its first to its last character; another is refused with ``rule``, in words."""
    fits = re.compile(pattern, re.ASCII).fullmatch

    def check(text: str) -> str:
        if not fits(text):
            raise PydanticCustomError("pattern", "{rule}", {"rule": rule})
        return text

    return AfterValidator(check)


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _one_line(text: str) -> str:
    if not text.isprintable() and _CONTROL.search(text):  # hardly any text has to be looked through
        raise PydanticCustomError("line", "must be one line, without control characters")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank", "must not be blank")
    return text


def _visible_line(text: str) -> str:
    return _not_blank(_one_line(text))


#: One line of text for people.
Line = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_visible_line)]
#: The same, or nothing.
LineOrEmpty = Annotated[str, StringConstraints(max_length=200), AfterValidator(_one_line)]
#: One line of a description.
OneLine = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_one_line)]
#: An identifier of the integrator's own.
Reference = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_visible_line)]
#: What usage calls its sender: a number, a short code, a name.
SenderId = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_visible_line)]


def _all_different(texts: list[str]) -> list[str]:
    if len(set(texts)) != len(texts):
        raise PydanticCustomError("duplicates", "must not name anything twice")
    return texts


#: The senders that usage may name.
SenderIds = Annotated[
    list[SenderId],
    Field(max_length=1000, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_all_different),
]
#: Why something is done, for the audit log.
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_not_blank)]
MetadataKey = Annotated[str, StringConstraints(min_length=1, max_length=40)]
MetadataValue = Annotated[str, StringConstraints(max_length=500)]
METADATA_KEYS = 50
#: Key-value pairs of the integrator's own.
Metadata = Annotated[
    dict[MetadataKey, MetadataValue], Field(max_length=METADATA_KEYS, description="Up to 50 pairs of your own")
]
