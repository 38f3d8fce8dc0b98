"""The processor account that this database belongs to."""

from sqlmodel import Field

from models.base import Record


class Deployment(Record, table=True):
    """The processor account and mode to which this database belongs, stored at first start (requirement I7)."""

    only: bool = Field(default=True, primary_key=True)
    processor_account: str
    livemode: bool
