"""A posting by an operator's hand."""

from sqlalchemy import BigInteger
from sqlmodel import Field

from models.base import Record


class Adjustment(Record, table=True):
    """A posting by an operator's hand (requirement H7); ``amount_micros`` alone may be negative."""

    account_id: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    amount_micros: int = Field(sa_type=BigInteger)
    currency: str = "usd"
    kind: str
    reason: str
    actor: str
    idempotency_key: str
    request_digest: str
