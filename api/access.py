"""Credentials into a caller, and the check that a route asks for."""

import base64
import binascii
import hmac
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from api.context import Context, get_context
from models.account import Account
from rules.access import Caller, Need, Scope, Verdict, judge, scope_of
from rules.ids import ACCOUNT_ID
from rules.problems import Problem
from rules.tokens import OPERATOR_PREFIX, matches
from store import accounts, operators

DEVELOPMENT_KEY_ID = "development"
_LONGEST = 200


class Access:
    """A route's requirement, as a dependency that gives its Caller: ``Depends(Access("money", owner=True))``.

    The check itself runs in ``api.routing.Route`` before the body is read.
    """

    def __init__(self, scope: Scope, *, owner: bool = False) -> None:
        self.need = Need(scope, owner)

    async def __call__(self, request: Request) -> Caller:
        caller: Caller = request.state.caller
        return caller


async def admit(request: Request, need: Need) -> None:
    """Find out who calls and whether they may; keep the caller, and the account that the path names, with the request.

    Raises Problem ``unauthenticated``, ``forbidden`` or ``not_found``.
    """
    context = get_context(request)
    account_id: str | None = request.path_params.get("account_id")
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    async with context.database.transaction() as session:
        caller = await _identify(session, context, request, scheme=scheme.lower(), given=given.strip())
        match judge(caller, need, account_id=account_id):
            case Verdict.HIDDEN:
                raise _no_account()
            case Verdict.FORBIDDEN:
                raise _forbidden(caller, need)
            case Verdict.ALLOWED:
                pass
        if account_id is not None:
            known = ACCOUNT_ID.fullmatch(account_id)
            request.state.account = await accounts.find(session, account_id) if known else None
            if request.state.account is None:
                raise _no_account()
        await context.learn_mode(session)
    request.state.caller = caller


async def own_account(request: Request) -> Account:
    """The account in the path, which the caller may see."""
    account: Account = request.state.account
    return account


OwnAccount = Annotated[Account, Depends(own_account)]


async def _identify(session: AsyncSession, context: Context, request: Request, *, scheme: str, given: str) -> Caller:
    request_id: str = request.state.request_id
    if not given.isascii() or len(given) > _LONGEST:
        raise _unauthenticated()
    if scheme == "bearer" and given.startswith(OPERATOR_PREFIX):
        if context.development_key is not None and hmac.compare_digest(given, context.development_key):
            return Caller(
                kind="operator", id=DEVELOPMENT_KEY_ID, name="development key", scope="admin", request_id=request_id
            )
        key = await operators.find_by_secret(session, given, pepper=context.pepper, now=context.now())
        if key is not None:
            return Caller(kind="operator", id=key.id, name=key.name, scope=scope_of(key.scope), request_id=request_id)
    if scheme == "basic":
        auth_id, token = _basic(given)
        if ACCOUNT_ID.fullmatch(auth_id):
            digests = await accounts.valid_digests(session, auth_id, now=context.now())
            if matches(token, digests, pepper=context.pepper):
                return Caller(kind="account", id=auth_id, name=auth_id, request_id=request_id)
    raise _unauthenticated()


def _basic(given: str) -> tuple[str, str]:
    try:
        auth_id, _, token = base64.b64decode(given, validate=True).decode("ascii").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise _unauthenticated() from None
    return auth_id, token


def _unauthenticated() -> Problem:
    return Problem("unauthenticated", "Send a valid operator key or a valid Auth ID with its Auth Token.")


def _forbidden(caller: Caller, need: Need) -> Problem:
    if caller.is_operator:
        return Problem("forbidden", f"This needs an operator key of scope {need.scope}; yours is {caller.scope}.")
    return Problem("forbidden", f"This is for operators with a key of scope {need.scope}.")


def _no_account() -> Problem:
    return Problem("not_found", "There is no such account.")
