"""Stripe's error objects: https://docs.stripe.com/api/errors."""

from dataclasses import dataclass, field
from typing import Any, Literal

ErrorType = Literal["api_error", "card_error", "idempotency_error", "invalid_request_error"]
DOCS = "https://stripe.com/docs/error-codes/"


@dataclass(eq=False)
class StripeError(Exception):
    """An answer that is not a 200.

    Attributes:
        status: the HTTP status.
        type: one of the four wire types.
        code: Stripe's error code, a stable word.
        param: the parameter at fault, in bracket form.
        details: further members of the error object: ``decline_code``, ``payment_intent`` ...
        headers: headers of the answer beside the usual ones.
        keeps: whether what the request did before it failed stays: a decline keeps its charge.
        stored: whether an idempotency key remembers this answer. Refusals before execution are not remembered.
    """

    message: str
    status: int = 400
    type: ErrorType = "invalid_request_error"
    code: str | None = None
    param: str | None = None
    details: dict[str, Any] = field(default_factory=dict[str, Any])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    keeps: bool = False
    stored: bool = True

    def __str__(self) -> str:
        return self.message

    def body(self) -> dict[str, Any]:
        """The error as it goes over the wire; members that are null are left out, as Stripe does."""
        members = {"code": self.code, "message": self.message, "param": self.param, "type": self.type, **self.details}
        if self.code is not None:
            members["doc_url"] = DOCS + self.code.replace("_", "-")
        return {"error": {name: value for name, value in sorted(members.items()) if value is not None}}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> StripeError:
    """A parameter that cannot be read or is not allowed: found before anything ran, so no key remembers it."""
    return StripeError(message, param=param, code=code, stored=False)


def refused(
    message: str, *, code: str | None = None, param: str | None = None, details: dict[str, Any] | None = None
) -> StripeError:
    """A request that was understood and cannot be carried out in the present state (400)."""
    return StripeError(message, code=code, param=param, details=details or {})


def missing(noun: str, identifier: str, *, param: str = "id") -> StripeError:
    """404 for an object that does not exist, in Stripe's words."""
    status = 404 if param in {"id", "intent"} else 400
    return StripeError(f"No such {noun}: '{identifier}'", status=status, code="resource_missing", param=param)
