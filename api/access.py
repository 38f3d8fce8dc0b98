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
from rules.ids import ACCOUNT_ID, SUBACCOUNT_ID
from rules.problems import Problem
from rules.tokens import OPERATOR_PREFIX, matches
from store import accounts, operators, subaccounts

DEVELOPMENT_KEY_ID = "development"
LONGEST = 200


class Access:
    """A route's requirement, as a dependency that gives its Caller: ``Depends(Access("money", owner=True))``.

    The check itself runs in ``api.routing.Route`` before the body is read.
    """

    def __init__(self, scope: Scope, *, owner: bool = False, subaccount: bool = False, operators: bool = True) -> None:
        self.need = Need(scope, owner, subaccount, operators)

    async def admit(self, request: Request) -> None:
        """Find out who calls and whether they may.

        Raises Problem ``unauthenticated``, ``forbidden`` or ``not_found``.
        """
        await admit(request, self.need)

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
                raise no_account()
            case Verdict.FORBIDDEN:
                raise forbidden(caller, need)
            case Verdict.ALLOWED:
                pass
        if account_id is not None:
            known = ACCOUNT_ID.fullmatch(account_id)
            request.state.account = await accounts.find(session, account_id) if known else None
            if request.state.account is None:
                raise no_account()
        await context.learn_mode(session)
    request.state.caller = caller


async def own_account(request: Request) -> Account:
    """The account in the path, which the caller may see."""
    account: Account = request.state.account
    return account


OwnAccount = Annotated[Account, Depends(own_account)]


async def _identify(session: AsyncSession, context: Context, request: Request, *, scheme: str, given: str) -> Caller:
    request_id: str = request.state.request_id
    if not given.isascii() or len(given) > LONGEST:
        raise unauthenticated()
    if scheme == "bearer" and given.startswith(OPERATOR_PREFIX):
        if context.development_key is not None and hmac.compare_digest(given, context.development_key):
            return Caller(
                kind="operator", id=DEVELOPMENT_KEY_ID, name="development key", scope="admin", request_id=request_id
            )
        key = await operators.find_by_secret(session, given, pepper=context.pepper, now=context.now())
        if key is not None:
            return Caller(kind="operator", id=key.id, name=key.name, scope=scope_of(key.scope), request_id=request_id)
    if scheme == "basic":
        auth_id, token = basic(given)
        caller = await _by_token(session, context, auth_id, token, request_id=request_id)
        if caller is not None:
            return caller
    raise unauthenticated()


async def _by_token(
    session: AsyncSession, context: Context, auth_id: str, token: str, *, request_id: str
) -> Caller | None:
    """The account or subaccount, a disabled one too, whose Auth Token this is; a deleted one has none."""
    if ACCOUNT_ID.fullmatch(auth_id):
        digests = await accounts.valid_digests(session, auth_id, now=context.now())
        if matches(token, digests, pepper=context.pepper):
            return Caller(kind="account", id=auth_id, name=auth_id, request_id=request_id)
    elif SUBACCOUNT_ID.fullmatch(auth_id):
        row = await subaccounts.find_by_auth_id(session, auth_id)
        if row is not None:
            digests = await subaccounts.valid_digests(session, row, now=context.now())
            if matches(token, digests, pepper=context.pepper):
                return Caller(
                    kind="subaccount", id=auth_id, name=auth_id, account_id=row.account_id, request_id=request_id
                )
    return None


def basic(given: str) -> tuple[str, str]:
    """Auth ID and Auth Token. Raises Problem ``unauthenticated``."""
    try:
        auth_id, _, token = base64.b64decode(given, validate=True).decode("ascii").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise unauthenticated() from None
    return auth_id, token


def unauthenticated() -> Problem:
    """401."""
    return Problem("unauthenticated", "Send a valid operator key or a valid Auth ID with its Auth Token.")


def forbidden(caller: Caller, need: Need) -> Problem:
    """403, with what would be needed."""
    if caller.is_operator and not need.operators:
        return Problem("forbidden", "This is for the account's own credentials alone.")
    if caller.is_operator:
        return Problem("forbidden", f"This needs an operator key of scope {need.scope}; yours is {caller.scope}.")
    if caller.kind == "subaccount":
        return Problem("forbidden", "A subaccount's credentials are for usage and holds alone.")
    return Problem("forbidden", f"This is for operators with a key of scope {need.scope}.")


def no_account() -> Problem:
    """404, for an account that is another's as for one that is not there."""
    return Problem("not_found", "There is no such account.")
