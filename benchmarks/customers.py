"""Ten thousand funded customers and one hot one, with credentials, and charges for them."""

import itertools
import random
from datetime import UTC, datetime
from typing import Any

from ledger.charge import Charge
from ledger.driver import driver
from rules import tokens
from rules.chart import Code, Kind
from settings import DEVELOPMENT_PEPPER

COUNT = 10_000
MICROS = 5_500  # half a cent and a bit: the price of a message
_FUNDS = 10**15
NOW = datetime.now(UTC)
#: Of an operator key that may post usage; the key lies in the database like any other.
OPERATOR_SECRET = tokens.OPERATOR_PREFIX + "b" * 43
_ACCOUNTS = """
INSERT INTO account (id, name, email, timezone, status, created_at)
SELECT id, 'Customer', 'customer@prepay.example', 'America/New_York', 'active', $2 FROM unnest($1::text[]) AS id
"""
_TOKENS = """
INSERT INTO account_token (account_id, digest, created_at)
SELECT id, digest, $3 FROM unnest($1::text[], $2::text[]) AS t (id, digest)
"""
_OPEN = "SELECT ledger_open(id) FROM account"
_FUND = f"""
SELECT ledger_post(id, $1, {Kind.ADJUSTMENT:d}::smallint, 'adj_' || id, 'adj_' || id, NULL, 'brought over',
    ARRAY[{Code.EQUITY_OPENING_BALANCE:d}]::smallint[], ARRAY[{Code.SPENDABLE:d}]::smallint[], ARRAY[{_FUNDS}], true)
FROM account ORDER BY id
"""  # noqa: S608 # constants of the chart
_KEY = """
INSERT INTO operator_key (id, name, digest, scope, created_at) VALUES ('opk_benchmark', 'benchmark', $1, 'usage', $2)
"""
_DEPLOYMENT = "INSERT INTO deployment VALUES (true, 'acct_benchmark', false, $1)"


def account_id(number: int) -> str:
    """The id of a customer; `COUNT` is the hot one's number."""
    return f"MA{number:018d}"


def token_of(number: int) -> str:
    """The Auth Token of a customer, of the length of a real one."""
    return f"{number:043d}"


HOT = account_id(COUNT)
ALL = [account_id(number) for number in range(COUNT)]


async def settle_in(owner_url: str) -> None:
    """Make and fund them all in a migrated database."""
    connection = await driver.connect(owner_url)
    try:
        numbers = range(COUNT + 1)
        ids = [account_id(number) for number in numbers]
        digests = [tokens.digest(token_of(number), pepper=DEVELOPMENT_PEPPER) for number in numbers]
        await connection.execute(_ACCOUNTS, ids, NOW)
        await connection.execute(_TOKENS, ids, digests, NOW)
        await connection.execute(_OPEN)
        await connection.execute(_FUND, NOW)
        await connection.execute(_KEY, tokens.digest(OPERATOR_SECRET, pepper=DEVELOPMENT_PEPPER), NOW)
        await connection.execute(_DEPLOYMENT, NOW)
    finally:
        await connection.close()


class Charges:
    """New charges, each with a reference of its own, judged by the epochs that the book has."""

    _numbers = itertools.count()

    def __init__(self, epochs: dict[str, int]) -> None:
        self._epochs = epochs

    @classmethod
    async def over(cls, connection: Any) -> "Charges":
        """Read the epochs."""
        return cls(dict(await connection.fetch("SELECT account_id, epoch FROM ledger_balance")))

    def on(self, account: str) -> Charge:
        """One charge of an account."""
        reference = f"call-{next(self._numbers):015d}"
        return Charge(account_id=account, reference=reference, amount_micros=MICROS, epoch=self._epochs[account])

    def hot(self) -> Charge:
        """One charge of the hot account."""
        return self.on(HOT)

    def any(self) -> Charge:
        """One charge of any of the others."""
        return self.on(random.choice(ALL))  # noqa: S311 # load, not a secret
