"""A way to speak to a sandbox that lets Stripe's description judge every answer."""

from dataclasses import dataclass
from typing import Any

import httpx2
from stripe_description import FOLDER, description

from sandbox.stripe.server import Server

KEY = "sk_test_sandbox"
ACCEPTANCE = {"customer_acceptance": {"type": "online", "online": {"ip_address": "127.0.0.1", "user_agent": "pytest"}}}
DESCRIBED = (FOLDER / "openapi-subset.json").exists()


@dataclass(frozen=True)
class Answer:
    """Status, body and headers."""

    status: int
    body: Any
    headers: httpx2.Headers

    def __getitem__(self, name: str) -> Any:
        return self.body[name]

    @property
    def error(self) -> dict[str, Any]:
        return self.body["error"]


def form(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Nested values with Stripe's brackets."""
    if isinstance(value, dict):
        return [pair for key, item in value.items() for pair in form(item, f"{name}[{key}]" if name else key)]
    if isinstance(value, list):
        return [pair for n, item in enumerate(value) for pair in form(item, f"{name}[{n}]")]
    return [(name, str(value).lower() if isinstance(value, bool) else str(value))]


class Sandbox:
    """Speaks to a sandbox over HTTP."""

    def __init__(self, server: Server, client: httpx2.AsyncClient) -> None:
        self.server = server
        self.url = server.url
        self._client = client

    async def get(self, path: str, **params: Any) -> Answer:
        return await self.call("GET", path, query=params)

    async def post(self, path: str, params: dict[str, Any] | None = None, *, key: str | None = None) -> Answer:
        return await self.call("POST", path, body=params or {}, key=key)

    async def delete(self, path: str) -> Answer:
        return await self.call("DELETE", path)

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, Any] | None = None,
        body: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> Answer:
        headers = {"Authorization": f"Bearer {KEY}"} | ({"Idempotency-Key": key} if key else {})
        data = dict(form(body)) if body is not None else None
        response = await self._client.request(
            method, self.url + path, params=dict(form(query or {})), data=data, headers=headers
        )
        answer = Answer(response.status_code, response.json(), response.headers)
        if DESCRIBED:
            description().check_answer(method, path, answer.status, answer.body)
        return answer

    async def control(self, path: str, body: dict[str, Any] | None = None, *, method: str = "POST") -> Answer:
        response = await self._client.request(method, f"{self.url}/_sandbox/{path}", json=body)
        return Answer(response.status_code, response.json(), response.headers)

    async def counts(self) -> dict[str, Any]:
        return (await self.control("counts", method="GET")).body

    async def days(self, count: int) -> None:
        assert (await self.control("clock", {"advance_business_days": count})).status == 200

    async def fault(self, **spec: Any) -> None:
        assert (await self.control("faults", spec)).status == 200

    async def customer(self) -> str:
        return (await self.post("/v1/customers", {"name": "Jenny Rosen"}))["id"]

    async def card(self, customer: str, token: str = "pm_card_visa") -> str:
        return (await self.post(f"/v1/payment_methods/{token}/attach", {"customer": customer}))["id"]

    async def setup(self, customer: str, token: str = "pm_usBankAccount_success", **more: Any) -> Answer:
        """A setup intent of a bank account that waits for its microdeposits."""
        params = {
            "customer": customer,
            "payment_method_types": ["us_bank_account"],
            "payment_method": token,
            "payment_method_options": {"us_bank_account": {"verification_method": "microdeposits"}},
            "mandate_data": ACCEPTANCE,
            "confirm": True,
        }
        return await self.post("/v1/setup_intents", params | more)

    async def bank_account(self, customer: str, token: str = "pm_usBankAccount_success") -> str:
        """A verified bank account."""
        intent = await self.setup(customer, token)
        verified = await self.verify(intent["id"], descriptor_code="SM11AA")
        assert verified["status"] == "succeeded"
        return verified["payment_method"]

    async def verify(self, intent: str, **params: Any) -> Answer:
        kind = "setup_intents" if intent.startswith("seti") else "payment_intents"
        return await self.post(f"/v1/{kind}/{intent}/verify_microdeposits", params)

    async def intent(self, customer: str, method: str | None = None, **more: Any) -> Answer:
        """A payment intent, confirmed off session if a method is named."""
        params: dict[str, Any] = {
            "amount": 2500,
            "currency": "usd",
            "customer": customer,
            "payment_method_types": ["card", "us_bank_account"],
        }
        if method is not None:
            params |= {"payment_method": method, "confirm": True, "off_session": True}
        return await self.post("/v1/payment_intents", params | more)

    async def retrieve(self, intent: str, *expand: str) -> Answer:
        kind = "setup_intents" if intent.startswith("seti") else "payment_intents"
        return await self.get(f"/v1/{kind}/{intent}", **({"expand": list(expand)} if expand else {}))

    async def events(self, *, about: str | None = None) -> list[dict[str, Any]]:
        """All events, oldest first; of one object, where one is named."""
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = await self.get("/v1/events", limit=100, **cursor)
            found += page["data"]
            if not page["has_more"]:
                break
            cursor = {"starting_after": found[-1]["id"]}
        return [event for event in reversed(found) if about in {None, event["data"]["object"]["id"]}]

    async def event_types(self, *, about: str | None = None) -> list[str]:
        return [event["type"] for event in await self.events(about=about)]

    async def check_events(self) -> None:
        """Every event tells of an object that is what Stripe's description says."""
        for event in await self.events():
            described = event["data"]["object"]
            description().check_object(described["object"], described)
