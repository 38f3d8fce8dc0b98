"""Usage in batches: up to 10,000 charges of many accounts, each with its own answer, an account's in order."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, cast

from fastapi import Depends
from fastapi.responses import Response
from pydantic import BaseModel, Field, SkipValidation, TypeAdapter, ValidationError
from pydantic_core import to_json

from api.charging import Usage, judge_many, post_many
from api.context import InContext
from api.lean import LeanBatchRoute
from api.outages import outages_answered
from api.problems import field_problem
from api.routing import router as make_router
from api.shapes import Resource, Shape
from api.spending_access import SpendingAccess
from api.usage import NewUsage, asked
from ledger.charge import Charged
from rules.access import Caller
from rules.problems import Problem

router = make_router("Usage", route_class=LeanBatchRoute)
MOST = 10_000
PIECE = 1_000
SLICE = 100
#: A charge that may be posted, or the result of one that is malformed.
Item = Usage | dict[str, Any]


class NewBatchUsage(NewUsage):
    """One charge of a batch."""

    account: str = Field(max_length=20, description="The main account that pays")


_SEVERAL = TypeAdapter(list[NewBatchUsage])


class UsageBatch(Shape):
    """Charges in the order in which they are decided. Each is checked by itself: a malformed one fails alone."""

    charges: list[SkipValidation[NewBatchUsage]] = Field(min_length=1, max_length=MOST)


class UsageResult(BaseModel):
    """What became of one charge."""

    reference: str | None = Field(description="As it was given, if it was a text")
    status: Literal["posted", "replayed", "refused", "invalid"]
    code: str | None = Field(description="Why it was refused or is invalid")
    param: str | None = Field(description="The field that breaks a rule")
    detail: str | None
    transaction: str | None = Field(description="The transaction, also of a charge that was posted before")


class UsageResults(Resource):
    """An answer for each charge, in order."""

    results: list[UsageResult]


@router.post("/v1/usage/batch", response_model=UsageResults)
async def charge_usage_batch(
    body: UsageBatch, context: InContext, caller: Annotated[Caller, Depends(SpendingAccess("usage"))]
) -> Response:
    """Charge many at once. Each charge succeeds or fails by itself; sent again, nothing is charged twice.

    A result with the code ``unavailable`` or ``internal_error`` says that its outcome is unknown: send it again.
    """
    shown: list[bytes] = []
    before: list[Item] = []
    posting: asyncio.Task[list[Charged | Problem]] | None = None
    with outages_answered():
        for piece in _pieces(body.charges):
            items = await _read(piece, caller)
            judged = await judge_many(context, [item for item in items if isinstance(item, Usage)])
            answers = [] if posting is None else await posting
            posting = asyncio.create_task(post_many(context, judged))
            # While the database posts this piece, the one before is answered and the next one read and judged.
            await asyncio.sleep(0)
            shown.append(_shown(before, answers))
            before = items
        answers = [] if posting is None else await posting
    shown.append(_shown(before, answers))
    livemode, results = to_json(context.livemode), b",".join(filter(None, shown))
    return Response(b'{"livemode":%b,"results":[%b]}' % (livemode, results), media_type="application/json")


def _pieces(charges: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """A small one first, so that the database has something to do soon."""
    yield charges[:SLICE]
    for start in range(SLICE, len(charges), PIECE):
        yield charges[start : start + PIECE]


async def _read(charges: Sequence[object], caller: Caller) -> list[Item]:
    """Each charge, or what is wrong with it; others are served meanwhile."""
    items: list[Item] = []
    for start in range(0, len(charges), SLICE):
        await asyncio.sleep(0)
        several = charges[start : start + SLICE]
        try:
            found = _SEVERAL.validate_python(several)
        except ValidationError:  # one of them is malformed, or some
            items += [_read_one(fields, caller) for fields in several]
        else:
            items += [asked(charge, account_id=charge.account, caller=caller) for charge in found]
    return items


def _read_one(fields: object, caller: Caller) -> Item:
    try:
        charge = NewBatchUsage.model_validate(fields)
    except ValidationError as error:
        return _invalid(fields, error)
    return asked(charge, account_id=charge.account, caller=caller)


def _shown(items: Sequence[Item], answers: Sequence[Charged | Problem]) -> bytes:
    """The results of a piece as JSON, without the brackets of their list."""
    left = iter(answers)
    return to_json([_result(item, next(left)) if isinstance(item, Usage) else item for item in items])[1:-1]


def _result(usage: Usage, answer: Charged | Problem) -> dict[str, Any]:
    if isinstance(answer, Charged):
        return {
            "reference": usage.reference,
            "status": answer.outcome,
            "code": None,
            "param": None,
            "detail": None,
            "transaction": answer.transaction_id,
        }
    return {
        "reference": usage.reference,
        "status": "refused",
        "code": answer.code,
        "param": answer.param,
        "detail": answer.detail,
        "transaction": answer.extra.get("transaction"),
    }


def _invalid(fields: object, error: ValidationError) -> dict[str, Any]:
    problem = field_problem({**error.errors(include_url=False, include_input=False)[0]})
    reference = cast("dict[str, object]", fields).get("reference") if isinstance(fields, dict) else None
    return {
        "reference": reference if isinstance(reference, str) else None,
        "status": "invalid",
        "code": problem.code,
        "param": problem.param,
        "detail": problem.message,
        "transaction": None,
    }
