"""The audit log: every act of operators, and what accounts did to their credentials."""

from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from api.access import Access
from api.context import InContext
from api.paging import ListQuery
from api.routing import router as make_router
from api.shapes import Listing, Moment, Resource
from models.audit import AuditEntry
from rules.access import parse_actor
from store import audit

router = make_router("Audit")


class AuditQuery(ListQuery):
    """Filters of the audit log."""

    kind: str | None = Field(default=None, max_length=64, description="Only this action, such as account.suspended")
    account: str | None = Field(default=None, max_length=64, description="Only acts on this account")


class Actor(BaseModel):
    """Who did it: an operator by the id and name of the key, or an account."""

    kind: str
    id: str
    name: str


class AuditView(Resource):
    """One act. Entries are never changed or deleted."""

    id: str
    at: Moment
    actor: Actor
    action: str
    account: str | None
    object_id: str | None
    request_id: str | None
    details: dict[str, Any]


@router.get("/v1/audit", dependencies=[Depends(Access("admin"))])
async def list_audit(query: Annotated[AuditQuery, Query()], context: InContext) -> Listing[AuditView]:
    """List acts, newest first."""
    async with context.database.transaction() as session:
        found, more = await audit.page(session, query.page, action=query.kind, account_id=query.account)
    return Listing(data=[_shown(entry, livemode=context.livemode) for entry in found], has_more=more)


def _shown(entry: AuditEntry, *, livemode: bool) -> AuditView:
    fields = entry.model_dump(include={"id", "action", "object_id", "request_id", "details"})
    actor = Actor(**parse_actor(entry.actor))
    return AuditView(**fields, at=entry.created_at, actor=actor, account=entry.account_id, livemode=livemode)
