"""Usage in batches: up to 10,000 charges of many accounts, each with its own answer, an account's in order."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast

from fastapi import Depends
from fastapi.responses import Response
from pydantic import BaseModel, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import to_json

from api.charging import Usage, post_many
from api.context import InContext
from api.lean import LeanBatchRoute
from api.outages import outages_answered
from api.problems import FieldProblem, field_problem
from api.routing import router as make_router
from api.shapes import Resource, Shape
from api.spending_access import SpendingAccess
from api.usage import NewUsage, asked
from ledger.charging import Charged
from rules.access import Caller
from rules.problems import Problem

router = make_router("Usage", route_class=LeanBatchRoute)
MOST = 10_000


class NewBatchUsage(NewUsage):
    """One charge of a batch."""

    account: str = Field(max_length=20, description="The main account that pays")


@dataclass(frozen=True, slots=True)
class Malformed:
    """An item that is no charge, and why."""

    reference: str | None
    problem: FieldProblem


def _by_itself(value: object, validate: ValidatorFunctionWrapHandler) -> object:
    """A malformed charge fails alone."""
    try:
        return validate(value)
    except ValidationError as error:
        reference = cast("dict[str, object]", value).get("reference") if isinstance(value, dict) else None
        first = error.errors(include_url=False, include_input=False)[0]
        return Malformed(reference if isinstance(reference, str) else None, field_problem({**first}))


class UsageBatch(Shape):
    """Charges in the order in which they are decided."""

    charges: list[Annotated[NewBatchUsage, WrapValidator(_by_itself)]] = Field(min_length=1, max_length=MOST)


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
    results: list[dict[str, Any]] = []
    wanted: list[Usage] = []
    places: list[int] = []
    for place, charge in enumerate(cast("list[NewBatchUsage | Malformed]", body.charges)):
        if isinstance(charge, Malformed):
            results.append(_invalid(charge))
            continue
        wanted.append(asked(charge, account_id=charge.account, caller=caller))
        places.append(place)
        results.append({"reference": charge.reference})
    with outages_answered():
        answers = await post_many(context, wanted)
    for place, answer in zip(places, answers, strict=True):
        results[place] |= _result(answer)
    return Response(to_json({"livemode": context.livemode, "results": results}), media_type="application/json")


def _result(answer: Charged | Problem) -> dict[str, Any]:
    if isinstance(answer, Charged):
        return {
            "status": answer.outcome,
            "code": None,
            "param": None,
            "detail": None,
            "transaction": answer.transaction_id,
        }
    return {
        "status": "refused",
        "code": answer.code,
        "param": answer.param,
        "detail": answer.detail,
        "transaction": answer.extra.get("transaction"),
    }


def _invalid(charge: Malformed) -> dict[str, Any]:
    return {
        "reference": charge.reference,
        "status": "invalid",
        "code": charge.problem.code,
        "param": charge.problem.param,
        "detail": charge.problem.message,
        "transaction": None,
    }
