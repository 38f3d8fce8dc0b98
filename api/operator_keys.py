"""Operators' keys: made, listed and revoked by operators of scope admin (requirement I6)."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import Field

from api.access import Access
from api.context import InContext
from api.paging import ListQuery
from api.routing import router as make_router
from api.shapes import Line, Listing, Moment, Resource, Shape
from models.operator import OperatorKey
from rules.access import Caller, Scope
from rules.problems import Problem
from store import audit, operators

router = make_router("Operator keys")
LONGEST_LIFE_DAYS = 3650


class NewOperatorKey(Shape):
    """A key to be made."""

    name: Line = Field(description="Who or what uses it; two keys of one name may be valid at a time")
    scope: Scope = Field(description="Each includes those before it: read, usage, money, admin")
    expires_in_days: int | None = Field(default=None, ge=1, le=LONGEST_LIFE_DAYS)


class OperatorKeyView(Resource):
    """An operator's key, without its secret."""

    id: str
    name: str
    scope: Scope
    created_at: Moment
    expires_at: Moment | None
    revoked_at: Moment | None


class OperatorKeyWithSecret(OperatorKeyView):
    """A new key with its secret, which is not shown again."""

    key: str = Field(description="To be sent as `Authorization: Bearer op_…`")


def _fields(key: OperatorKey, *, livemode: bool) -> dict[str, Any]:
    return key.model_dump(exclude={"digest"}) | {"livemode": livemode}


@router.post("/v1/operator_keys", status_code=201)
async def create_operator_key(
    body: NewOperatorKey, context: InContext, caller: Annotated[Caller, Depends(Access("admin"))]
) -> OperatorKeyWithSecret:
    """Make a key; it is shown this once. When two of its name are valid already, the oldest is revoked at once."""
    now = context.now()
    expires_at = None if body.expires_in_days is None else now + timedelta(days=body.expires_in_days)
    async with context.database.transaction() as session:
        key, secret = await operators.create_operator_key(
            session, name=body.name, scope=body.scope, expires_at=expires_at, pepper=context.pepper, now=now
        )
        details = {"name": key.name, "scope": key.scope}
        await audit.record(session, caller, "operator_key.created", now=now, object_id=key.id, details=details)
    return OperatorKeyWithSecret(**_fields(key, livemode=context.livemode), key=secret)


@router.get("/v1/operator_keys", dependencies=[Depends(Access("admin"))])
async def list_operator_keys(query: Annotated[ListQuery, Query()], context: InContext) -> Listing[OperatorKeyView]:
    """List keys, newest first, with those that expired or were revoked."""
    async with context.database.transaction() as session:
        found, more = await operators.page(session, query.page)
    return Listing(data=[OperatorKeyView(**_fields(key, livemode=context.livemode)) for key in found], has_more=more)


@router.delete("/v1/operator_keys/{key_id}")
async def revoke_operator_key(
    key_id: str, context: InContext, caller: Annotated[Caller, Depends(Access("admin"))]
) -> OperatorKeyView:
    """Revoke a key at once. Revoking it again changes nothing."""
    now = context.now()
    async with context.database.transaction() as session:
        key = await operators.revoke(session, key_id, now=now)
        if key is None:
            raise Problem("not_found", "There is no such operator key.")
        if key.revoked_at == now:
            details = {"name": key.name, "scope": key.scope}
            await audit.record(session, caller, "operator_key.revoked", now=now, object_id=key.id, details=details)
    return OperatorKeyView(**_fields(key, livemode=context.livemode))
