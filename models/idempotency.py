"""Answers kept for replays."""

import sqlalchemy
from sqlmodel import Field

from models.base import JSON, Record


class IdempotentAnswer(Record, table=True):
    """The answer first given under an Idempotency-Key, replayed for 30 days (rule C3)."""

    __tablename__ = "idempotent_answer"  # pyright: ignore[reportAssignmentType]

    account_id: str = Field(primary_key=True)
    route: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    request_digest: str
    status: int
    body: JSON | None = Field(default=None, sa_type=sqlalchemy.JSON(none_as_null=True))  # pyright: ignore[reportArgumentType]
    """As it was written, with the order of its members."""
