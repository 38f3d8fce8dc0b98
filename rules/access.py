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
    """Who sent a request. ``scope`` is an operator's; an account's ``id`` is its Auth ID."""

    kind: Literal["operator", "account"]
    id: str
    name: str
    scope: Scope | None = None
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
    """What a route asks for: an operator's ``scope``; ``owner`` says that the account itself may do it too."""

    scope: Scope
    owner: bool


class Verdict(Enum):
    """The answer to a caller: go on, 403, or 404 because the object is another's."""

    ALLOWED = "allowed"
    FORBIDDEN = "forbidden"
    HIDDEN = "hidden"


def judge(caller: Caller, need: Need, *, account_id: str | None) -> Verdict:
    """Whether ``caller`` may do what ``need`` describes to ``account_id``, the account in the path if there is one."""
    if caller.is_operator:
        enough = caller.scope is not None and SCOPES.index(caller.scope) >= SCOPES.index(need.scope)
        return Verdict.ALLOWED if enough else Verdict.FORBIDDEN
    if account_id is not None and account_id != caller.id:
        return Verdict.HIDDEN
    return Verdict.ALLOWED if need.owner and account_id is not None else Verdict.FORBIDDEN
