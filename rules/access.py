"""Who may do what: the callers, the scopes of operators' keys, and the one decision (requirement I6)."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

Scope = Literal["read", "usage", "money", "admin"]
#: Each scope includes those before it.
SCOPES: tuple[Scope, ...] = ("read", "usage", "money", "admin")


def scope_of(name: str) -> Scope:
    """The scope of this name. Raises LookupError if there is none."""
    for scope in SCOPES:
        if scope == name:
            return scope
    raise LookupError(f"no scope {name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who sent a request. ``scope`` is an operator's; the ``id`` of an account or subaccount is its Auth ID."""

    kind: Literal["operator", "account", "subaccount"]
    id: str
    name: str
    scope: Scope | None = None
    account_id: str | None = None
    """The main account of a subaccount."""
    request_id: str = ""

    @property
    def is_operator(self) -> bool:
        """Whether an operator's key was shown."""
        return self.kind == "operator"

    @property
    def actor(self) -> str:
        """How the audit log names this caller; ``parse_actor`` reads it."""
        return f"{self.kind}:{self.id}:{self.name}"


def parse_actor(actor: str) -> dict[str, str]:
    """The parts of ``Caller.actor``: ``kind``, ``id`` and ``name``."""
    kind, actor_id, name = actor.split(":", 2)
    return {"kind": kind, "id": actor_id, "name": name}


@dataclass(frozen=True, slots=True)
class Need:
    """What a route asks for: an operator's ``scope``; who else may do it, and whether operators may at all."""

    scope: Scope
    owner: bool
    """The account itself, under its own id."""
    subaccount: bool = False
    """A subaccount of that account, under the account's id."""
    operators: bool = True


class Verdict(Enum):
    """The answer to a caller: go on, 403, or 404 because the object is another's."""

    ALLOWED = "allowed"
    FORBIDDEN = "forbidden"
    HIDDEN = "hidden"


def judge(caller: Caller, need: Need, *, account_id: str | None) -> Verdict:
    """Whether ``caller`` may do what ``need`` describes to ``account_id``, the account in the path if there is one."""
    if caller.is_operator:
        enough = caller.scope is not None and SCOPES.index(caller.scope) >= SCOPES.index(need.scope)
        return Verdict.ALLOWED if enough and need.operators else Verdict.FORBIDDEN
    is_subaccount = caller.kind == "subaccount"
    if account_id is not None and account_id != (caller.account_id if is_subaccount else caller.id):
        return Verdict.HIDDEN
    may = need.subaccount if is_subaccount else need.owner
    return Verdict.ALLOWED if may and account_id is not None else Verdict.FORBIDDEN
