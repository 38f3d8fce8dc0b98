"""Access of the routes that are called millions of times a day: the same decision, from facts kept in memory.

Operators' keys are kept for half a second, accounts' and subaccounts' tokens too; and a charge is refused by the book
when the account's epoch has moved, so that no charge is ever posted by an old fact.
"""

import hmac
from typing import Any

from fastapi import Request

from api.access import DEVELOPMENT_KEY_ID, LONGEST, Access, basic, forbidden, no_account, unauthenticated
from api.context import Context, get_context
from api.outages import outages_answered
from rules.access import Caller, Verdict, judge
from rules.ids import ACCOUNT_ID, SUBACCOUNT_ID
from rules.tokens import OPERATOR_PREFIX, matches
from store.spenders import Known

FRESH_SECONDS = 0.5


class SpendingAccess(Access):
    """``Depends(SpendingAccess("usage", owner=True, subaccount=True))``: no transaction of its own."""

    async def admit(self, request: Request) -> None:
        """Find out who calls and whether they may. Raises Problem ``unauthenticated``, ``forbidden``, ``not_found``."""
        context = get_context(request)
        account_id: str | None = request.path_params.get("account_id")
        with outages_answered():
            caller = await _identify(context, request)
            verdict = judge(caller, self.need, account_id=account_id)
            if verdict is Verdict.HIDDEN:
                raise no_account()
            if verdict is Verdict.FORBIDDEN:
                raise forbidden(caller, self.need)
            if account_id is not None and await _account(context, account_id) is None:
                raise no_account()
            await context.learn_mode_soon()
        request.state.caller = caller


async def find_token(context: Context, auth_id: str, token: str) -> Known | None:
    """The account or subaccount whose valid Auth Token this is; a disabled one too, a deleted one has none."""
    subaccount_id = None
    account_id: str | None = None
    if ACCOUNT_ID.fullmatch(auth_id):
        account_id = auth_id
    elif SUBACCOUNT_ID.fullmatch(auth_id):
        subaccount_id, account_id = auth_id, await context.spenders.main_of(auth_id)
    if account_id is None:
        return None
    known = await context.spenders.known(account_id, subaccount_id, fresh_seconds=FRESH_SECONDS)
    if known is None or not matches(token, known.digests(context.now()), pepper=context.pepper):
        return None
    return known


async def _identify(context: Context, request: Request) -> Caller:
    request_id: str = request.state.request_id
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    given = given.strip()
    if not given.isascii() or len(given) > LONGEST:
        raise unauthenticated()
    match scheme.lower():
        case "bearer" if given.startswith(OPERATOR_PREFIX):
            if context.development_key is not None and hmac.compare_digest(given, context.development_key):
                name = "development key"
                return Caller(kind="operator", id=DEVELOPMENT_KEY_ID, name=name, scope="admin", request_id=request_id)
            key = await context.operator_keys.find(given, now=context.now())
            if key is not None:
                key_id, name, scope = key
                return Caller(kind="operator", id=key_id, name=name, scope=scope, request_id=request_id)
        case "basic":
            auth_id, token = basic(given)
            known = await find_token(context, auth_id, token)
            if known is not None:
                of: dict[str, Any] = {"kind": "account"}
                if known.spender.subaccount_id is not None:
                    of = {"kind": "subaccount", "account_id": known.spender.account_id}
                return Caller(id=auth_id, name=auth_id, request_id=request_id, **of)
        case _:
            pass
    raise unauthenticated()


async def _account(context: Context, account_id: str) -> Known | None:
    return await context.spenders.known(account_id) if ACCOUNT_ID.fullmatch(account_id) else None
