"""The account's money: balance transactions and balance. https://docs.stripe.com/api/balance_transactions."""

from datetime import datetime, time

from rules.business_days import add_business_days, eastern, eastern_date
from sandbox.stripe import lists
from sandbox.stripe.due import when_due
from sandbox.stripe.parameters import Schema
from sandbox.stripe.shapes import CREATED, EXPAND, NOT_CONNECT, PAGE, TEXT
from sandbox.stripe.storage import Object
from sandbox.stripe.world import Call, Route, World

_ARRIVAL = time(9, 0)
_CARD_DAYS = 2


def card_fee(amount: int) -> int:
    """2.9 % and 30 cents, in cents."""
    return round_half_up(amount * 29, 1000) + 30


def bank_fee(amount: int) -> int:
    """0.8 %, at most 5 dollars, in cents."""
    return min(round_half_up(amount * 8, 1000), 500)


def round_half_up(numerator: int, denominator: int) -> int:
    """A quotient of whole numbers, rounded to the nearest one."""
    return (2 * numerator + denominator) // (2 * denominator)


def record(
    world: World, *, kind: str, category: str, amount: int, fee: int, source: str, description: str | None
) -> Object:
    """Book one movement of the account's balance; card money becomes available after two business days."""
    at_once = kind != "charge"
    available = world.moment if at_once else _card_money_arrives(world.moment)
    fees = [{"amount": fee, "application": None, "currency": "usd", "description": "Stripe fees", "type": "stripe_fee"}]
    members: Object = {
        "amount": amount,
        "available_on": int(available.timestamp()),
        "balance_type": "payments",
        "currency": "usd",
        "description": description,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": fees if fee else [],
        "net": amount - fee,
        "reporting_category": category,
        "source": source,
        "status": "available" if at_once else "pending",
        "type": kind,
    }
    made = world.add("balance_transaction", members)
    # Stripe's balance transactions carry no mode.
    del made["livemode"]
    world.save(made)
    if not at_once:
        world.schedule(available, "balance_transaction.arrive", made["id"])
    return made


@when_due("balance_transaction.arrive")
def arrive(world: World, identifier: str) -> None:
    """Pending money becomes available."""
    transaction = world.get("balance_transaction", identifier)
    world.save({**transaction, "status": "available"})


def retrieve(call: Call) -> Object:
    """GET /v1/balance_transactions/{id}."""
    return call.world.get("balance_transaction", call.id)


def index(call: Call) -> Object:
    """GET /v1/balance_transactions."""
    return lists.page(
        call, "balance_transaction", url="/v1/balance_transactions", filters=("source", "type", "currency")
    )


def balance(call: Call) -> Object:
    """GET /v1/balance: the sums of what is available and what is not yet."""
    sums = {"available": 0, "pending": 0}
    for transaction in call.world.store.find("balance_transaction"):
        sums[transaction["status"]] += transaction["net"]
    shown = {
        name: [{"amount": amount, "currency": "usd", "source_types": {"card": amount}}] for name, amount in sums.items()
    }
    return {"object": "balance", **shown, "livemode": False}


def _card_money_arrives(moment: datetime) -> datetime:
    return eastern(add_business_days(eastern_date(moment), _CARD_DAYS), _ARRIVAL)


_LIST: Schema = {
    **PAGE,
    "created": CREATED,
    "currency": TEXT,
    "payout": NOT_CONNECT,
    "source": TEXT,
    "type": TEXT,
}
ROUTES = [
    Route("GET", "/v1/balance_transactions", index, _LIST),
    Route("GET", "/v1/balance_transactions/{id}", retrieve, EXPAND),
    Route("GET", "/v1/balance", balance, EXPAND),
]
