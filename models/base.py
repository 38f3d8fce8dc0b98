"""What every record shares: column types and the table registry."""

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Table, inspect
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

JSON = dict[str, Any]


def timestamp(*, nullable: bool = False) -> Any:
    """A ``timestamptz`` column."""
    return Field(default=None, sa_type=DateTime(timezone=True), nullable=nullable)  # pyright: ignore[reportArgumentType, reportCallIssue]


def json_object() -> Any:
    """A ``jsonb`` column holding an object, empty by default."""
    return Field(default_factory=dict, sa_type=JSONB, nullable=False)


def json_or_null() -> Any:
    """A ``jsonb`` column holding an object, or nothing."""
    return Field(default=None, sa_type=JSONB(none_as_null=True), nullable=True)  # pyright: ignore[reportArgumentType, reportCallIssue]


class Record(SQLModel):
    """A row of ours. Times are aware and in UTC."""

    created_at: datetime = timestamp()


def table_of(model: type[Record]) -> Table:
    """The table itself: a statement on it is built once, and costs a third of a record that the session keeps."""
    return inspect(model).local_table  # pyright: ignore[reportReturnType]
