"""Whatever is asked in whatever order: no crash, at most one success for an intent, and sums that agree."""

import random

import pytest
from sandbox_client import ACCEPTANCE, Sandbox

from sandbox.stripe import parameters
from sandbox.stripe.errors import StripeError
from sandbox.stripe.router import ROUTES

ODD = ["", "x", "-1", "x" * 6000, "true", "\x00", {}, {"0": "x"}, {"a": "b"}, {"0": {"a": {"b": "c"}}}]
CARDS = ["pm_card_visa", "pm_card_chargeCustomerFail", "pm_card_authenticationRequired", "pm_card_createDispute"]
BANKS = ["pm_usBankAccount_success", "pm_usBankAccount_accountClosed", "pm_usBankAccount_dispute"]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_odd_values_are_read_or_refused(route):
    refusals: list[StripeError] = []
    for name in route.params:
        for value in ODD:
            try:
                parameters.read({name: value}, route.params)
            except StripeError as error:
                refusals.append(error)
    assert all((error.status, error.stored) == (400, False) for error in refusals)
    assert len(refusals) >= len(route.params)


async def test_no_route_breaks_on_identifiers_that_are_none(sandbox: Sandbox):
    for route in ROUTES:
        for identifier in ("x", "pm_card_visa", "cus_none", "%00"):
            path = route.path
            while "{" in path:
                path = path[: path.index("{")] + identifier + path[path.index("}") + 1 :]
            answer = await sandbox.call(route.method, path, body={} if route.method == "POST" else None)
            assert answer.status < 500, path


class Walk:
    """A random walk through everything that can be done with a few customers."""

    def __init__(self, sandbox: Sandbox, seed: int) -> None:
        self.sandbox = sandbox
        self.random = random.Random(seed)
        self.customers: list[str] = []
        self.methods: list[tuple[str, str]] = []
        self.intents: list[tuple[str, str]] = []

    async def begin(self) -> None:
        for _ in range(2):
            customer = await self.sandbox.customer()
            self.customers.append(customer)
            self.methods += [(customer, await self.sandbox.card(customer, token)) for token in CARDS]
            self.methods += [(customer, await self.sandbox.bank_account(customer, token)) for token in BANKS]

    async def step(self) -> None:
        acts = [self.create, self.create, self.confirm, self.confirm, self.confirm, self.cancel, self.refund, self.wait,
                self.authenticate, self.settle, self.come_back, self.dispute, self.close, self.update]  # fmt: skip
        answer = await self.random.choice(acts)()
        assert answer is None or answer.status < 500, answer.body

    def any_intent(self) -> tuple[str, str]:
        return self.random.choice(self.intents) if self.intents else ("cus_none", "pi_none")

    def any_method(self, customer: str) -> str:
        return self.random.choice([method for owner, method in self.methods if owner == customer] or ["pm_none"])

    async def create(self):
        customer = self.random.choice(self.customers)
        answer = await self.sandbox.intent(customer, amount=self.random.randint(50, 100_000))
        self.intents.append((customer, answer["id"]))
        return answer

    async def confirm(self):
        customer, intent = self.any_intent()
        params = {"payment_method": self.any_method(customer), "mandate_data": ACCEPTANCE}
        if self.random.random() < 0.5:
            params["off_session"] = True
        return await self.sandbox.post(f"/v1/payment_intents/{intent}/confirm", params)

    async def update(self):
        customer, intent = self.any_intent()
        return await self.sandbox.post(
            f"/v1/payment_intents/{intent}", {"payment_method": self.any_method(customer), "amount": 2500}
        )

    async def cancel(self):
        return await self.sandbox.post(f"/v1/payment_intents/{self.any_intent()[1]}/cancel")

    async def refund(self):
        return await self.sandbox.post("/v1/refunds", {"payment_intent": self.any_intent()[1]})

    async def wait(self):
        return await self.sandbox.control("clock", {"advance_hours": self.random.choice([1, 24, 96])})

    async def authenticate(self):
        outcome = {"outcome": self.random.choice(["succeed", "fail"])}
        return await self.sandbox.control(f"payment_intents/{self.any_intent()[1]}/authenticate", outcome)

    async def settle(self):
        return await self.sandbox.control(f"payment_intents/{self.any_intent()[1]}/settle")

    async def come_back(self):
        code = {"code": self.random.choice(["R01", "R02", "R10", "R17"])}
        return await self.sandbox.control(f"payment_intents/{self.any_intent()[1]}/return", code)

    async def dispute(self):
        shown = await self.sandbox.get(f"/v1/payment_intents/{self.any_intent()[1]}")
        charge = shown.body.get("latest_charge") or "ch_none"
        return await self.sandbox.control(f"charges/{charge}/dispute")

    async def close(self):
        open_ones = (await self.sandbox.get("/v1/disputes", limit=100))["data"]
        if open_ones:
            dispute, status = self.random.choice(open_ones)["id"], self.random.choice(["won", "lost"])
            return await self.sandbox.control(f"disputes/{dispute}/close", {"status": status})
        return None


async def everything(sandbox: Sandbox, path: str) -> list[dict]:
    found: list[dict] = []
    more = True
    while more:
        page = await sandbox.get(path, limit=100, **({"starting_after": found[-1]["id"]} if found else {}))
        found, more = found + page["data"], page["has_more"]
    return found


@pytest.mark.parametrize("seed", range(6))
async def test_a_random_walk_keeps_the_books(sandbox: Sandbox, seed: int):
    walk = Walk(sandbox, seed)
    await walk.begin()
    for _ in range(70):
        await walk.step()
    intents = await everything(sandbox, "/v1/payment_intents")
    charges = await everything(sandbox, "/v1/charges")
    money = await everything(sandbox, "/v1/balance_transactions")
    disputes = await everything(sandbox, "/v1/disputes")
    refunds = await everything(sandbox, "/v1/refunds")
    succeeded = [charge for charge in charges if charge["status"] == "succeeded"]
    paid = {intent["id"]: intent for intent in intents if intent["status"] == "succeeded"}
    assert sorted(charge["payment_intent"] for charge in succeeded) == sorted(paid)
    assert {charge["id"] for charge in succeeded} == {intent["latest_charge"] for intent in paid.values()}
    pending = {charge["payment_intent"] for charge in charges if charge["status"] == "pending"}
    assert pending == {intent["id"] for intent in intents if intent["status"] == "processing"}
    booked = {one["id"]: one for one in money}
    assert all(booked[charge["balance_transaction"]]["amount"] == charge["amount"] for charge in succeeded)
    gone = [charge for charge in charges if charge["status"] != "succeeded"]
    assert all(charge["balance_transaction"] is None for charge in gone)
    expected = sum(charge["amount"] for charge in succeeded)
    expected += sum(one["amount"] for dispute in disputes for one in dispute["balance_transactions"])
    expected -= sum(refund["amount"] for refund in refunds if refund["balance_transaction"])
    assert sum(one["amount"] for one in money) == expected
    balance = await sandbox.get("/v1/balance")
    assert balance["available"][0]["amount"] + balance["pending"][0]["amount"] == sum(one["net"] for one in money)
    last = {event["data"]["object"]["id"]: event["type"] for event in await sandbox.events()}
    assert all(last[intent] == "payment_intent.succeeded" for intent in paid)
