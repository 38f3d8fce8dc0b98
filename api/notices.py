"""Notices: what was told about an account, to whom, and what became of each copy (requirement A9)."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from api.access import Access, OwnAccount
from api.context import InContext
from api.paging import ListQuery
from api.routing import router as make_router
from api.shapes import Amount, Listing, Moment, Resource
from models.notice import Notice, NoticeRecipient
from rules.access import Caller
from rules.money import Money
from store import notices

router = make_router("Notices")
State = Literal["pending", "sent", "failed", "superseded"]


class NoticesQuery(ListQuery):
    """Filters of notices."""

    kind: str | None = Field(default=None, max_length=64, description="Only this kind, such as recharge_settled")
    status: State | None = Field(default=None, description="Only notices in this state")


class RecipientView(BaseModel):
    """One address that a notice goes to."""

    email: str
    state: State = Field(description="`failed`: the mail server refuses it for good")
    sent_at: Moment | None = Field(description="When the mail server took it")
    tries: int = Field(description="How often the mail server was asked to take this copy")
    last_tried_at: Moment | None
    last_error: str | None = Field(description="Why the last try failed; a mail server that is down is asked again")


class NoticeView(Resource):
    """One notice. It goes out by mail, at least once, always with the same Message-ID."""

    id: str
    kind: str
    cause: str = Field(description="The record or event that caused it: a notice is made once for each")
    at: Moment
    state: State = Field(description="`superseded`: not mailed, for its reason was over, or it was older than 6 hours")
    superseded_reason: str | None = Field(description="`too_old`, or what its subject had become")
    threshold: Amount | None = Field(description="Of a `balance_alert`: the amount that available went below")
    balance: Amount | None = Field(description="Of a notice about the balance: what was available then")
    audience: Literal["owner", "operators"]
    recipients: list[RecipientView]


@router.get("/v1/accounts/{account_id}/notices")
async def list_notices(
    query: Annotated[NoticesQuery, Query()],
    account: OwnAccount,
    context: InContext,
    caller: Annotated[Caller, Depends(Access("read", owner=True))],
) -> Listing[NoticeView]:
    """List an account's notices, newest first. What is for operators is shown to operators alone."""
    async with context.database.transaction() as session:
        found, more = await notices.page(
            session,
            query.page,
            account_id=account.id,
            audience=None if caller.is_operator else "owner",
            kind=query.kind,
            state=query.status,
        )
        recipients = await notices.recipients(session, [notice.id for notice in found])
    return Listing(data=[_view(notice, recipients, livemode=context.livemode) for notice in found], has_more=more)


def _view(notice: Notice, recipients: Sequence[NoticeRecipient], *, livemode: bool) -> NoticeView:
    threshold, balance = notice.facts.get("threshold_micros"), notice.facts.get("balance_micros")
    return NoticeView(
        **notice.model_dump(include={"id", "kind", "cause", "state", "superseded_reason", "audience"}),
        at=notice.created_at,
        threshold=None if threshold is None else Money(threshold),
        balance=None if balance is None else Money(balance),
        recipients=[
            RecipientView(**row.model_dump(include=set(RecipientView.model_fields)))
            for row in recipients
            if row.notice_id == notice.id
        ],
        livemode=livemode,
    )
