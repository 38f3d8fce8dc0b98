"""What requests and answers of Plivo's resources share."""

from datetime import UTC, date, datetime
from typing import Annotated, Literal

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from api.plivo.errors import PREFIX
from api.shapes import Shape
from rules.problems import Problem


def _flag(value: object) -> object:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


#: A truth value; the Node SDK sends it as text.
Flag = Annotated[
    bool,
    BeforeValidator(_flag),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "string", "enum": ["true", "false"]}]}),
]


class Addressed(Shape):
    """A body that may name once more the object that its path names."""

    auth_id: str | None = Field(default=None, description="May be left out; else the one in the path")

    def check_address(self, auth_id: str) -> None:
        """Raises Problem ``invalid_field`` when the body names another object than the path, ``auth_id``."""
        if self.auth_id is not None and self.auth_id != auth_id:
            raise Problem("invalid_field", "auth_id: is not the one in the path", param="auth_id")


class Answer(BaseModel):
    """What every answer has."""

    api_id: str = Field(description="The id of the request, as in the header X-Request-Id")


class Changed(Answer):
    """The answer to a change."""

    message: Literal["changed"] = "changed"


def api_id(request: Request) -> str:
    """The id of the request."""
    found: str = request.state.request_id
    return found


def account_uri(account_id: str) -> str:
    """Where an account is."""
    return f"{PREFIX}{account_id}/"


def day(moment: datetime) -> date:
    """The plain date of a moment, in UTC."""
    return moment.astimezone(UTC).date()
