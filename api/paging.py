"""Query parameters that every list takes."""

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from api.shapes import Moment
from store.paging import Page

MAX_LIMIT = 100


class ListQuery(BaseModel):
    """Paging and times. A list with filters of its own adds fields; unknown parameters are refused."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=10, ge=1, le=MAX_LIMIT, description="How many objects")
    starting_after: str | None = Field(default=None, max_length=64, description="Only objects older than this id")
    ending_before: str | None = Field(default=None, max_length=64, description="Only objects newer than this id")
    created_gte: Moment | None = Field(default=None, alias="created[gte]", description="Made at this time or later")
    created_lt: Moment | None = Field(default=None, alias="created[lt]", description="Made before this time")

    @model_validator(mode="after")
    def _one_direction(self) -> "ListQuery":
        if self.starting_after is not None and self.ending_before is not None:
            raise PydanticCustomError("one_direction", "starting_after and ending_before exclude each other")
        return self

    @property
    def page(self) -> Page:
        """What ``store`` is asked for."""
        return Page(
            limit=self.limit,
            starting_after=self.starting_after,
            ending_before=self.ending_before,
            created_gte=self.created_gte,
            created_lt=self.created_lt,
        )
