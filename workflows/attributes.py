"""Search attributes: what operators filter by in the Temporal UI (I2). Ids, amounts, dates and enumerations alone."""

from datetime import UTC, date, datetime, time
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

ACCOUNT = SearchAttributeKey.for_keyword("PrepayAccount")
KIND = SearchAttributeKey.for_keyword("PrepayKind")
STATE = SearchAttributeKey.for_keyword("PrepayState")
AMOUNT = SearchAttributeKey.for_int("PrepayAmount")  # cents
EXPECTED_ON = SearchAttributeKey.for_datetime("PrepayExpectedOn")  # midnight UTC of a banking date


def midnight(day: date) -> datetime:
    """The moment that stands for ``day`` in PrepayExpectedOn."""
    return datetime.combine(day, time(), tzinfo=UTC)


def initial(
    *, account_id: str, kind: str, state: str, amount_cents: int | None = None, expected_on: date | None = None
) -> TypedSearchAttributes:
    """What a workflow is started with; at the start they cost nothing."""
    pairs: list[SearchAttributePair[str] | SearchAttributePair[int] | SearchAttributePair[datetime]] = [
        SearchAttributePair(ACCOUNT, account_id),
        SearchAttributePair(KIND, kind),
        SearchAttributePair(STATE, state),
    ]
    if amount_cents is not None:
        pairs.append(SearchAttributePair(AMOUNT, amount_cents))
    if expected_on is not None:
        pairs.append(SearchAttributePair(EXPECTED_ON, midnight(expected_on)))
    return TypedSearchAttributes(pairs)


def show(*, state: str, expected_on: date | None = None, amount_cents: int | None = None) -> None:
    """Upsert the running workflow's state, with its expected date and amount where given: one event, one action."""
    updates: list[Any] = [STATE.value_set(state)]
    if expected_on is not None:
        updates.append(EXPECTED_ON.value_set(midnight(expected_on)))
    if amount_cents is not None:
        updates.append(AMOUNT.value_set(amount_cents))
    workflow.upsert_search_attributes(updates)  # pyright: ignore[reportUnknownMemberType]
